"""Plain figures of a response: its length, and whether it ended by itself."""

from topgraft.evaluate.intervals import mean_interval, share_interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult


def measure_length(evaluation: Evaluation) -> MetricResult:
    """Mean number of response tokens, the end token included."""
    groups = [row.group for row in next(iter(evaluation.responses.values()))]
    per_row = {arm: [float(row.tokens) for row in rows] for arm, rows in evaluation.responses.items()}
    measures = {arm: mean_interval(values, groups, seed=evaluation.seed) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row)


def measure_ended(evaluation: Evaluation) -> MetricResult:
    """Share of responses that end by themselves."""
    groups = [row.group for row in next(iter(evaluation.responses.values()))]
    per_row = {arm: [float(row.ended) for row in rows] for arm, rows in evaluation.responses.items()}
    measures = {arm: share_interval(values, groups) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row)


LENGTH = Metric("mean response length in tokens", "neutral", measure_length)
ENDED = Metric("share of responses that end by themselves", "higher", measure_ended)
