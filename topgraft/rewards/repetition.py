"""Repetition: does a response say the same words again?"""

from pydantic import Field

from topgraft.recipe import Settings
from topgraft.rewards.wording import repeated


class Repetition(Settings):
    """Minus the share of n-grams of words that occurred in the response before: 0 (none) to nearly -1."""

    n: int = Field(3, ge=1)
    """Words in an n-gram. A response with fewer words has the value 0."""

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        return 0.0 - repeated(response, self.n)
