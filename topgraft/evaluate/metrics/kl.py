"""How far training moved an arm: KL to the model it started from, in nats per response."""

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import means


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Mean over responses of the KL summed over their positions; untrained arms have none."""
    per_row = {
        arm: [float(row.kl_response) for row in rows if row.kl_response is not None]
        for arm, rows in evaluation.responses.items()
    }
    per_row = {arm: values for arm, values in per_row.items() if len(values) == len(evaluation.groups)}
    if not per_row:
        return None
    return means(evaluation, per_row)


KL = Metric(
    "KL to the model that the arm's training started from, nats per response (full distribution)",
    "neutral",
    measure,
    compared=False,
)
