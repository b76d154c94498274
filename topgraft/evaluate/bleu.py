"""BLEU-4 against the reference answers: corpus BLEU with brevity penalty and exponential smoothing (sacrebleu)."""

from collections.abc import Sequence

import numpy as np
import sacrebleu

from topgraft.evaluate.intervals import interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult


def corpus_bleu(outputs: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU-4, 0 to 100, one reference each."""
    return float(sacrebleu.corpus_bleu(list(outputs), [list(references)]).score)


def measure(evaluation: Evaluation) -> MetricResult:
    """Corpus BLEU of every arm; n-gram counts are gathered once and added up for each resample."""
    scorer = sacrebleu.BLEU()
    measures, statistics = {}, {}
    for arm, responses in evaluation.responses.items():
        counts = np.array(
            scorer._extract_corpus_statistics([r.response for r in responses], [[r.reference for r in responses]])
        )

        def score(rows: np.ndarray, counts: np.ndarray = counts) -> float:
            return float(scorer._compute_score_from_stats(counts[rows].sum(0).tolist()).score)

        measures[arm] = interval(score, [r.group for r in responses], seed=evaluation.seed)
        statistics[arm] = score
    return MetricResult(measures=measures, statistics=statistics)


BLEU4 = Metric(
    "corpus BLEU-4 against the reference answers, 0-100 (sacrebleu, exponential smoothing)", "higher", measure
)
