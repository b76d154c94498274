"""chrF against the reference answers: the F-score of character n-grams (Popovic 2015), by sacrebleu."""

import numpy as np
import sacrebleu

from topgraft.evaluate.intervals import interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult


def measure(evaluation: Evaluation) -> MetricResult:
    """Corpus chrF2 of every arm; n-gram counts are gathered once and added up for each resample."""
    scorer = sacrebleu.CHRF()
    measures = {}
    for arm, responses in evaluation.responses.items():
        counts = np.array(
            scorer._extract_corpus_statistics([r.response for r in responses], [[r.reference for r in responses]])
        )

        def score(rows: np.ndarray, counts: np.ndarray = counts) -> float:
            return float(scorer._compute_score_from_stats(counts[rows].sum(0).tolist()).score)

        measures[arm] = interval(score, [r.group for r in responses], seed=evaluation.seed)
    return MetricResult(measures=measures)


CHRF = Metric(
    "corpus chrF2 against the reference answers, 0-100 (sacrebleu: characters 1-6, beta 2, no words)", "higher", measure
)
