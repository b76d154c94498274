"""Which responses of a rollout show a sign best: a number for each, highest for the worst."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean, pstdev

from topgraft.records import Sample
from topgraft.rewards.wording import ngrams, repeated

Badness = Callable[[Sequence[Sample]], list[float]]


def longest(samples: Sequence[Sample]) -> list[float]:
    """Tokens."""
    return [float(sample.tokens) for sample in samples]


def shortest(samples: Sequence[Sample]) -> list[float]:
    """Minus the tokens."""
    return [-float(sample.tokens) for sample in samples]


def repeating(samples: Sequence[Sample]) -> list[float]:
    """Share of 3-grams of words that the response repeats."""
    return [repeated(sample.response, 3) for sample in samples]


def alike(samples: Sequence[Sample]) -> list[float]:
    """How often a 2-gram of the response stands in the whole rollout, on average over its 2-grams."""
    found = [ngrams(sample.response, 2) for sample in samples]
    count = Counter(gram for grams in found for gram in grams)
    return [fmean(count[gram] for gram in grams) if grams else 0.0 for grams in found]


def farthest(samples: Sequence[Sample]) -> list[float]:
    """KL to the reference, in nats."""
    return [sample.kl for sample in samples]


def scoring(samples: Sequence[Sample]) -> list[float]:
    """The score."""
    return [sample.score for sample in samples]


def sacrificing(part: str, weight: float) -> Badness:
    """A high score with a bad value of `part`, both in standard deviations of the rollout; a part without a value is
    not bad."""

    def badness(samples: Sequence[Sample]) -> list[float]:
        known = {place: value for place, sample in enumerate(samples) if (value := sample.parts[part]) is not None}
        values = _standardised([math.copysign(1, weight) * value for value in known.values()])
        scores = _standardised([samples[place].score for place in known])
        found = dict(zip(known, (score - value for score, value in zip(scores, values, strict=True)), strict=True))
        return [found.get(place, -math.inf) for place in range(len(samples))]

    return badness


def _standardised(values: list[float]) -> list[float]:
    spread = pstdev(values) if values else 0.0
    return [(value - fmean(values)) / spread if spread else 0.0 for value in values]
