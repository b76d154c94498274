"""The verdict of a piece of feedback, read out of its text by rules."""

import re

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
