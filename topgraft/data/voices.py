"""Answers to the same prompts in other voices: what a style classifier must tell the wanted voice from."""

from pathlib import Path
from typing import Any

from topgraft.data.sources import raw_rows, shipped_sets
from topgraft.errors import UserError

NEEDED = ("id", "voice", "feedback")


def read_voices(name: str) -> dict[str, list[dict[str, Any]]]:
    """Row id -> records with "voice" and "feedback", from a shipped set or a file; nothing where `name` is empty."""
    if not name:
        return {}
    if name not in shipped_sets() and not Path(name).is_file():
        raise UserError(f"evaluate.other_voices = '{name}': there is no such file, nor a shipped set of that name.")
    found: dict[str, list[dict[str, Any]]] = {}
    table = raw_rows(name)
    if table.faults:
        raise UserError(table.faults[0].message)
    for row in table:
        for column in NEEDED:
            if not isinstance(row.values.get(column), str):
                raise UserError(f"{row.place} has no text '{column}'. Rows of other voices need {', '.join(NEEDED)}.")
        found.setdefault(row.values["id"], []).append(row.values)
    return found
