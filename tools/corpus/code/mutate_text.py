"""Mistakes inside one line: comparisons, operators, ranges, indexes and slices."""

import re
from collections.abc import Callable, Iterator

from tools.corpus.code.lines import COMPARE, Change, Lines, conditions, swap
from tools.corpus.code.mutate_calls import calls, comprehension


def comparison(lines: Lines) -> Iterator[Change]:
    """A comparison uses the wrong sign."""
    for i, line in enumerate(lines):
        loop = line.lstrip().startswith("while ")
        for cond in conditions(line):
            for match in re.finditer(r" (<=|>=|==|!=|<|>) ", cond):
                old = match.group(1)
                for sign in COMPARE[old]:
                    if loop and not (old == "<" and sign == "<="):
                        continue
                    new = cond[: match.start()] + f" {sign} " + cond[match.end() :]
                    yield (
                        swap(lines, i, cond, new),
                        [
                            f"tests {new} instead of {cond}",
                            f"uses the comparison {new} where {cond} is needed",
                            f"checks {new} rather than {cond}",
                            f"compares with {sign} instead of {old}",
                        ],
                    )


def logic(lines: Lines) -> Iterator[Change]:
    """And for or, a missing not, a dropped half of a condition."""
    for i, line in enumerate(lines):
        for cond in conditions(line) or ([line.strip()[7:]] if line.strip().startswith("return ") else []):
            if " for " in cond or cond.count(" and ") + cond.count(" or ") != 1:
                continue
            word = "and" if " and " in cond else "or"
            other = "or" if word == "and" else "and"
            if not line.lstrip().startswith("while"):
                yield (
                    swap(lines, i, f" {word} ", f" {other} "),
                    [
                        f"joins the two conditions with {other} instead of {word}",
                        f"uses {other} where {word} is needed",
                    ],
                )
                half = cond.split(f" {word} ")
                if all(h.count("(") == h.count(")") for h in half):
                    yield swap(lines, i, cond, half[0]), [f"tests only {half[0]} and leaves out {half[1]}"]
        for old, new in ((" not in ", " in "), ("if not ", "if ")):
            if old in line and "while" not in line:
                yield swap(lines, i, old, new), ["leaves out the not in the condition"]


def truth(lines: Lines) -> Iterator[Change]:
    """True and False are mixed up."""
    for i, line in enumerate(lines):
        for old, new in (("True", "False"), ("False", "True")):
            if line.strip() == f"return {old}" and (len(line) - len(line.lstrip()) == 4):
                yield swap(lines, i, old, new), [f"ends with return {new} instead of return {old}"]
            match = re.fullmatch(rf"\s+(\w+) = {old}", line)
            if match:
                yield swap(lines, i, old, new), [f"sets {match.group(1)} to {new} instead of {old}"]


def ranges(lines: Lines) -> Iterator[Change]:
    """A range begins or ends at the wrong place."""
    for i, line in enumerate(lines):
        match = re.search(r"range\(((?:[^()]|\([^()]*\))+)\)", line)
        if not match:
            continue
        parts = [p.strip() for p in match.group(1).split(",")]
        for new, says in range_changes(parts):
            text = f"range({', '.join(new)})"
            yield swap(lines, i, match.group(), text), [*says, f"uses {text} instead of {match.group()}"]


