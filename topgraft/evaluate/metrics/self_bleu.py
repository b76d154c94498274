"""Self-BLEU: how much an arm's answers are alike, each scored by BLEU-4 against the others as its references.

Zhu et al. 2018 (arXiv 1802.01886). Over which answers is said by the name: `self_bleu` over all of an arm's,
`self_bleu_prompt` over those to one prompt. Kirk et al. 2024 (arXiv 2310.06452) tell diversity across inputs from
diversity per input; training on a reward can take either away.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import diversity, means

ORDER = 4
Grams = Counter[tuple[str, ...]]

_TOKENIZER = BLEU().tokenizer


class _Text:
    """A text as BLEU counts it: its number of words as sacrebleu cuts them, and its n-grams of 1 to 4 of them."""

    def __init__(self, text: str) -> None:
        words = _TOKENIZER(text.rstrip()).split()
        self.length = len(words)
        self.grams: Grams = Counter(
            tuple(words[start : start + n]) for n in range(1, ORDER + 1) for start in range(len(words) - n + 1)
        )


def against_each_other(texts: Sequence[_Text]) -> list[float]:
    """BLEU-4 of each text with all the others as its references, 0 to 100, as sacrebleu's sentence_bleu gives it
    (exponential smoothing, effective order). The two largest counts of an n-gram are enough: the largest among the
    others is one of them."""
    most: defaultdict[Hashable, tuple[int, int, int]] = defaultdict(lambda: (0, 0, -1))  # largest, next, whose
    for place, text in enumerate(texts):
        for gram, count in text.grams.items():
            largest, second, owner = most[gram]
            if count > largest:
                most[gram] = (count, largest, place)
            elif count > second:
                most[gram] = (largest, count, owner)
    lengths = Counter(text.length for text in texts)
    return [_bleu(place, text, most, lengths) for place, text in enumerate(texts)]


def _bleu(place: int, text: _Text, most: defaultdict[Hashable, tuple[int, int, int]], lengths: Counter[int]) -> float:
    correct, total = [0] * ORDER, [max(0, text.length - n) for n in range(ORDER)]
    for gram, count in text.grams.items():
        largest, second, owner = most[gram]
        correct[len(gram) - 1] += min(count, second if owner == place else largest)
    others = [length for length, count in lengths.items() if count > (length == text.length)]
    closest = min(others, key=lambda length: (abs(length - text.length), length))
    score = BLEU.compute_bleu(
        correct=correct, total=total, sys_len=text.length, ref_len=closest, smooth_method="exp", effective_order=True
    )
    return float(score.score)


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Mean over an arm's answers, each against all its others; None where there is one only."""
    statistics = {}
    for arm, responses in evaluation.responses.items():
        if len({row.group for row in responses}) < 3:
            return None
        texts = [_Text(row.response) for row in responses]

        def score(rows: np.ndarray, texts: list[_Text] = texts) -> float:
            return float(np.mean(against_each_other([texts[place] for place in rows])))

        statistics[arm] = score
    return diversity(evaluation, statistics)


def measure_prompt(evaluation: Evaluation) -> MetricResult | None:
    """Mean over an arm's answers, each against its others to the same prompt; None where a prompt has one."""
    per_row = {}
    for arm, responses in evaluation.responses.items():
        of: defaultdict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(responses):
            of[row.key].append(place)
        if any(len(places) < 2 for places in of.values()):
            return None
        values = [0.0] * len(responses)
        for places in of.values():
            found = against_each_other([_Text(responses[place].response) for place in places])
            for place, value in zip(places, found, strict=True):
                values[place] = value
        per_row[arm] = values
    return means(evaluation, per_row)


SELF_BLEU = Metric(
    "mean BLEU-4 of each answer with all other answers of the arm as references, 0-100; 100: all alike",
    "neutral",
    measure,
)
SELF_BLEU_PROMPT = Metric("the same with the arm's other answers to the same prompt alone", "neutral", measure_prompt)
