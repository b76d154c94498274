"""How alike texts are: sentence BLEU between references, and from a test part to the training part."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import sacrebleu

from topgraft.data.splitting import Splits

PAIRS = 2000
"""Pairs of references that are compared for the mean likeness."""
COMPARISONS = 6000
"""Pairs of a test and a train reference that are compared for the overlap."""
TESTED = 100
"""Test references that are compared, at most."""
WORDS = 100
"""Words of a text that are compared, from its beginning: BLEU takes time in proportion to the length."""
SCORER = sacrebleu.BLEU(effective_order=True)
"""One for all pairs: making one takes as long as using it."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Sentence BLEU (0-100) between references: mean, highest, and how many figures the mean is of."""

    mean: float
    highest: float
    n: int


def pairwise_bleu(texts: Sequence[str], pairs: int = PAIRS, seed: int = 0) -> Likeness:
    """Sentence BLEU of `pairs` random pairs of `texts` (of all pairs where there are no more)."""
    count = len(texts)
    if count * (count - 1) // 2 <= pairs:
        chosen = list(combinations(range(count), 2))
    else:
        dice = random.Random(seed)
        chosen = [(first, second) for first, second in (dice.sample(range(count), 2) for _ in range(pairs))]
    return _likeness([sentence_bleu(texts[first], texts[second]) for first, second in chosen])


def sentence_bleu(text: str, reference: str) -> float:
    """Sentence BLEU of the first `WORDS` words, 0 to 100 (sacrebleu: 13a tokens, exponential smoothing, effective
    order)."""
    return float(SCORER.sentence_score(_beginning(text), [_beginning(reference)]).score)


def overlap(splits: Splits) -> Likeness:
    """Best BLEU of each test reference to any train reference; large parts are thinned out evenly."""
    train = [row.response for row in splits.train if row.response]
    test = [row.response for row in splits.test if row.response]
    if not train or not test:
        return Likeness(0.0, 0.0, 0)
    test = test[:: max(1, -(-len(test) // TESTED))]
    train = train[:: max(1, -(-len(train) * len(test) // COMPARISONS))]
    return _likeness([max(sentence_bleu(text, reference) for reference in train) for text in test])


def _beginning(text: str) -> str:
    words = text.split(maxsplit=WORDS)
    return text if len(words) <= WORDS else text[: len(text) - len(words[-1])]


def _likeness(scores: list[float]) -> Likeness:
    return Likeness(sum(scores) / len(scores), max(scores), len(scores)) if scores else Likeness(0.0, 0.0, 0)
