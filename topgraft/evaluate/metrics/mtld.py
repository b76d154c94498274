"""MTLD, the measure of textual lexical diversity: how many words it takes until a text repeats itself too much.

McCarthy and Jarvis 2010, "MTLD, vocd-D, and HD-D: a validation study of sophisticated approaches to lexical diversity
assessment", Behavior Research Methods 42. It wants some hundred words, so an arm's answers are read one after another.
"""

from collections.abc import Sequence

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import diversity
from topgraft.rewards.wording import words

THRESHOLD = 0.72
"""Type-token ratio at which a factor is full (the paper's)."""


def factors(text: Sequence[str]) -> float:
    """How many times the ratio of distinct words to words falls to the threshold from a fresh start; what is left at
    the end counts with the share of the way that its ratio has gone from 1 to the threshold."""
    full, seen, count = 0.0, set[str](), 0
    for word in text:
        seen.add(word)
        count += 1
        if len(seen) / count <= THRESHOLD:
            full, seen, count = full + 1, set(), 0
    rest = (1 - len(seen) / count) / (1 - THRESHOLD) if count else 0.0
    return full + rest


def mtld(text: Sequence[str]) -> float:
    """Words per factor, the mean of reading forwards and backwards; a text without a repeated word counts as one
    factor, no words give 0."""
    return float(np.mean([len(text) / (factors(reading) or 1.0) for reading in (text, text[::-1])]))


def measure(evaluation: Evaluation) -> MetricResult:
    """MTLD of every arm's answers, one after another in the order of the rows."""
    statistics = {}
    for arm, responses in evaluation.responses.items():
        texts = [words(row.response) for row in responses]

        def score(rows: np.ndarray, texts: list[list[str]] = texts) -> float:
            return mtld([word for place in rows for word in texts[place]])

        statistics[arm] = score
    return diversity(evaluation, statistics)


MTLD = Metric(
    "words until the type-token ratio has fallen to 0.72, on average, over all answers in a row (MTLD)",
    "neutral",
    measure,
)
