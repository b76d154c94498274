"""Required words: does a response use a term of every class?"""

from collections import Counter

from pydantic import Field

from topgraft.recipe import Settings
from topgraft.rewards.wording import Terms, occurrences


class Words(Settings):
    """Scores which classes of terms a response uses, and how. Terms are found as whole words, whatever their capitals.

    Example: with the classes ("bold", "confident") and ("caring",), "She was bold and caring." has 1.0, "She was bold."
    0.3, "She was there." -0.2, and "Confident, bold and caring." 1.05.
    """

    classes: dict[str, Terms] = Field(min_length=1)
    """Name of a class -> its terms, words or phrases."""
    all: float = 1.0
    """Value where every class has a term in the response."""
    some: float = 0.3
    """Value where some classes have, not all."""
    none: float = -0.2
    """Value where no class has."""
    extra: float = Field(0.05, ge=0)
    """Added for each further distinct term of a class beyond its first."""
    extra_limit: float = Field(0.2, ge=0)
    """The further terms add so much at most."""
    extra_needs_all: bool = True
    """Further terms count only where every class is there."""
    overused: float = Field(0.1, ge=0)
    """Subtracted, once, where any term occurs more than `max_uses` times."""
    max_uses: int = Field(2, ge=1)
    """How often a term may occur."""

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        uses = [Counter(occurrences(response, terms)) for terms in self.classes.values()]
        present = sum(bool(counts) for counts in uses)
        complete = present == len(uses)
        value = self.all if complete else self.some if present else self.none
        if complete or not self.extra_needs_all:
            further = sum(max(0, len(counts) - 1) for counts in uses)
            value += min(self.extra * further, self.extra_limit)
        if any(count > self.max_uses for counts in uses for count in counts.values()):
            value -= self.overused
        return value
