"""Evaluated responses set side by side: one block per test row, one column per arm, the reference last."""

from dataclasses import dataclass, field
from typing import Any

from topgraft.report.numbers import number, plain

FIRST, MOST = 6, 400
LONG = 1500
SCORES = (("sac", "SAC"), ("reward", "reward"), ("reward_check", "check"), ("kl_response", "KL"))


@dataclass(frozen=True)
class Answer:
    """One arm's response to one row, with its scores in words."""

    arm: str
    text: str
    facts: list[str]
    verdict: str
    agrees: bool | None

    @property
    def long(self) -> bool:
        """True when the text scrolls inside its box."""
        return len(self.text) > LONG


@dataclass
class Row:
    """One test row: the question, each arm's answer, the reference."""

    key: str
    prompt: str
    reference: str
    correct: bool | None
    answers: list[Answer] = field(default_factory=list)

    @property
    def long(self) -> bool:
        """True when the question scrolls inside its box."""
        return len(self.prompt) > LONG


def _facts(record: dict[str, Any]) -> list[str]:
    facts = [f"{name} {plain(record[key])}" for key, name in SCORES if number(record.get(key)) is not None]
    if number(record.get("tokens")) is not None:
        facts.append(f"{plain(record['tokens'])} tokens")
    if record.get("ended") is False:
        facts.append("cut at the length limit")
    return facts


def _answer(record: dict[str, Any]) -> Answer:
    verdict, correct = record.get("verdict"), record.get("correct")
    known = verdict in ("correct", "incorrect")
    agrees = (verdict == "correct") == correct if known and isinstance(correct, bool) else None
    text = str(record.get("response") or "")
    return Answer(str(record.get("arm") or "?"), text, _facts(record), str(verdict) if known else "", agrees)


def side_by_side(responses: list[dict[str, Any]]) -> list[Row]:
    """Group the responses by test row, in file order; an arm's second response starts a second block. Of several that
    an arm was asked for the first is shown."""
    rows: dict[tuple[str, int], Row] = {}
    seen: dict[tuple[str, str], int] = {}
    for record in (record for record in responses if not record.get("sample")):
        key, arm = str(record.get("id", "?")), str(record.get("arm") or "?")
        turn = seen.get((key, arm), 0)
        seen[key, arm] = turn + 1
        row = rows.get((key, turn))
        if row is None:
            correct = record.get("correct")
            name = key if turn == 0 else f"{key}, response {turn + 1}"
            row = Row(name, "", "", correct if isinstance(correct, bool) else None)
            rows[key, turn] = row
        row.prompt = row.prompt or str(record.get("prompt") or "")
        row.reference = row.reference or str(record.get("reference") or "")
        row.answers.append(_answer(record))
    return list(rows.values())
