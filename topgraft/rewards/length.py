"""Length: is the number of words inside a window?"""

import math

from pydantic import Field, model_validator

from topgraft.recipe import Settings
from topgraft.rewards.wording import words


class Length(Settings):
    """0 where a response has `low` to `high` words, below 0 where it has fewer or more, -1 at the lowest.

    Example: low=8, high=15 gives 16 words -1; with softness=5, -0.2, and 20 words or more -1.
    """

    low: int | None = Field(None, ge=0)
    """Fewest words; absent: no limit."""
    high: int | None = Field(None, ge=0)
    """Most words; absent: no limit."""
    softness: int = Field(0, ge=0)
    """Words outside the window at which the value reaches -1, on a straight line; 0: it is -1 from the first."""

    @model_validator(mode="after")
    def _is_a_window(self) -> "Length":
        if self.low is None and self.high is None:
            raise ValueError("neither low nor high is given, so every length would do. Give one of them")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low = {self.low} is above high = {self.high}, so no length would do. Swap them")
        return self

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        count = len(words(response))
        outside = max((self.low or 0) - count, count - (math.inf if self.high is None else self.high), 0)
        if outside == 0:
            return 0.0
        return -min(1.0, outside / self.softness) if self.softness else -1.0
