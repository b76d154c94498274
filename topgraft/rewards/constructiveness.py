"""Constructiveness: does a piece of feedback help its reader on?

Four cues are looked for: a next step, a reason, an example, a question. They are words that such things usually come
with; whether the step is a good one is not seen.
"""

import re

from topgraft.rewards.wording import plain

CUES = {
    "next step": re.compile(
        r"\b(?:try|let's|next|consider|check|revisit|re-?read|review|practi[sc]e|make sure|remember to|can you"
        r"|could you|(?:start|begin) (?:by|with)|look (?:at|up|again)|think about"
        r"|you (?:could|should|can|might|need to|may want)|instead)\b"
    ),
    "reason": re.compile(
        r"\b(?:because|since|therefore|hence|thus|so that|due to|otherwise|which means|that means|as a result"
        r"|the reason|that is why|this is why)\b"
    ),
    "example": re.compile(r"\b(?:for example|for instance|such as|suppose|imagine|to illustrate)\b|\be\. ?g\."),
    "question": re.compile(r"[?？؟]"),
}
"""Cue -> how it is recognised in a text without capitals."""


def constructiveness(prompt: str, response: str) -> float:
    """Share of the four cues that the response has: 0, 0.25, 0.5, 0.75 or 1. The prompt is not read."""
    text = plain(response)
    return sum(cue.search(text) is not None for cue in CUES.values()) / len(CUES)
