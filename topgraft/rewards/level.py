"""Level fit: how probable is it that a response has the level its sort of question asks for?

A reader of levels, fitted on texts of known level, says so (topgraft/data/level_reader.py). Rule `strictness` looks for
terms instead, and needs no texts.
"""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from topgraft.data.level_reader import fit, probabilities
from topgraft.data.levels import read_levels
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule
from topgraft.rewards.wanted import WantedLevels


class Level(WantedLevels):
    """The probability of the wanted level, 0 to 1. A response without words has 0."""

    texts: str = Field(min_length=1)
    """Texts of known level (rows of topic, level, text), from which the reader learns; a shipped name or a file. Take
    others than those of [evaluate.strictness]: the metric would else measure by what policies were paid for."""
    balanced: bool = False
    """Multiply by rows / (levels x rows that want this level), so that all levels count alike: where most prompts want
    one level, a policy is else paid for speaking so to all."""

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt without a category; of several categories the better fit counts.

        Raises UserError for a category that has no level, and for texts from which levels cannot be learned.
        """
        reader = fit(tuple(read_levels(self.texts, "Option texts of rule 'level'")))
        counts = Counter(level for row in rows for level in self.wanted(row)) if self.balanced else Counter[int]()

        def weight(level: int) -> float:
            return counts.total() / (len(counts) * counts[level]) if counts[level] else 1.0

        def fits(wanted: Sequence[int], response: str) -> float:
            found = probabilities(reader, [response])[0]
            return max(found[level] * weight(level) for level in wanted)

        return self.rule(rows, fits)
