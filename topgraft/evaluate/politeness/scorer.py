"""A text's politeness: a linear score whose weights were fitted on people's, and its percentile among their texts."""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from topgraft.evaluate.politeness.strategies import ngrams, sentences, strategies

WEIGHTS = Path(__file__).resolve().parents[2] / "shipped" / "politeness" / "weights.json"


@dataclass(frozen=True, kw_only=True)
class Politeness:
    """Scores texts; the weights of `strategies` and `ngrams` are in units of the human score.

    `quantiles` are the scores, from the lowest to the highest at equal steps, that the corpus's texts have by
    weights that were not fitted on them. `held_out` says how well the scores agree with people's.
    """

    intercept: float
    strategies: dict[str, float]
    ngrams: dict[str, float]
    quantiles: tuple[float, ...]
    held_out: dict[str, float]

    def score(self, text: str) -> float:
        """The mean over sentences of intercept + sum of strategies + sum of the k known n-grams / sqrt(k).

        Units are those of the human score: 0 is an average request, 1 a standard deviation of the corpus's annotators
        more polite. A text without words has the intercept.
        """
        values = [self._sentence(sentence) for sentence in sentences(text)]
        return self.intercept + (sum(values) / len(values) if values else 0.0)

    def _sentence(self, sentence: str) -> float:
        known = [self.ngrams[gram] for gram in sorted(ngrams(sentence)) if gram in self.ngrams]
        used = sum(self.strategies[name] for name in sorted(strategies(sentence)))
        return used + (sum(known) / math.sqrt(len(known)) if known else 0.0)

    def percentiles(self, texts: Sequence[str]) -> list[float]:
        """Which share of the corpus's texts scores below each text, 0 to 1, straight lines between the quantiles."""
        scores = [self.score(text) for text in texts]
        found: list[float] = np.interp(scores, self.quantiles, np.linspace(0, 1, len(self.quantiles))).tolist()
        return found


@functools.cache
def shipped() -> Politeness:
    """The scorer that comes with topgraft (see README.md beside its weights)."""
    read = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return Politeness(**{**read, "quantiles": tuple(read["quantiles"])})
