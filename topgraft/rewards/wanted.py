"""Rules that ask for a level of strictness: which one, the category of the prompt says."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

from pydantic import Field

from topgraft.data.categories import fit
from topgraft.errors import UserError, nearest
from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule, rule_from


class WantedLevels(Settings):
    """What such rules are told."""

    levels: dict[str, Annotated[int, Field(ge=1, le=3)]] = Field(min_length=1)
    """Category of a prompt (column `data.category`) -> wanted level, 1 to 3."""
    guesses: bool = False
    """A prompt that is no row's, or whose row has no category, has that which a categoriser names, fitted on the rows
    that have one; else its value is not known."""

    def rule(self, rows: Sequence[Demonstration], fits: Callable[[Sequence[int], str], float]) -> Rule:
        """`fits` of the levels that the prompt wants, of all its rows together, and the response."""
        known = rule_from(rows, self.wanted, fits)
        return self._with_guesses(known, rows, fits) if self.guesses else known

    def wanted(self, row: Demonstration) -> list[int]:
        """The level that a row wants; none where it has no category. Raises UserError for a category without one."""
        if row.category and row.category not in self.levels:
            raise UserError(
                f"Row '{row.key}' is of category '{row.category}', for which {type(self).__name__.lower()} has no "
                f"level. {nearest(row.category, self.levels)} Give it a level, or leave the row's category empty."
            )
        return [self.levels[row.category]] if row.category else []

    def _with_guesses(
        self, known: Rule, rows: Sequence[Demonstration], fits: Callable[[Sequence[int], str], float]
    ) -> Rule:
        categoriser = fit(rows)

        @cache
        def guessed(prompt: str) -> int:
            return self.levels[categoriser([prompt])[0][0]]

        def guessing(prompt: str, response: str) -> float:
            value = known(prompt, response)
            return fits([guessed(prompt)], response) if math.isnan(value) else value

        return guessing
