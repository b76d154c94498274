"""Evaluated responses set side by side: one block per test row, one column per arm, the reference last."""

from dataclasses import replace
from typing import Any

from topgraft.report.document import Answer, Answers
from topgraft.report.words.numbers import number, plain

FIRST, MOST = 6, 400
SCORES = (("sac", "SAC"), ("reward", "reward"), ("reward_check", "check"), ("kl_response", "KL"))


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
    facts = [*_facts(record), *([f"says {verdict}"] if known else [])]
    agrees = (verdict == "correct") == correct if known and isinstance(correct, bool) else None
    return Answer(
        title=str(record.get("arm") or "?"), text=str(record.get("response") or ""), facts=facts, agrees=agrees
    )


def _question(record: dict[str, Any], key: str, turn: int) -> Answers:
    correct = record.get("correct")
    return Answers(
        key=key if turn == 0 else f"{key}, response {turn + 1}",
        prompt="",
        answers=[],
        tag=f"student's answer is {'correct' if correct else 'incorrect'}" if isinstance(correct, bool) else "",
    )


def side_by_side(responses: list[dict[str, Any]]) -> list[Answers]:
    """Group the responses by test row, in file order; an arm's second response starts a second block. Of several that
    an arm was asked for the first is shown."""
    rows: dict[tuple[str, int], Answers] = {}
    seen: dict[tuple[str, str], int] = {}
    for record in (record for record in responses if not record.get("sample")):
        key, arm = str(record.get("id", "?")), str(record.get("arm") or "?")
        turn = seen.get((key, arm), 0)
        seen[key, arm] = turn + 1
        row = rows.get((key, turn)) or _question(record, key, turn)
        rows[key, turn] = replace(
            row,
            prompt=row.prompt or str(record.get("prompt") or ""),
            reference=row.reference or str(record.get("reference") or ""),
            answers=[*row.answers, _answer(record)],
        )
    return list(rows.values())
