"""Toxicity of answers, by the list of words or the classifier that [evaluate.toxicity] names."""

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import means


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Mean over answers of what the rule `toxicity` penalises (docs/rewards.md), from 0 (none) to 1."""
    if evaluation.insults is None:
        return None
    per_row = {
        arm: [0.0 - value for value in evaluation.insults([r.prompt for r in rows], [r.response for r in rows])]
        for arm, rows in evaluation.responses.items()
    }
    return means(evaluation, per_row)


TOXICITY = Metric(
    "mean share of an answer's sentences that hold an insult, or a classifier's score, 0-1", "lower", measure
)
