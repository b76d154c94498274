"""Toxicity: does a response insult anybody? By a list of words, or by a classifier of the user's own."""

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from numbers import Real
from pathlib import Path

from pydantic import model_validator

from topgraft.data.files import decode
from topgraft.errors import UserError
from topgraft.lookup import resolve
from topgraft.recipe import Settings
from topgraft.rewards.wording import occurrences, sentences

INSULTS = (
    *("airhead", "blockhead", "bonehead", "brainless", "clown", "clowns", "coward", "cowards", "cretin", "dimwit"),
    *("dimwits", "dullard", "dumb", "dumbest", "dunce", "fool", "fools", "halfwit", "idiot", "idiotic", "idiots"),
    *("ignoramus", "imbecile", "imbeciles", "jerk", "jerks", "loser", "losers", "moron", "moronic", "morons", "nitwit"),
    *("numbskull", "pathetic", "scum", "shut up", "simpleton", "stupid", "stupidest", "stupidity", "worthless"),
)
"""Plain insults. Slurs and swear words are for a lexicon or a classifier of one's own."""


class Toxicity(Settings):
    """0 (none) to -1: minus the share of sentences that hold a term of the lexicon, or minus a classifier's score."""

    lexicon: str = ""
    """File of words and phrases, one a line (# starts a comment line), instead of topgraft's short list of insults."""
    classifier: str = ""
    """A function of one's own, instead of any list, as "my_file.py:score": it takes a list of texts and returns as many
    numbers from 0 (harmless) to 1 (toxic)."""

    @model_validator(mode="after")
    def _can_judge(self) -> "Toxicity":
        if self.lexicon and self.classifier:
            raise ValueError(
                f"lexicon = '{self.lexicon}' would not be read beside classifier = '{self.classifier}'. Leave one out"
            )
        if self.classifier:
            _ = self._score
        elif self.lexicon:
            _ = self._terms
        return self

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        return self.score_all([prompt], [response])[0]

    def score_all(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """The values of many responses; a classifier gets them all at once."""
        if self.classifier:
            return [0.0 - value for value in self._classified(list(responses))]
        return [0.0 - self._share(response) for response in responses]

    def _share(self, response: str) -> float:
        found = [bool(occurrences(sentence, self._terms)) for sentence in sentences(response)]
        return sum(found) / max(1, len(found))

    def _classified(self, texts: list[str]) -> list[float]:
        found = list(self._score(texts))
        if len(found) != len(texts):
            raise UserError(
                f"Classifier '{self.classifier}' returned {len(found)} numbers for {len(texts)} texts. "
                f"It must take a list of texts and return one number for each."
            )
        for text, value in zip(texts, found, strict=True):
            if not isinstance(value, Real) or not 0 <= value <= 1:
                raise UserError(
                    f"Classifier '{self.classifier}' gave {value!r:.60} for {text!r:.60}. "
                    f"It must be a number from 0 (harmless) to 1 (toxic)."
                )
        return [float(value) for value in found]

    @cached_property
    def _score(self) -> Callable[[list[str]], Sequence[float]]:
        found = resolve("classifier", self.classifier, {})
        if not callable(found):
            raise UserError(f"Classifier '{self.classifier}' is {found!r:.60}, not a function of a list of texts.")
        return found

    @cached_property
    def _terms(self) -> tuple[str, ...]:
        if not self.lexicon:
            return INSULTS
        try:
            text = decode(Path(os.path.expanduser(self.lexicon)).read_bytes(), self.lexicon)
        except OSError as error:
            raise UserError(
                f"lexicon = '{self.lexicon}' cannot be read: {error.strerror or error}. "
                f"Paths are seen from {Path.cwd()}."
            ) from error
        lines = [line.strip() for line in text.splitlines()]
        terms = tuple(line for line in lines if line and not line.startswith("#"))
        if not terms:
            raise UserError(f"lexicon = '{self.lexicon}' holds no word. Write one word or phrase a line.")
        return terms
