"""A figure for every arm with its interval: the mean of its answers' values, or a statistic of all together."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.intervals import interval, mean_interval, share_interval
from topgraft.evaluate.statistics.jackknife import above_zero, left_out

Statistic = Callable[[np.ndarray], float]
"""An arm's value over the answers with the given row numbers."""
Values = dict[str, list[float]]
"""Arm -> the value of every answer."""


def means(evaluation: Evaluation, per_row: Values, **more: Any) -> MetricResult:
    """The mean of every arm's values; `more` are further fields of the result."""
    groups = evaluation.groups
    measures = {arm: mean_interval(values, groups, seed=evaluation.seed) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row, **more)


def shares(evaluation: Evaluation, per_row: Values, **more: Any) -> MetricResult:
    """The same of values in [0, 1]: right or wrong, wins, probabilities."""
    measures = {arm: share_interval(values, evaluation.groups) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row, **more)


def sums(evaluation: Evaluation, statistics: Mapping[str, Statistic], **more: Any) -> MetricResult:
    """Statistics of counts that add up over answers: bootstrap intervals."""
    groups = evaluation.groups
    measures = {arm: interval(score, groups, seed=evaluation.seed) for arm, score in statistics.items()}
    without = {arm: left_out(score, groups) for arm, score in statistics.items()}
    return MetricResult(measures=measures, left_out=without, **more)


def diversity(evaluation: Evaluation, statistics: Mapping[str, Statistic]) -> MetricResult:
    """Statistics that count what is different in a set of answers, and are never below 0: jackknife intervals."""
    groups = evaluation.groups
    without = {arm: left_out(score, groups) for arm, score in statistics.items()}
    measures = {arm: above_zero(found, groups) for arm, found in without.items()}
    return MetricResult(measures=measures, left_out=without)
