"""ROUGE-L against the reference answers: how much of their words an answer has in the same order (Lin 2004)."""

from collections.abc import Sequence

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import means
from topgraft.rewards.wording import words


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Example: a b c d e, a c x e -> 3.
    """
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, match in enumerate(other):
            row.append(before[place] + 1 if word == match else max(before[place + 1], row[place]))
        before = row
    return before[-1]


def rouge_l(output: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, 0 to 1 (Lin 2004, "ROUGE: a package for automatic evaluation of
    summaries", section 3.1, with beta = 1): the harmonic mean of its share of the output's words and of the
    reference's. Words as everywhere here (rewards/wording.py): no capitals, no punctuation, no stemming."""
    own, wanted = words(output), words(reference)
    found = common(own, wanted)
    return 2 * found / (len(own) + len(wanted)) if found else 0.0


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Mean over answers; None where there are no references."""
    if not evaluation.referenced:
        return None
    per_row = {
        arm: [rouge_l(row.response, row.reference) for row in rows] for arm, rows in evaluation.responses.items()
    }
    return means(evaluation, per_row)


ROUGE_L = Metric("mean F1 of the longest common subsequence of words with the reference answer, 0-1", "higher", measure)
