"""Correctness verdict: does a piece of feedback say of the work what is true of it? The verdict is read by rules."""

import math
import re
from collections.abc import Sequence

from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule, rule_from

NEGATIVE = re.compile(
    r"\b(?:incorrect|wrong|broken|(?<!never )fails?|crashes|nope|(?:almost|nearly|partly|partially)\s+correct"
    r"|(?:not|never|cannot|can't|far from|(?:is|are|was|does)n't)(?:\s+\w+){0,3}\s+(?:correct|right|work))\b",
    re.IGNORECASE,
)
POSITIVE = re.compile(
    r"\b(?<!to )(?:correct(?! the\b)|looks? (?:good|fine|right)|lgtm|works (?:fine|great|perfectly)|all good|nailed)\b",
    re.IGNORECASE,
)


def read_verdict(text: str) -> bool | None:
    """True: the text calls the program correct; False: incorrect; None: it says neither. The first word counts.

    Example: "Your solution is not yet correct, although ..." -> False.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    negative, positive = NEGATIVE.search(text), POSITIVE.search(text)
    if negative and (not positive or negative.start() <= positive.start()):
        return False
    return True if positive else None


class Verdict(Settings):
    """1 where the verdict of a response is its row's label (`data.correct`), 0 where it is the opposite or missing."""

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt without a label, or whose rows have both."""
        return rule_from(rows, lambda row: [] if row.correct is None else [row.correct], _agreement)


def _agreement(labels: Sequence[bool], response: str) -> float:
    return float(read_verdict(response) is labels[0]) if len(set(labels)) == 1 else math.nan
