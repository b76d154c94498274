"""All metrics of all arms, and the paired comparisons between them."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from topgraft.evaluate import METRICS
from topgraft.evaluate.intervals import mean_interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, Measure, MetricResult
from topgraft.evaluate.reward import part_metric
from topgraft.lookup import resolve

PAIRED = ("sac", "ca", "reward", "reward_check")
"""Metrics whose per-row differences between arms are worth an interval."""


def measure_all(evaluation: Evaluation, names: Sequence[str]) -> dict[str, Any]:
    """Run the metrics `names`; what evaluation/results.json holds, less the recipe's name and seed."""
    metrics: dict[str, Metric] = {_short(name): resolve("metric", name, METRICS) for name in names}
    parts = list(next(iter(evaluation.responses.values()))[0].parts)
    if "reward" in names and len(parts) > 1:
        metrics |= {f"reward/{part}": part_metric(part) for part in parts}
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
    return {
        "arms": arms,
        "comparisons": _compare(evaluation, results),
        "instruments": {name: result.instrument for name, result in results.items() if result.instrument},
        "directions": {name: metrics[name].direction for name in results},
        "descriptions": {name: metrics[name].description for name in results},
        "per_row": {name: result.per_row for name, result in results.items() if result.per_row},
    }


def _short(name: str) -> str:
    """What results call a metric: "my_metrics.py:QUESTIONS" is "questions"."""
    return name.rpartition(":")[2].lower() if ":" in name else name


def _compare(evaluation: Evaluation, results: dict[str, MetricResult]) -> list[dict[str, Any]]:
    """Per-row differences between every two arms, later minus earlier, with an interval over problems."""
    arms = list(evaluation.responses)
    groups = [row.group for row in evaluation.responses[arms[0]]]
    found = []
    for before, arm in itertools.combinations(arms, 2):
        for name in PAIRED:
            per_row = results[name].per_row if name in results else {}
            if arm in per_row and before in per_row:
                gains = [new - old for new, old in zip(per_row[arm], per_row[before], strict=True)]
                measure = mean_interval(gains, groups, seed=evaluation.seed)
                found.append({"name": name, "arm": arm, "against": before, **as_json(measure)})
    return found


def as_json(measure: Measure) -> dict[str, float | None]:
    """A measure as it stands in results.json; an interval that is not a number is null."""
    known = not math.isnan(measure.low)
    low, high = (measure.low, measure.high) if known else (None, None)
    return {"value": measure.value, "low": low, "high": high, "n": measure.n}
