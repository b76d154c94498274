"""Realistic mistakes: small changes of a correct program, each with a description that names the code."""

import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from tools.corpus.code.mutate_text import TEXT_MUTATORS

Lines = list[str]
Change = tuple[Lines, list[str]]


def depth(line: str) -> int:
    """Number of leading spaces."""
    return len(line) - len(line.lstrip())


def is_loop(line: str) -> bool:
    """Whether the line opens a loop."""
    return line.lstrip().startswith(("for ", "while "))


def loop_vars(lines: Lines) -> list[str]:
    """The variables of the for loops, in order."""
    names = []
    for line in lines:
        match = re.match(r"\s*for (\w+)(?:, (\w+))? in", line)
        if match:
            names += [g for g in match.groups() if g]
    return names


def while_text(lines: Lines) -> str:
    """All while conditions in one string."""
    return " ".join(line for line in lines if line.lstrip().startswith("while "))


def start_value(lines: Lines) -> Iterator[Change]:
    """A variable begins with the wrong value."""
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\s+)(\w+) = (-?\d+)", line)
        if not match or i == len(lines) - 1 or not any(is_loop(x) for x in lines[i + 1 :]):
            continue
        pad, var, old = match.groups()
        for new in {"0": ["1"], "1": ["0", "2"]}.get(old, ["0"]):
            if f"{var} *" in while_text(lines) or (
                new == "0" and f"{var} *= " in " ".join(lines) and while_text(lines)
            ):
                continue
            say = [
                f"starts {var} at {new} instead of {old}",
                f"begins with {var} = {new} rather than {var} = {old}",
                f"gives {var} the first value {new} instead of {old}",
            ]
            yield [*lines[:i], f"{pad}{var} = {new}", *lines[i + 1 :]], say


def start_first(lines: Lines) -> Iterator[Change]:
    """The best value so far begins at 0 instead of an item."""
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\s+)(\w+) = (None|\w+\[0\](?:\[0\])?)", line)
        if match and any(is_loop(x) for x in lines[i + 1 :]):
            pad, var, old = match.groups()
            yield (
                [*lines[:i], f"{pad}{var} = 0", *lines[i + 1 :]],
                [
                    f"starts {var} at 0 instead of {old}",
                    f"sets {var} to 0 before the loop rather than to {old}",
                ],
            )


def reset_inside(lines: Lines) -> Iterator[Change]:
    """The accumulator is set again in every round."""
    for i in range(len(lines) - 1):
        match = re.fullmatch(r"    (\w+) = (0|1|\[\]|''|\"\"|\{\})", lines[i])
        if not match or match.group(1) in while_text(lines):
            continue
        for j in range(i + 1, len(lines)):
            if is_loop(lines[j]) and depth(lines[j]) == 4:
                new = [*lines[:i], *lines[i + 1 : j + 1], "    " + lines[i], *lines[j + 1 :]]
                var, val = match.groups()
                yield (
                    new,
                    [
                        f"resets {var} to {val} in every round of the loop",
                        f"sets {var} = {val} inside the loop, which throws away the earlier work",
                    ],
                )
                break


def inner_once(lines: Lines) -> Iterator[Change]:
    """The inner accumulator is set only once."""
    for i in range(1, len(lines)):
        match = re.fullmatch(r"        (\w+) = (0|1|\[\]|''|\"\")", lines[i])
        if match and is_loop(lines[i - 1]) and depth(lines[i - 1]) == 4:
            var, val = match.groups()
            yield (
                [*lines[: i - 1], lines[i][4:], lines[i - 1], *lines[i + 1 :]],
                [
                    f"sets {var} = {val} only once, before the outer loop",
                    f"does not reset {var} for each round of the outer loop",
                ],
            )


def overwrite(lines: Lines) -> Iterator[Change]:
    """An assignment replaces += or append."""
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\s+)(\S+) (\+|\*)= (.+)", line)
        if match and not re.search(rf"\b{re.escape(match.group(2))}\b", while_text(lines)):
            pad, var, op, val = match.groups()
            verb = "adding it" if op == "+" else "multiplying by it"
            yield (
                [*lines[:i], f"{pad}{var} = {val}", *lines[i + 1 :]],
                [f"assigns {val} to {var} instead of {verb}", f"overwrites {var} with {val} in each round"],
            )
        match = re.fullmatch(r"(\s+)(\w+)\.append\((.+)\)", line)
        if match:
            pad, var, val = match.groups()
            yield (
                [*lines[:i], f"{pad}{var} = [{val}]", *lines[i + 1 :]],
                [
                    f"replaces {var} by [{val}] instead of appending",
                    f"builds a new list [{val}] in each round",
                ],
            )
            yield (
                [*lines[:i], f"{pad}{var}.insert(0, {val})", *lines[i + 1 :]],
                [f"inserts {val} at the front of {var}, which reverses the order"],
            )


