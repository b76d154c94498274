"""Distinct-n: how many of the n-grams of words in an arm's answers, taken together, are different."""

from collections.abc import Callable

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import diversity
from topgraft.rewards.wording import distinct


def _over_all_answers(n: int) -> Callable[[Evaluation], MetricResult]:
    def measure(evaluation: Evaluation) -> MetricResult:
        statistics = {}
        for arm, responses in evaluation.responses.items():
            texts = [row.response for row in responses]

            def score(rows: np.ndarray, texts: list[str] = texts) -> float:
                return distinct([texts[place] for place in rows], n)

            statistics[arm] = score
        return diversity(evaluation, statistics)

    return measure


def _distinct(n: int) -> Metric:
    about = f"distinct {n}-grams of words / {n}-grams, over all answers; falls with their number and length"
    return Metric(about, "neutral", _over_all_answers(n))


DISTINCT_1, DISTINCT_2, DISTINCT_3 = _distinct(1), _distinct(2), _distinct(3)
