"""chrF against the reference answers: the F-score of character n-grams (Popovic 2015), by sacrebleu."""

import sacrebleu

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.metrics.bleu import against_references
from topgraft.evaluate.records import Evaluation, MetricResult


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Corpus chrF2 of every arm."""
    return against_references(sacrebleu.CHRF(), evaluation)


CHRF = Metric(
    "corpus chrF2 against the reference answers, 0-100 (sacrebleu: characters 1-6, beta 2, no words)", "higher", measure
)
