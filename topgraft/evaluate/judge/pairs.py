"""Which answers are set against each other: the same prompt, two arms."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.errors import UserError, nearest


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An arm's answer and that of the arm `against` to one prompt. `row` names the prompt's row, `group` its
    problem."""

    row: str
    group: str
    prompt: str
    reference: str
    arm: str
    against: str
    answer: str
    other: str

    @property
    def identical(self) -> bool:
        """True where both answers are one text but for blanks around it: a tie that nobody needs to be asked about."""
        return self.answer.strip() == self.other.strip()


def choose(responses: Sequence[dict[str, Any]], arms: list[str], against: list[str]) -> list[tuple[str, str]]:
    """The pairs of arms: each of `arms` with each of `against`. By default all arms with the first one, Base.

    Raises UserError for arms that the run has no answers of.
    """
    known = list(dict.fromkeys(str(record.get("arm")) for record in responses))
    if len(known) < 2:
        raise UserError(
            f"A judge compares arms, and this run has {len(known)}. Train one, e.g. `topgraft run professor`."
        )
    for name in (*arms, *against):
        if name not in known:
            raise UserError(f"The run has no answers of an arm '{name}'. {nearest(name, known)}")
    against = against or [known[0]]
    found = [(arm, other) for other in against for arm in arms or known if arm != other]
    found = [pair for place, pair in enumerate(found) if pair not in found[:place] and pair[::-1] not in found[:place]]
    if not found:
        raise UserError(
            f"'{arms[0]}' cannot be set against itself. Give another arm with --against: {', '.join(known)}."
        )
    return found


def pairs_of(responses: Sequence[dict[str, Any]], chosen: Sequence[tuple[str, str]]) -> list[Pair]:
    """The pairs of answers, all of one prompt together. Prompts come in an order drawn by the digest of their rows'
    names, so that what a small budget reaches is a sample of all problems."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for record in responses:
        arm, key, turn = str(record.get("arm")), str(record.get("id")), 1
        while arm in rows.get(_name(key, turn), {}):  # an arm with several answers to a prompt
            turn += 1
        rows.setdefault(_name(key, turn), {})[arm] = record
    names = sorted(rows, key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    return [
        _pair(name, rows[name][arm], rows[name][against])
        for name in names
        for arm, against in chosen
        if arm in rows[name] and against in rows[name]
    ]


def _name(key: str, turn: int) -> str:
    return key if turn == 1 else f"{key}, response {turn}"


def _pair(row: str, own: dict[str, Any], other: dict[str, Any]) -> Pair:
    return Pair(
        row=row,
        group=str(own.get("problem") or row),
        arm=str(own["arm"]),
        against=str(other["arm"]),
        prompt=_text(own, "prompt"),
        reference=_text(own, "reference"),
        answer=_text(own, "response"),
        other=_text(other, "response"),
    )


def _text(record: dict[str, Any], key: str) -> str:
    """A text as it can be sent: half a character pair, which JSON can hold, becomes a question mark."""
    return str(record.get(key) or "").encode("utf-8", "replace").decode("utf-8")
