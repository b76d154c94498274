"""All metrics of all arms, and the paired comparisons between them."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from topgraft.evaluate import METRICS
from topgraft.evaluate.categories import by_category
from topgraft.evaluate.intervals import mean_interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, Measure, MetricResult
from topgraft.lookup import resolve

PAIRED = ("sac", "ca", "reward", "reward_check")
"""Metrics whose per-row differences between arms are worth an interval."""
EVERY_PAIR = 4
"""Up to so many arms besides Base, every two are compared."""

Pair = tuple[str, str, str]
"""An arm, the one it is compared with, and the metric."""


def measure_all(
    evaluation: Evaluation, names: Sequence[str], starts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run the metrics `names`; what evaluation/results.json holds, less the recipe's name and seed.

    `starts` maps an arm to the arm that its training started from, where that one is measured too.
    """
    starts = dict(starts or {})
    metrics: dict[str, Metric] = {_short(name): resolve("metric", name, METRICS) for name in names}
    for name, metric in list(metrics.items()):
        metrics |= {f"{name}/{part}": found for part, found in metric.parts(evaluation).items()}
    results: dict[str, MetricResult] = {}
    for name, metric in metrics.items():
        result = metric.measure(evaluation)
        if result is not None:
            results[name] = result
    arms: dict[str, Any] = {
        arm: {
            "metrics": {
                name: as_json(result.measures[arm]) for name, result in results.items() if arm in result.measures
            }
        }
        for arm in evaluation.responses
    }
    directions = {name: metrics[name].direction for name in results}
    return {
        "arms": arms,
        "starts": starts,
        "comparisons": _compare(evaluation, results, directions, starts),
        "instruments": {name: dict(result.instrument) for name, result in results.items() if result.instrument},
        "directions": directions,
        "descriptions": {name: metrics[name].description for name in results},
        "not_measured": [name for name in metrics if name not in results],
        "categories": {
            arm: {
                category: {name: as_json(measure) for name, measure in found.items()}
                for category, found in categories.items()
            }
            for arm, categories in by_category(evaluation, results).items()
        },
        "classifiers": {name: found for result in results.values() for name, found in result.classifiers.items()},
        "per_row": {name: result.per_row for name, result in results.items() if result.per_row},
    }


def _short(name: str) -> str:
    """What results call a metric: "my_metrics.py:QUESTIONS" is "questions"."""
    return name.rpartition(":")[2].lower() if ":" in name else name


def _compare(
    evaluation: Evaluation, results: dict[str, MetricResult], directions: dict[str, str], starts: dict[str, str]
) -> list[dict[str, Any]]:
    """Per-row differences of the chosen pairs, first minus second, with an interval over problems."""
    arms = list(evaluation.responses)
    groups = [row.group for row in evaluation.responses[arms[0]]]
    found: dict[Pair, dict[str, Any]] = {}
    for arm, before, name in _pairs(arms, results, directions, starts):
        per_row = results[name].per_row
        if arm in per_row and before in per_row and not {(arm, before, name), (before, arm, name)} & found.keys():
            gains = [new - old for new, old in zip(per_row[arm], per_row[before], strict=True)]
            measure = mean_interval(gains, groups, seed=evaluation.seed)
            found[arm, before, name] = {"name": name, "arm": arm, "against": before, **as_json(measure)}
    return list(found.values())


def _pairs(
    arms: list[str], results: dict[str, MetricResult], directions: dict[str, str], starts: dict[str, str]
) -> Iterator[Pair]:
    """Every two arms where they are few. Else each arm with Base and with its start, and the best of each metric with
    every other arm: that decides whether it is shown to be best. A pair may come twice."""
    paired = [name for name in PAIRED if name in results]
    base, *others = arms
    if len(others) <= EVERY_PAIR:
        yield from ((arm, before, name) for before, arm in itertools.combinations(arms, 2) for name in paired)
        return
    yield from ((arm, base, name) for arm in others for name in paired)
    yield from ((arm, starts[arm], name) for arm in others if arm in starts for name in paired)
    for name in paired:
        sign = -1 if directions[name] == "lower" else 1
        values = {
            arm: sign * found.value for arm, found in results[name].measures.items() if not math.isnan(found.value)
        }
        best = max(values, key=lambda arm: values[arm], default=base)
        yield from ((best, arm, name) for arm in values if arm != best)


def as_json(measure: Measure) -> dict[str, float | None]:
    """A measure as it stands in results.json; an interval that is not a number is null."""
    known = not math.isnan(measure.low)
    low, high = (measure.low, measure.high) if known else (None, None)
    return {"value": measure.value, "low": low, "high": high, "n": measure.n}
