"""Helpers to find and change conditions in a line."""

import re

Lines = list[str]
Change = tuple[Lines, list[str]]

COMPARE = {
    ">=": [">", "<="],
    "<=": ["<", ">="],
    ">": [">=", "<"],
    "<": ["<=", ">"],
    "==": ["!="],
    "!=": ["=="],
}


def conditions(line: str) -> list[str]:
    """The conditions in a line: after if, elif or while, in a comprehension, or a returned comparison."""
    out = []
    match = re.search(r"\b(?:if|elif|while) (.+):$", line)
    if match:
        out.append(match.group(1))
    match = re.search(r" for .+ if (.+)[\])}]+$", line) or re.search(r" for .+ if (.+)\)\)$", line)
    if match:
        out.append(strip_open(match.group(1)))
    match = re.fullmatch(r"\s+return (.+)", line)
    if match and " for " not in line and re.search(r" (<=|>=|==|!=|<|>) ", line) and " if " not in line:
        out.append(match.group(1))
    match = re.search(r"(?:any|all)\((.+?) for ", line)
    if match and re.search(r" (<=|>=|==|!=|<|>) ", match.group(1)):
        out.append(match.group(1))
    return out


def strip_open(cond: str) -> str:
    """Drop closing brackets that belong to the surrounding expression."""
    while (
        cond
        and cond[-1] in ")]}"
        and cond.count(")") + cond.count("]") + cond.count("}") > cond.count("(") + cond.count("[") + cond.count("{")
    ):
        cond = cond[:-1]
    return cond


def swap(lines: Lines, index: int, old: str, new: str) -> Lines:
    """The lines with one occurrence replaced in one of them."""
    return [*lines[:index], lines[index].replace(old, new, 1), *lines[index + 1 :]]
