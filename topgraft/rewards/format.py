"""Format: does a response match a regular expression?"""

import re
from typing import Literal

from pydantic import field_validator

from topgraft.recipe import Settings


class Format(Settings):
    """1 where a response matches `pattern`, else 0.

    Example: pattern="<answer>.+</answer>" asks for an answer in tags somewhere in the response.
    """

    pattern: str
    """A regular expression as Python's `re` reads it: (?i) in front ignores capitals, (?s) lets . match line breaks."""
    where: Literal["anywhere", "whole"] = "anywhere"
    """ "anywhere": some part of the response matches; "whole": all of it does, from first to last character."""

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{pattern!r} is not a regular expression: {error}. A character that "
                f"stands for itself, such as ( or *, needs a backslash before it"
            ) from error
        return pattern

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        find = re.fullmatch if self.where == "whole" else re.search
        return float(find(self.pattern, response) is not None)
