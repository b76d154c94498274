"""Plain figures of a response: its length, and whether it ended by itself."""

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import means, shares


def measure_length(evaluation: Evaluation) -> MetricResult:
    """Mean number of response tokens, the end token included."""
    per_row = {arm: [float(row.tokens) for row in rows] for arm, rows in evaluation.responses.items()}
    return means(evaluation, per_row)


def measure_ended(evaluation: Evaluation) -> MetricResult:
    """Share of responses that end by themselves."""
    per_row = {arm: [float(row.ended) for row in rows] for arm, rows in evaluation.responses.items()}
    return shares(evaluation, per_row)


LENGTH = Metric("mean response length in tokens", "neutral", measure_length)
ENDED = Metric("share of responses that end by themselves", "higher", measure_ended)