def wrong_item(lines: Lines) -> Iterator[Change]:
    """Adds the index, the item or one instead of the right thing."""
    names = loop_vars(lines)
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\s+)(\w+) \+= (.+)", line)
        if match and names and not re.search(rf"\b{match.group(2)}\b", while_text(lines)):
            pad, var, val = match.groups()
            if val == "1" and names[-1] != var:
                yield (
                    [*lines[:i], f"{pad}{var} += {names[-1]}", *lines[i + 1 :]],
                    [f"adds {names[-1]} instead of 1 to {var}"],
                )
            elif val != "1" and re.fullmatch(r"[a-z_]+", val):
                yield (
                    [*lines[:i], f"{pad}{var} += 1", *lines[i + 1 :]],
                    [f"adds 1 instead of {val} to {var}", f"counts with {var} += 1 instead of adding {val}"],
                )
        match = re.search(r"(\+= |append\(|= )(\w+\[(\w+)\])\)?$", line)
        if match and match.group(3) in names:
            new = line.replace(match.group(2), match.group(3))
            verb = {"+= ": "adds", "append(": "appends", "= ": "stores"}[match.group(1)]
            yield [*lines[:i], new, *lines[i + 1 :]], [f"{verb} {match.group(3)} instead of {match.group(2)}"]


def return_place(lines: Lines) -> Iterator[Change]:
    """The return is inside the loop, missing, or only printed."""
    last = lines[-1]
    match = re.fullmatch(r"    return (.+)", last)
    if not match or len(lines) < 2:
        return
    value = match.group(1)
    tops = [x for x in lines[:-1] if depth(x) == 4]
    if tops and is_loop(tops[-1]):
        yield (
            [*lines[:-1], "    " + last],
            [
                "has the return inside the loop and stops after the first round",
                "returns at the end of the first round, because the return is inside the loop",
                "leaves the loop after one round, since the return is indented too far",
            ],
        )
        if depth(lines[-2]) >= 12 and is_loop(lines[-2 - 1]) and depth(lines[-3]) == 8:
            yield [*lines[:-1], "        " + last], ["has the return inside the inner loop and stops at once"]
    yield (
        [*lines[:-1], f"    print({value})"],
        [f"prints {value} instead of returning it", f"has print({value}) where a return is needed"],
    )
    if re.fullmatch(r"\w+", value) and value not in ("True", "False"):
        yield lines[:-1], [f"works out {value} but has no return statement", f"never returns {value}"]
        for var in loop_vars(lines)[-1:]:
            if var != value:
                yield (
                    [*lines[:-1], f"    return {var}"],
                    [
                        f"returns the loop variable {var} instead of {value}",
                        f"returns {var} where {value} is needed",
                    ],
                )


def no_test(lines: Lines) -> Iterator[Change]:
    """A condition is left out, or an else branch decides too early."""
    for i, line in enumerate(lines[:-1]):
        match = re.fullmatch(r"(\s+)if (.+):", line)
        if not match:
            continue
        pad, cond = match.groups()
        after = lines[i + 2] if i + 2 < len(lines) else ""
        single = depth(after) <= len(pad) and not re.match(r"\s*(elif|else)", after)
        inner = lines[i + 1]
        if single and inner.strip().startswith("return ") and len(pad) == 4 and i + 2 < len(lines):
            yield (
                [*lines[:i], *lines[i + 2 :]],
                [
                    f"has no test for the case {cond}",
                    f"forgets the case {cond}",
                    f"leaves out the check if {cond}",
                ],
            )
        elif single and len(pad) >= 8 and not inner.strip().startswith(("return", "break", "continue")):
            yield (
                [*lines[:i], inner[4:], *lines[i + 2 :]],
                [
                    f"leaves out the test {cond}",
                    f"runs {inner.strip()} in every round without the test {cond}",
                ],
            )
        last = re.fullmatch(r"    return (.+)", lines[-1])
        if single and last and len(pad) >= 8 and inner.strip().startswith("return ") and i + 3 == len(lines):
            yield (
                [*lines[: i + 2], f"{pad}else:", f"{pad}    return {last.group(1)}"],
                [
                    f"returns {last.group(1)} in an else branch inside the loop and so looks only at the first item",
                    "decides on the first item, because the else branch returns inside the loop",
                ],
            )
        if single and len(pad) >= 8 and " += " in inner and i + 2 < len(lines):
            yield (
                [*lines[: i + 2], f"{pad}    break", *lines[i + 2 :]],
                [
                    "leaves the loop with break after the first match",
                    f"breaks out of the loop as soon as {cond} holds",
                ],
            )


