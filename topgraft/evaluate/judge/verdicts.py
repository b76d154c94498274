"""From two readings of a pair, one in each order, to what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.evaluate.judge.asking import Finding, Findings
from topgraft.evaluate.judge.pairs import Pair

SCORES = {"win": 1.0, "tie": 0.5, "loss": 0.0}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What became of a pair: "win", "loss" or "tie" of its arm, "unreadable", or "unjudged" with the reason.

    `named` holds whom the judge named in each order, first with the arm's answer as A, then as B: "arm", "against",
    "tie" or "unreadable"; nothing where it was not asked. `words` and `calls` are its replies and their digests in
    the same order."""

    pair: Pair
    outcome: str
    named: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    calls: tuple[tuple[str, ...], ...] = ()
    reason: str = ""

    @property
    def readable(self) -> bool:
        """True where the pair counts in the win rate."""
        return self.outcome in SCORES

    @property
    def asked(self) -> bool:
        """True where both orders have a verdict of the judge's."""
        return self.readable and not self.pair.identical

    def as_json(self) -> dict[str, Any]:
        """The verdict as it stands in verdicts.jsonl."""
        return {
            "id": self.pair.row,
            "problem": self.pair.group,
            "arm": self.pair.arm,
            "against": self.pair.against,
            "outcome": self.outcome,
            "identical": self.pair.identical,
            "named": list(self.named),
            "words": list(self.words),
            "calls": [list(digests) for digests in self.calls],
            "reason": self.reason,
        }


def decide(pair: Pair, digests: Sequence[str], findings: Findings) -> Judgement:
    """The verdict on a pair whose two questions, one in each order, have these digests.

    A win needs both orders to name the arm, a loss both to name the other; readable verdicts that differ are a tie.
    """
    if pair.identical:
        return Judgement(pair=pair, outcome="tie", reason="the answers are the same")
    found = [findings.found.get(digest) for digest in digests]
    if any(finding is None for finding in found):
        reasons = [findings.failed[digest] for digest in digests if digest in findings.failed]
        return Judgement(pair=pair, outcome="unjudged", reason=reasons[0] if reasons else "not asked yet")
    both = [finding for finding in found if finding is not None]
    named = tuple(_named(finding, place) for place, finding in enumerate(both))
    return Judgement(
        pair=pair,
        outcome=_outcome(named),
        named=named,
        words=tuple(finding.words for finding in both),
        calls=tuple(finding.calls for finding in both),
    )


def _named(finding: Finding, order: int) -> str:
    """Whom a reading names; in order 0 the arm's answer stands as A, in order 1 as B."""
    places: Mapping[str, str] = {"AB"[order]: "arm", "BA"[order]: "against"}
    return places.get(finding.verdict, finding.verdict)


def _outcome(named: tuple[str, ...]) -> str:
    if "unreadable" in named:
        return "unreadable"
    if named == ("arm", "arm"):
        return "win"
    return "loss" if named == ("against", "against") else "tie"
