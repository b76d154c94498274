"""Evaluations made by hand: rows of answers with what the models say of them."""

from collections.abc import Sequence

from topgraft.records import Evaluation, Response


def answers(arm: str, texts: Sequence[str], **columns: Sequence[object]) -> list[Response]:
    """One response per text; rows 0 and 1 belong to problem p0, 2 and 3 to p1, and so on. Columns override."""
    rows = []
    for place, text in enumerate(texts):
        fields: dict = {
            "arm": arm,
            "key": f"r{place}",
            "group": f"p{place // 2}",
            "prompt": f"prompt {place}",
            "response": text,
            "reference": f"the reference number {place} reads like this",
            "correct": None,
            "tokens": 3,
            "ended": True,
        }
        rows.append(Response(**fields | {name: values[place] for name, values in columns.items()}))
    return rows


def evaluation(*arms: list[Response], **texts: object) -> Evaluation:
    fields: dict = {
        "target_texts": [],
        "other_texts": [],
        "held_out_target": [],
        "held_out_other": [],
        "verdict_texts": [],
        "seed": 0,
    }
    return Evaluation(responses={rows[0].arm: rows for rows in arms}, **fields | texts)
