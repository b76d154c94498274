"""Strictness fit: is a response as strict as its sort of question asks for?

Level 1 helps, 2 challenges the thinking, 3 corrects harshly. The level of a response is that of its strictest cue.
"""

from collections.abc import Sequence

from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule
from topgraft.rewards.tone import HARSH
from topgraft.rewards.wanted import WantedLevels
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


class Strictness(WantedLevels):
    """1 - |level of the response - wanted level| / 2: 1, 0.5 or 0. A response without words has 0."""

    challenging: Terms = CHALLENGING
    """Words and phrases of level 2."""
    correcting: Terms = CORRECTING
    """Words and phrases of level 3."""

    def level(self, response: str) -> int | None:
        """The level of a response, 1 where it has none of the cues; None where it has no words."""
        if not words(response):
            return None
        return 3 if occurrences(response, self.correcting) else 2 if occurrences(response, self.challenging) else 1

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt without a category; of several categories the better fit counts.

        Raises UserError for a category that has no level.
        """
        return self.rule(rows, self._fit)

    def _fit(self, wanted: Sequence[int], response: str) -> float:
        level = self.level(response)
        return 0.0 if level is None else max(1 - abs(level - wish) / 2 for wish in wanted)
