"""Rules that look up the data row behind a prompt."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from topgraft.records import Demonstration

Rule = Callable[[str, str], float]
"""Prompt and response in, value out."""
T = TypeVar("T")


def rule_from(
    rows: Sequence[Demonstration],
    known: Callable[[Demonstration], Sequence[T]],
    score: Callable[[Sequence[T], str], float],
) -> Rule:
    """A rule that gives `score` what is known of a prompt, of all its rows together, and the response.

    Prompts are compared as they are written. Where nothing is known of one the value is NaN.
    """
    table: dict[str, list[T]] = {}
    for row in rows:
        table.setdefault(row.prompt, []).extend(known(row))

    def rule(prompt: str, response: str) -> float:
        found = table.get(prompt)
        return score(found, response) if found else math.nan

    return rule
