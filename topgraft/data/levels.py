"""Texts of known strictness, from which a reader learns to tell how strict an answer is."""

from dataclasses import dataclass
from pathlib import Path

from topgraft.data.sources import raw_rows, shipped_sets
from topgraft.errors import UserError

LEVELS = (1, 2, 3)
"""1 helps, 2 challenges the thinking, 3 corrects harshly."""


@dataclass(frozen=True, slots=True)
class LevelText:
    """A text of a level, on a topic."""

    topic: str
    level: int
    text: str


def read_levels(name: str, where: str = "evaluate.strictness.texts") -> list[LevelText]:
    """The texts of a shipped set or a file (rows of topic, level, text); nothing where `name` is empty. `where` is the
    setting that names it."""
    if not name:
        return []
    if name not in shipped_sets() and not Path(name).is_file():
        raise UserError(f"{where} = '{name}': there is no such file, nor a shipped set of that name.")
    found = []
    table = raw_rows(name)
    if table.faults:
        raise UserError(table.faults[0].message)
    for row in table:
        topic, level, text = (row.values.get(column) for column in ("topic", "level", "text"))
        if not (isinstance(topic, str) and isinstance(text, str) and text.strip()) or level not in LEVELS:
            raise UserError(f"{row.place} must have a text 'topic', a text 'text' and a 'level' of 1, 2 or 3.")
        found.append(LevelText(topic, int(level), text))
    return found
