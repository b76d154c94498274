"""Paired comparisons between runs: the same test rows, answered by the same arm of two runs."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

from topgraft.evaluate.statistics.intervals import mean_interval
from topgraft.evaluate.table import as_json
from topgraft.runs import RunFolder

CALLED = {"kl_response": "kl", "tokens": "length", "verdict": "ca"}
"""Field of responses.jsonl -> the metric whose mean over rows it has; other fields are called as their metric is."""
NO_METRICS = ("preference", "correct")
EVERY_PAIR = 4
"""Up to so many runs, every two are compared; of more, each with the first."""

Rows = dict[tuple[str, int], dict[str, Any]]


def paired(runs: dict[str, RunFolder], own: set[str]) -> list[dict[str, Any]]:
    """Differences between runs, second minus first, of what every row has a number for, with an interval over problems.

    The metrics in `own` are left out: another instrument measured them in each run. So is an arm whose answers are all
    alike (Base, on one base model).
    """
    answers = {name: _answers(run) for name, run in runs.items() if run.responses_file.exists()}
    found = []
    for first, second in _pairs(list(answers)):
        for arm in answers[second]:
            if arm in answers[first]:
                found += _differences(answers[first][arm], answers[second][arm], (first, second, arm), own)
    return found


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    if len(names) <= EVERY_PAIR:
        yield from itertools.combinations(names, 2)
    else:
        yield from ((names[0], name) for name in names[1:])


def _answers(run: RunFolder) -> dict[str, Rows]:
    """Arm -> its rows by id and turn."""
    found: dict[str, Rows] = {}
    for row in run.whole_responses():
        rows = found.setdefault(str(row["arm"]), {})
        turn = sum(1 for key, _ in rows if key == row["id"])
        rows[row["id"], turn] = row
    return found


def _differences(old: Rows, new: Rows, called: tuple[str, str, str], own: set[str]) -> list[dict[str, Any]]:
    if old.keys() != new.keys() or all(old[key]["response"] == new[key]["response"] for key in old):
        return []
    first, second, arm = called
    groups = [str(row.get("problem")) for row in old.values()]
    found = []
    for field in next(iter(old.values())):
        name = CALLED.get(field, field)
        if name in own or field in NO_METRICS:
            continue
        values = [(_value(old[key], field), _value(new[key], field)) for key in old]
        gains = [after - before for before, after in values if before is not None and after is not None]
        if len(gains) == len(values):
            pair = {"name": name, "arm": f"{second} / {arm}", "against": f"{first} / {arm}"}
            found.append({**pair, **as_json(mean_interval(gains, groups))})
    return found


def _value(row: dict[str, Any], field: str) -> float | None:
    """A number, or 1 and 0 for yes and no; of a verdict, whether it is right."""
    value = row.get(field)
    if field == "verdict" and isinstance(row.get("correct"), bool):
        return float(value == ("correct" if row["correct"] else "incorrect"))
    return float(value) if isinstance(value, bool | int | float) and math.isfinite(value) else None
