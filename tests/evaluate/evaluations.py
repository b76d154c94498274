"""Evaluations made by hand: rows of answers with what the models say of them."""

import math
from collections.abc import Sequence

from topgraft.evaluate.records import Evaluation, Response

TEXTS = [
    "the reference number 0 reads like this",
    "the reference number one reads like this, nearly",
    "the number 2 reads",
    "",
    "quite another text of several words that shares little",
    "reference number 5 reads like that",
]
"""Answers like the references of `answers`, unlike them, and none."""


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
            "ids": (5, 6, 7),
            "ended": True,
        }
        fields |= {name: values[place] for name, values in columns.items()}
        fields = {"tokens": len(fields["ids"]), "generated": len(fields["ids"])} | fields
        rows.append(Response(**fields))
    return rows


def evaluation(*arms: list[Response], **texts: object) -> Evaluation:
    fields: dict = {
        "target_texts": [],
        "other_texts": [],
        "held_out_target": [],
        "held_out_other": [],
        "verdict_texts": {},
        "seed": 0,
    }
    return Evaluation(responses={rows[0].arm: rows for rows in arms}, **fields | texts)


STUDENT = {2: 12.706205, 3: 4.302653, 6: 2.570582, 7: 2.446912, 10: 2.262157, 30: 2.045230}
"""Number of problems -> the 97.5 % point of Student's t with one degree of freedom less, from a printed table."""


def ends(problems: int) -> tuple[float, float]:
    """The expanded percentiles of Hesterberg (2015): Phi(-sqrt(G / (G - 1)) t), and its complement, in percent."""
    reach = math.sqrt(problems / (problems - 1)) * STUDENT[problems]
    tail = 50 * math.erfc(reach / math.sqrt(2))
    return tail, 100 - tail
