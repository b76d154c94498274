"""BLEU-4 against the reference answers: corpus BLEU with brevity penalty and exponential smoothing (sacrebleu)."""

from collections.abc import Sequence

import numpy as np
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import Statistic, sums


def corpus_bleu(outputs: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU-4, 0 to 100, one reference each."""
    return float(sacrebleu.corpus_bleu(list(outputs), [list(references)]).score)


def statistic(scorer: BLEU | CHRF, outputs: Sequence[str], references: Sequence[str]) -> Statistic:
    """The corpus score of chosen rows; their n-gram counts are gathered once and added up for each choice."""
    counts = np.array(scorer._extract_corpus_statistics(list(outputs), [list(references)]))
    return lambda rows: float(scorer._compute_score_from_stats(counts[rows].sum(0).tolist()).score)


def against_references(scorer: BLEU | CHRF, evaluation: Evaluation) -> MetricResult | None:
    """The corpus score of every arm; None where there are no references."""
    if not evaluation.referenced:
        return None
    found = {
        arm: statistic(scorer, [row.response for row in rows], [row.reference for row in rows])
        for arm, rows in evaluation.responses.items()
    }
    return sums(evaluation, found)


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Corpus BLEU of every arm."""
    return against_references(sacrebleu.BLEU(), evaluation)


BLEU4 = Metric(
    "corpus BLEU-4 against the reference answers, 0-100 (sacrebleu, exponential smoothing)", "higher", measure
)
