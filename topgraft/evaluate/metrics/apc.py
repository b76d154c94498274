"""APC, politeness agreement: how near an answer's politeness is to that of its reference.

Mean of 1 - |P(answer) - P(reference)|, where P is the percentile of a text's politeness score among the texts of the
Stanford Politeness Corpus. The scorer is shipped (`evaluate/politeness`); it was never fitted on what it measures here.
"""

from collections.abc import Sequence

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.politeness.scorer import shipped
from topgraft.evaluate.politeness.strategies import sentences
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import means


def by_chance(percentiles: Sequence[float], groups: Sequence[str]) -> float | None:
    """The mean agreement of references with those of other problems; None where there is one problem only."""
    percentile, group = np.asarray(percentiles), np.asarray(groups)
    other = group[:, None] != group[None, :]
    if not other.any():
        return None
    return float((1 - np.abs(percentile[:, None] - percentile[None, :]))[other].mean())


def measure(evaluation: Evaluation) -> MetricResult | None:
    """The agreement of every answer; one without words has 0. None where there are no references."""
    if not evaluation.referenced:
        return None
    scorer, first = shipped(), next(iter(evaluation.responses.values()))
    wanted = scorer.percentiles([row.reference for row in first])
    per_row = {}
    for arm, rows in evaluation.responses.items():
        found = scorer.percentiles([row.response for row in rows])
        worded = [bool(sentences(row.response)) for row in rows]
        per_row[arm] = [
            1 - abs(own - reference) if words else 0.0
            for own, reference, words in zip(found, wanted, worded, strict=True)
        ]
    instrument = {"held_out_correlation": scorer.held_out["spearman"], "n": scorer.held_out["n"]}
    chance = by_chance(wanted, evaluation.groups)
    if chance is not None:
        instrument["references_of_other_problems"] = chance
    return means(evaluation, per_row, instrument=instrument)


APC = Metric(
    "mean of 1 - |difference to the reference's politeness|, in percentiles of a corpus of rated requests",
    "higher",
    measure,
)
