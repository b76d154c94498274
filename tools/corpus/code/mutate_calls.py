"""Mistakes with calls of functions and methods and with comprehensions."""

import re
from collections.abc import Iterator

from tools.corpus.code.lines import Change, Lines, conditions, swap

CALLS = [
    ("min(", "max("),
    ("max(", "min("),
    ("any(", "all("),
    ("all(", "any("),
    (".isupper()", ".islower()"),
    (".islower()", ".isupper()"),
    (".isdigit()", ".isalpha()"),
    (".isalpha()", ".isalnum()"),
    (".startswith(", ".endswith("),
    (".endswith(", ".startswith("),
    (".upper()", ".lower()"),
    (".lower()", ".upper()"),
    ("len(", "sum("),
    ("sum(", "len("),
    (".values()", ".keys()"),
    (".isspace()", ".isalnum()"),
    (".find(", ".rfind("),
    (".swapcase()", ".lower()"),
    (".add(", ".discard("),
    (".isalnum()", ".isalpha()"),
    (".rjust(", ".ljust("),
    (".ljust(", ".rjust("),
]
DROPS = [".lower()", ".upper()", ".strip()"]


def calls(lines: Lines) -> Iterator[Change]:
    """The wrong function or method is called, or a call is left out."""
    for i, line in enumerate(lines):
        if line.lstrip().startswith("while"):
            continue
        for old, new in CALLS:
            if old in line and not (old in ("len(", "sum(") and ("range(" in line or " for " in line)):
                if re.search(rf"\w{re.escape(old)}", line) and old[0] != ".":
                    continue
                a, b = old.strip(".()"), new.strip(".()")
                yield swap(lines, i, old, new), [f"calls {b} instead of {a}", f"uses {b} where {a} is needed"]
        for old in DROPS:
            if old in line:
                yield swap(lines, i, old, ""), [f"leaves out {old}", f"does not call {old[1:]}"]
        for match in re.finditer(
            r"\b(abs|sorted|set|round|len|str|int)\((\w+(?:\[\w+\])?(?: - \w+(?:\[\w+\])?)?)\)", line
        ):
            yield (
                swap(lines, i, match.group(), match.group(2)),
                [
                    f"leaves out {match.group(1)} and uses {match.group(2)} itself",
                    f"uses {match.group(2)} instead of {match.group()}",
                ],
            )
        match = re.search(r"(\w+)\.get\((\w+), (0|''|\[\])\)", line)
        if match:
            name, key, _ = match.groups()
            yield (
                swap(lines, i, match.group(), f"{name}[{key}]"),
                [
                    f"reads {name}[{key}] without a default value",
                    f"uses {name}[{key}] instead of {match.group()}",
                ],
            )
        match = re.search(r"(\+= |append\(|\) ?> |= )(\w+)\[([a-z]\w*)\]", line)
        if match and any(f"for {match.group(3)} in {match.group(2)}:" in x for x in lines):
            yield (
                swap(lines, i, f"{match.group(2)}[{match.group(3)}]", match.group(3)),
                [f"uses the key {match.group(3)} instead of the value {match.group(2)}[{match.group(3)}]"],
            )


def comprehension(lines: Lines) -> Iterator[Change]:
    """The condition of a comprehension is left out, or its value is wrong."""
    for i, line in enumerate(lines):
        for cond in conditions(line):
            if f" if {cond}" in line and " for " in line.split(f" if {cond}")[0] and not line.strip().startswith("for"):
                yield (
                    swap(lines, i, f" if {cond}", ""),
                    [f"leaves out the condition {cond}", f"has no test {cond} in the comprehension"],
                )
        match = re.search(r"sum\((?:\[)?(\w+) for (\w+) in", line)
        if match and match.group(1) == match.group(2):
            yield (
                swap(lines, i, f"{match.group(1)} for", "1 for"),
                [f"adds 1 instead of {match.group(1)} for each item"],
            )
        match = re.search(r"sum\((?:\[)?1 for (\w+) in", line)
        if match:
            yield (
                swap(lines, i, "1 for", f"{match.group(1)} for"),
                [f"adds {match.group(1)} instead of 1 for each item"],
            )
