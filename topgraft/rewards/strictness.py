"""Strictness fit: is a response as strict as its sort of question asks for?

Level 1 helps, 2 challenges the thinking, 3 corrects harshly. The level of a response is that of its strictest cue.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Annotated

from pydantic import Field

from topgraft.data.categories import fit
from topgraft.errors import UserError, nearest
from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule, rule_from
from topgraft.rewards.tone import HARSH
from topgraft.rewards.wording import Terms, occurrences, words

CHALLENGING = (
    *(
        "are you sure",
        "assume",
        "assuming",
        "assumption",
        "contradicts",
        "does not follow",
        "doesn't follow",
        "evidence",
    ),
    *("have you considered", "how do you know", "how would you", "is that really", "justify", "prove", "question your"),
    *(
        "reconsider",
        "think again",
        "what if",
        "what makes you",
        "why do you",
        "why would",
        "your logic",
        "your reasoning",
    ),
)
CORRECTING = (
    *("false", "incorrect", "mistaken", "misconception", "misguided", "myth", "not correct", "not true", "untrue"),
    *("wrong", "stop believing", "stop repeating", "you have misunderstood", "you misunderstood", *HARSH),
)


class Strictness(Settings):
    """1 - |level of the response - wanted level| / 2: 1, 0.5 or 0. A response without words has 0."""

    levels: dict[str, Annotated[int, Field(ge=1, le=3)]] = Field(min_length=1)
    """Category of a prompt (column `data.category`) -> wanted level, 1 to 3."""
    challenging: Terms = CHALLENGING
    """Words and phrases of level 2."""
    correcting: Terms = CORRECTING
    """Words and phrases of level 3."""

    guesses: bool = False
    """A prompt that is no row's, or whose row has no category, has that which a categoriser names, fitted on the rows
    that have one; else its value is not known."""

    def level(self, response: str) -> int | None:
        """The level of a response, 1 where it has none of the cues; None where it has no words."""
        if not words(response):
            return None
        return 3 if occurrences(response, self.correcting) else 2 if occurrences(response, self.challenging) else 1

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt without a category; of several categories the better fit counts.

        Raises UserError for a category that has no level.
        """
        rule = rule_from(rows, self._wanted, self._fit)
        return self._with_guesses(rule, rows) if self.guesses else rule

    def _wanted(self, row: Demonstration) -> list[int]:
        if row.category and row.category not in self.levels:
            raise UserError(
                f"Row '{row.key}' is of category '{row.category}', for which strictness has no level. "
                f"{nearest(row.category, self.levels)} Give it a level, or leave the row's category empty."
            )
        return [self.levels[row.category]] if row.category else []

    def _with_guesses(self, rule: Rule, rows: Sequence[Demonstration]) -> Rule:
        categoriser = fit(rows)

        @cache
        def wanted(prompt: str) -> int:
            return self.levels[categoriser([prompt])[0][0]]

        def guessing(prompt: str, response: str) -> float:
            value = rule(prompt, response)
            return self._fit([wanted(prompt)], response) if math.isnan(value) else value

        return guessing

    def _fit(self, wanted: Sequence[int], response: str) -> float:
        level = self.level(response)
        return 0.0 if level is None else max(1 - abs(level - wish) / 2 for wish in wanted)
