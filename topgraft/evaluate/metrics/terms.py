"""Named classes of terms in answers: how evenly they are used, and how many pairs of them come up.

After Mahesh (arXiv 2510.22084), whose answers must hold an agentic and a communal term. Terms are found as whole words,
whatever their capitals (rewards/wording.py).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import diversity
from topgraft.rewards.wording import occurrences

Used = Mapping[str, set[str]]
"""Class -> its terms that stand in an answer."""


def used(text: str, terms: Mapping[str, tuple[str, ...]]) -> Used:
    """The terms of each class that stand in a text, each once."""
    return {name: set(occurrences(text, words)) for name, words in terms.items()}


def entropy(found: Sequence[Used], name: str) -> float:
    """Shannon entropy in bits of the terms of class `name` over answers, each counted once an answer: log2 of their
    number where all come up equally often, 0 where one alone does, or none."""
    counts = Counter(term for answer in found for term in answer[name])
    total = sum(counts.values())
    return sum(count / total * math.log2(total / count) for count in counts.values())


def pairs(found: Sequence[Used]) -> float:
    """Number of different pairs of terms, one each of two classes, that stand together in an answer."""
    seen = {pair for answer in found for two in combinations(answer.values(), 2) for pair in product(*two)}
    return float(len(seen))


def _over_answers(statistic: Callable[[Sequence[Used]], float], evaluation: Evaluation) -> MetricResult:
    statistics = {}
    for arm, responses in evaluation.responses.items():
        found = [used(row.response, evaluation.terms) for row in responses]

        def score(rows: np.ndarray, found: list[Used] = found) -> float:
            return statistic([found[place] for place in rows])

        statistics[arm] = score
    return diversity(evaluation, statistics)


def measure_entropy(evaluation: Evaluation) -> MetricResult | None:
    """Mean entropy of the classes of [evaluate.terms]."""
    names = list(evaluation.terms)
    if not names:
        return None
    return _over_answers(lambda found: sum(entropy(found, name) for name in names) / len(names), evaluation)


def parts(evaluation: Evaluation) -> dict[str, Metric]:
    """The entropy of each class, where there are several."""
    return {name: _of_class(name) for name in evaluation.terms} if len(evaluation.terms) > 1 else {}


def _of_class(name: str) -> Metric:
    return Metric(
        f"entropy of the terms of class '{name}' over answers, bits",
        "neutral",
        lambda evaluation: _over_answers(lambda found: entropy(found, name), evaluation),
    )


def measure_pairs(evaluation: Evaluation) -> MetricResult | None:
    """Pairs of terms of two classes; None where there is one class only."""
    return _over_answers(pairs, evaluation) if len(evaluation.terms) > 1 else None


TERM_ENTROPY = Metric(
    "entropy of the named terms over answers, bits, mean of their classes; log2 of their number at most",
    "neutral",
    measure_entropy,
    parts,
)
UNIQUE_PAIRS = Metric(
    "different pairs of terms, one each of two classes, that stand together in an answer; grows with n",
    "neutral",
    measure_pairs,
)
