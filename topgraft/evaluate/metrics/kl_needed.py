"""The least KL that a policy's compliance needs, to be set beside the KL that it took."""

import math

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.metrics.clauses import keeps
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import sums


def bernoulli_kl(after: float, before: float) -> float:
    """KL in nats of a coin that shows heads with probability `after` to one with `before`; infinite where the second
    excludes what the first does.

    No policy that keeps to the clauses with probability `after` is nearer than this to one that does with `before`:
    the KL of two distributions is at least that of what any yes-no question makes of them (data processing).
    """
    total = 0.0
    for new, old in ((after, before), (1 - after, 1 - before)):
        if new > 0:
            total += new * math.log(new / old) if old > 0 else math.inf
    return max(total, 0.0)


def measure(evaluation: Evaluation) -> MetricResult | None:
    """For trained arms whose start is measured too. Where the start never keeps to the clauses, or always does, there
    is no figure."""
    if not evaluation.clauses:
        return None
    kept = {arm: np.array(keeps(evaluation.clauses, rows)) for arm, rows in evaluation.responses.items()}
    statistics = {}
    for arm, rows in evaluation.responses.items():
        start = evaluation.starts.get(arm)
        if start is None or rows[0].kl_response is None or not 0 < kept[start].mean() < 1:
            continue

        def least(places: np.ndarray, new: np.ndarray = kept[arm], old: np.ndarray = kept[start]) -> float:
            found = bernoulli_kl(float(new[places].mean()), float(old[places].mean()))
            return found if math.isfinite(found) else math.nan  # a resample without a kept answer has no figure

        statistics[arm] = least
    return sums(evaluation, statistics) if statistics else None


KL_NEEDED = Metric(
    "least KL to the model that the arm's training started from that its compliance needs, nats per response",
    "neutral",
    measure,
    compared=False,
)
