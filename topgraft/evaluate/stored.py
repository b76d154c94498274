"""Answers as lines of evaluation/responses.jsonl, and read back from there to be measured again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from topgraft.evaluate.records import Response
from topgraft.rewards.verdict import read_verdict

CALLED = {"key": "id", "group": "problem"}
"""Fields that have another name in the file."""
FIELDS = [field.name for field in fields(Response) if field.name != "ids"]


def to_lines(responses: Mapping[str, Sequence[Response]], style: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """One record for each answer: its fields, the verdict that is read in it, and its SAC out of `style`, where that
    was measured."""
    return [
        {CALLED.get(name, name): value for name, value in asdict(row).items() if name in FIELDS}
        | {"verdict": {True: "correct", False: "incorrect", None: None}[read_verdict(row.response)]}
        | {"sac": style[arm][number] if arm in style else None}
        for arm, rows in responses.items()
        for number, row in enumerate(rows)
    ]


def from_lines(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Response]]:
    """Arm -> its answers, in the order of the lines. Files of older versions lack some fields: an answer is then the
    first one to its prompt, and no more tokens were decoded for it than it has."""
    found: dict[str, list[Response]] = {}
    for record in records:
        known = {name: record[CALLED.get(name, name)] for name in FIELDS if CALLED.get(name, name) in record}
        known.setdefault("generated", record["tokens"])
        found.setdefault(str(record["arm"]), []).append(Response(**known))
    return found