def branches(lines: Lines) -> Iterator[Change]:
    """A branch is missing, two results are swapped, or elif became if."""
    for i, line in enumerate(lines[:-1]):
        match = re.fullmatch(r"(\s+)elif (.+):", line)
        if match and depth(lines[i + 1]) > len(match.group(1)):
            pad, cond = match.groups()
            if i + 2 >= len(lines) or depth(lines[i + 2]) <= len(pad):
                yield [*lines[:i], *lines[i + 2 :]], [f"has no branch for {cond}", f"forgets the case {cond}"]
            yield (
                [*lines[:i], f"{pad}if {cond}:", *lines[i + 1 :]],
                [f"uses if instead of elif for the test {cond}"],
            )
        inside = i + 2 < len(lines) and depth(lines[i + 1]) > depth(line) >= depth(lines[i + 2])
        if inside and re.fullmatch(r"\s+else:", line):
            yield (
                [*lines[:i], *lines[i + 2 :]],
                ["has no else branch", f"leaves out the else branch with {lines[i + 1].strip()}"],
            )
    spots = [i for i, x in enumerate(lines) if re.fullmatch(r"\s+return [^()\[\]]+", x)]
    for a, b in pairwise(spots):
        one, two = lines[a].strip()[7:], lines[b].strip()[7:]
        if one != two:
            new = list(lines)
            new[a] = lines[a].replace(f"return {one}", f"return {two}")
            new[b] = lines[b].replace(f"return {two}", f"return {one}")
            yield (
                new,
                [
                    f"has return {one} and return {two} the wrong way round",
                    f"swaps the results {one} and {two}",
                ],
            )


def order(lines: Lines) -> Iterator[Change]:
    """Two neighbouring statements of a loop change places, or an index never skips."""
    for i in range(len(lines) - 1):
        a, b = lines[i], lines[i + 1]
        pattern = r"\s{8,}\w+ [+*/-]*/?= .+"
        if depth(a) == depth(b) and re.fullmatch(pattern, a) and re.fullmatch(pattern, b):
            yield [*lines[:i], b, a, *lines[i + 2 :]], [f"runs {b.strip()} before {a.strip()}"]
        match = re.fullmatch(r"(\s{8,})(\w+) \+= 1", a)
        if match and re.search(rf"\b{match.group(2)} <", while_text(lines)):
            yield (
                [*lines[:i], f"{match.group(1)}{match.group(2)} += 2", *lines[i + 1 :]],
                [f"increases {match.group(2)} by 2 and so skips every second position"],
            )


MUTATORS: list[tuple[Callable[[Lines], Iterator[Change]], float]] = [
    (start_value, 1.2),
    (start_first, 1.2),
    (reset_inside, 0.9),
    (inner_once, 1.3),
    (overwrite, 0.7),
    (wrong_item, 1.0),
    (return_place, 0.75),
    (no_test, 1.0),
    (branches, 1.0),
    (order, 0.8),
]


def mutants(rng: random.Random, body: str) -> list[tuple[str, str, float]]:
    """All changed programs with a description and a random rank that keeps the kinds of mistakes in balance."""
    lines = body.split("\n")
    found = []
    for mutator, weight in [*MUTATORS, *TEXT_MUTATORS]:
        changes = list(mutator(lines))
        for new, says in changes:
            text = "\n".join(new)
            if text != body:
                found.append((text, rng.choice(says), weight * rng.random() / len(changes) ** 0.3))
    return found
