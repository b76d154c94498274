"""Figures by category: every metric that is a mean over answers, on the answers to one category of prompts."""

import math
from collections.abc import Mapping
from dataclasses import replace

from topgraft.evaluate.records import Evaluation, Measure, MetricResult
from topgraft.evaluate.statistics.intervals import mean_interval

FEWEST = 5
"""Of fewer problems there is no interval: resamples of two or three problems take a handful of values."""
NONE = "(none)"
"""What prompts are called that have no category, where others have one."""


def by_category(
    evaluation: Evaluation, results: Mapping[str, MetricResult]
) -> dict[str, dict[str, dict[str, Measure]]]:
    """Arm -> category -> metric -> its measure; nothing where no prompt has a category."""
    rows = next(iter(evaluation.responses.values()))
    if not any(row.category for row in rows):
        return {}
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.category or NONE, []).append(place)
    found: dict[str, dict[str, dict[str, Measure]]] = {}
    for name, result in results.items():
        for arm, values in result.per_row.items():
            for category, chosen in places.items():
                groups = [rows[place].group for place in chosen]
                measure = mean_interval([values[place] for place in chosen], groups, seed=evaluation.seed)
                if len(set(groups)) < FEWEST:
                    measure = replace(measure, low=math.nan, high=math.nan)
                found.setdefault(arm, {}).setdefault(category, {})[name] = measure
    return found
