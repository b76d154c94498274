"""What pairs of answers look like: ties, the longer answer's share, contradictions; and which answers refuse."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from topgraft.records import Demonstration

BEGINNING = 160
"""Characters of an answer in which a refusal is looked for."""
CANNOT = r"(?:can(?:no|'|\u2019)?t|can ?not|(?: am|['\u2019]m) (?:unable|not able) to)"
WILL_NOT = r"(?:won['\u2019]t|will not|refuse to|(?: am|['\u2019]m) not (?:going|willing|allowed|programmed) to)"
HELP = (
    r"(?:help|assist|provide|do (?:that|this|it|so)\b|give|answer|tell\b(?! if| whether)|share|recommend|discuss|"
    r"support|comply|fulfil|engage|write|create|generate|offer|advise|condone|encourage|participate|in good conscience)"
)
UNEASY = r"(?:(?: am|['\u2019]m) not comfortable|(?:don['\u2019]t|do not) feel comfortable|['\u2019]d rather not)"
OTHER = r"\bas an AI\b|\bagainst (?:my|the) (?:guidelines|policy|policies)\b"
REFUSAL = re.compile(rf"\bI ?(?:(?:{CANNOT}|{WILL_NOT})(?: be able to| \w+)? {HELP}|{UNEASY})|{OTHER}", re.IGNORECASE)
"""Phrases by which an answer says that it cannot or will not help. They are counted, nobody judges what they mean."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of n, with the 95 % interval of the share (Wilson)."""

    count: int
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """What pairs look like. A tie is one that the data call so, or whose two answers are the same text."""

    n: int
    ties: list[str]
    """Keys."""
    same: int
    """Of the ties those with the same text twice."""
    longer: Share
    """Of the clear pairs of unlike lengths, those whose preferred answer is the longer one."""
    contradicted: int
    """Pairs that are preferred the other way round by another row."""
    refusals: Share
    """Of the rejected answers, those that refuse."""


def share(count: int, n: int) -> Share:
    """A share with its interval; of none, from 0 to 1."""
    from scipy.stats import binomtest  # takes half a second, which only a look at data has to spend

    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return Share(count, n, float(interval.low), float(interval.high))


def refuses(answer: str) -> bool:
    """Whether an answer begins with a phrase of refusal."""
    return REFUSAL.search(answer[:BEGINNING]) is not None


def refusals(answers: Sequence[str]) -> Share:
    """How many answers refuse."""
    return share(sum(map(refuses, answers)), len(answers))


def look_at_pairs(rows: Sequence[Demonstration], chosen: Sequence[int], rejected: Sequence[int]) -> Pairs | None:
    """What the rows with a rejected answer look like; None where there are none. `chosen` and `rejected` are the
    lengths of their answers."""
    if not rows:
        return None
    same = [row.response.strip() == (row.rejected or "").strip() for row in rows]
    ties = [alike or row.strength == 0 for alike, row in zip(same, rows, strict=True)]
    unlike = [(a, b) for a, b, tie in zip(chosen, rejected, ties, strict=True) if not tie and a != b]
    known = {(row.prompt, row.response, row.rejected) for row, tie in zip(rows, ties, strict=True) if not tie}
    return Pairs(
        n=len(rows),
        ties=[row.key for row, tie in zip(rows, ties, strict=True) if tie],
        same=sum(same),
        longer=share(sum(a > b for a, b in unlike), len(unlike)),
        contradicted=sum((prompt, other, answer) in known for prompt, answer, other in known),
        refusals=refusals([row.rejected or "" for row in rows]),
    )
