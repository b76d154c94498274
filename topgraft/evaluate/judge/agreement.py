"""Do judges agree, with one another and with people? Raw agreement, and Cohen's kappa, which takes off what chance
brings."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from topgraft.evaluate.judge.verdicts import SCORES
from topgraft.evaluate.records import as_json
from topgraft.evaluate.statistics.intervals import share_interval
from topgraft.runs.writing import read_lines

Choice = tuple[str, str, str]
"""A row, and two arms in alphabetical order."""
Choices = Mapping[Choice, str]
"""What was said of the first of the two arms: "win", "tie" or "loss"."""
TURNED = {"win": "loss", "tie": "tie", "loss": "win"}


def chosen(row: str, arm: str, against: str, outcome: str) -> tuple[Choice, str]:
    """A judgement, turned so that its arms stand in alphabetical order."""
    if arm <= against:
        return (row, arm, against), outcome
    return (row, against, arm), TURNED[outcome]


def judged(folder: Path) -> dict[str, Choices]:
    """Judge -> what it said, for every folder with verdicts; answers that are the same text are left out."""
    found: dict[str, Choices] = {}
    for path in sorted(folder.glob("*/verdicts.jsonl")):
        found[path.parent.name] = dict(
            chosen(record["id"], record["arm"], record["against"], record["outcome"])
            for record in read_lines(path)
            if record.get("outcome") in SCORES and not record.get("identical")
        )
    return found


def kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Cohen's kappa (1960): (observed - expected agreement) / (1 - expected); not a number where both always say the
    same."""
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / len(first)
    expected = sum(first.count(name) * second.count(name) for name in set(first)) / len(first) ** 2
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan


def agreements(sources: Mapping[str, Choices], groups: Mapping[str, str]) -> list[dict[str, Any]]:
    """For every two sources that judged the same pairs: share on which they say the same, with its interval over
    problems, and kappa over win, tie and loss. `groups` gives each row's problem."""
    found = []
    for one, other in itertools.combinations(sources, 2):
        common = sorted(sources[one].keys() & sources[other].keys())
        if not common:
            continue
        first, second = ([sources[name][choice] for choice in common] for name in (one, other))
        same = [float(a == b) for a, b in zip(first, second, strict=True)]
        value = kappa(first, second)
        found.append(
            {
                "first": one,
                "second": other,
                "agreement": as_json(share_interval(same, [groups.get(row, row) for row, _, _ in common])),
                "kappa": None if math.isnan(value) else value,
            }
        )
    return found