def range_changes(parts: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Wrong arguments for a range with a description."""
    if len(parts) == 1:
        end = parts[0]
        yield (
            ["1", end],
            ["starts the loop at 1 instead of 0", "begins at index 1 and so skips the first one"],
        )
        if end.endswith(" - 1"):
            yield [end[:-4]], ["lets the loop run one step too far"]
        else:
            yield (
                [f"{end} - 1"],
                ["stops the loop one step too early", "leaves out the last round of the loop"],
            )
            yield [f"{end} + 1"], ["lets the loop run one step too far"]
        return
    start, end, rest = parts[0], parts[1], parts[2:]
    if end.endswith(" + 1"):
        yield (
            [start, end[:-4], *rest],
            ["stops the loop one step too early", f"never reaches {end[:-4]} in the loop"],
        )
    else:
        yield [start, f"{end} + 1", *rest], ["lets the loop run one step too far"]
        if not rest:
            yield [start, f"{end} - 1"], ["stops the loop one step too early"]
    if start == "1" and not rest:
        yield ["2", end], ["starts the loop at 2 instead of 1"]
        yield [end], ["starts the loop at 0 instead of 1"]
    if start == "2":
        yield ["1", end, *rest], ["starts the loop at 1 instead of 2"]
    if start == "0" and rest:
        yield ["1", end, *rest], ["starts the loop at 1 instead of 0"]
    if start.isidentifier() and not rest:
        yield [f"{start} + 1", end], [f"starts the loop after {start}"]
    if re.fullmatch(r"\w+ \+ 1", start):
        yield [start[:-4], end, *rest], [f"starts the inner loop at {start[:-4]} instead of {start}"]


ARITH = [
    (" // ", [" / "], "divides with / instead of //"),
    (" / ", [" // "], "divides with // and loses the fraction"),
    (" % ", [" // "], "uses // instead of %"),
    (" * ", [" + "], "uses + instead of *"),
    (" + ", [" - "], "uses - instead of +"),
    (" - ", [" + "], "uses + instead of -"),
    (" ** 2", [" * 2"], "multiplies by 2 instead of squaring"),
]


def arithmetic(lines: Lines) -> Iterator[Change]:
    """A formula has the wrong operator."""
    for i, line in enumerate(lines):
        text = line.strip()
        if text.startswith(("while", "def", "for")) or "range(" in text:
            continue
        for old, news, say in ARITH:
            for match in list(re.finditer(re.escape(old), line))[:2]:
                for new in news:
                    changed = line[: match.start()] + new + line[match.end() :]
                    if re.search(r"\b\w+\[[^\]]*$", line[: match.start()]) and new == " / ":
                        continue
                    part = re.search(r"(?:return|=|if) (.+?):?$", changed)
                    says = [say] + (
                        [f"computes {part.group(1)}, with{new.rstrip()} in place of{old.rstrip()}"]
                        if part and len(part.group(1)) < 34 and "if" not in changed
                        else []
                    )
                    yield [*lines[:i], changed, *lines[i + 1 :]], says
        match = re.search(r"(?:return|=) (\w+(?:\[\w+\])?) - (\w+(?:\[\w+\])?)$", line)
        if match:
            a, b = match.groups()
            yield (
                swap(lines, i, f"{a} - {b}", f"{b} - {a}"),
                [f"subtracts {a} from {b} instead of {b} from {a}"],
            )
        match = re.search(r" ([+-]) 1\b", line)
        if match and "[" not in line and not text.startswith("if"):
            yield swap(lines, i, match.group(), ""), [f"leaves out the {match.group().strip()} in {text}"]


def augmented(lines: Lines) -> Iterator[Change]:
    """The wrong update operator, or text put on the wrong side."""
    header = " ".join(x for x in lines if x.lstrip().startswith("while "))
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\s+)(\w+) (\+|-|\*)= (.+)", line)
        if not match or re.search(rf"\b{match.group(2)}\b", header):
            continue
        pad, var, op, val = match.groups()
        other = {"+": "-", "-": "+", "*": "+"}[op]
        if not any(re.fullmatch(rf"\s+{var} = ('.*'|\[\])", x) for x in lines):
            yield (
                [*lines[:i], f"{pad}{var} {other}= {val}", *lines[i + 1 :]],
                [
                    f"uses {var} {other}= {val} instead of {var} {op}= {val}",
                    f"changes {var} with {other}= instead of {op}=",
                ],
            )
        elif op == "+":
            yield (
                [*lines[:i], f"{pad}{var} = {val} + {var}", *lines[i + 1 :]],
                [f"puts {val} in front of {var}, which reverses the order"],
            )


def places(lines: Lines) -> Iterator[Change]:
    """A wrong index or slice."""
    table = [
        ("[0]", "[1]"),
        ("[-1]", "[0]"),
        ("[1:]", "[2:]"),
        ("[:-1]", "[1:]"),
        ("[1]", "[0]"),
        ("[-1]", "[-2]"),
        ("[::-1]", "[:-1]"),
        ("[::2]", "[1::2]"),
        ("[1::2]", "[::2]"),
        (" + 1]", "]"),
        (" - 1]", "]"),
        ("[1:]", "[:-1]"),
        ("[1:-1]", "[1:]"),
        ("[i][0]", "[0][i]"),
        ("[0][", "[1]["),
    ]
    for i, line in enumerate(lines):
        if line.lstrip().startswith("while"):
            continue
        for old, new in table:
            if old in line:
                pos = line.index(old)
                name = re.search(r"\w+(?:\[\w+)?$", line[:pos])
                stem = name.group() if name else ""
                yield (
                    swap(lines, i, stem + old, stem + new),
                    [
                        f"uses {stem}{new} instead of {stem}{old}",
                        f"reads {stem}{new} where {stem}{old} is needed",
                    ],
                )
        match = re.search(r"(\w+)\[(\w+)\]\[(\w+)\]", line)
        if match and match.group(2) != match.group(3):
            name, a, b = match.groups()
            yield (
                swap(lines, i, match.group(), f"{name}[{b}][{a}]"),
                [f"uses {name}[{b}][{a}] instead of {match.group()}"],
            )
        match = re.search(r"(\w+)\[(:?)([a-z]\w*)(:?)\]", line)
        if match and bool(match.group(2)) != bool(match.group(4)):
            name, left, mid, right = match.groups()
            for new in (f"{mid} + 1", f"{mid} - 1"):
                text = f"{name}[{left}{new}{right}]"
                yield swap(lines, i, match.group(), text), [f"slices {text} instead of {match.group()}"]


TEXT_MUTATORS: list[tuple[Callable[[Lines], Iterator[Change]], float]] = [
    (comparison, 1.1),
    (logic, 1.0),
    (truth, 0.9),
    (ranges, 1.1),
    (arithmetic, 0.9),
    (augmented, 0.6),
    (places, 1.1),
    (calls, 0.9),
    (comprehension, 1.0),
]
