"""What `topgraft data prepare` writes: rows as they are after reading, field by field; settings of columns do not
apply."""

import math
from typing import TYPE_CHECKING, Any

from topgraft.data.formats.columns import Columns, whole
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

COLUMNS = {"key", "group", "prompt", "response"}
OTHERS = ("category", "rejected")


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether the columns are those that are written, and no others."""
    return (
        COLUMNS <= set(columns) <= set(Demonstration.__dataclass_fields__)
        and isinstance(columns.get("correct"), bool | None)  # a table of one's own has texts there
        and not settings.prompt
        and not settings.response
    )


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """The rows as they were written."""
    made, seen = list[Demonstration](), dict[str, str]()
    for row in raw:
        with raw.at(row):
            found = _row(row)
            if found.key in seen:
                raise UserError(f"{row.place}: the key '{found.key}' was used before ({seen[found.key]}).")
            seen[found.key] = row.place
            made.append(found)
    return made


def record(row: Demonstration) -> dict[str, Any]:
    """A row as it is written; what says nothing is left out. The part is that of its file."""
    found: dict[str, Any] = {"key": row.key, "group": row.group, "prompt": row.prompt, "response": row.response}
    if row.correct is not None:
        found["correct"] = row.correct
    if row.category:
        found["category"] = row.category
    if row.right or row.wrong:
        found |= {"right": list(row.right), "wrong": list(row.wrong)}
    if row.rejected is not None:
        found |= {"rejected": row.rejected, "strength": row.strength}
    return found


def _row(row: RawRow) -> Demonstration:
    values = {name: value for name, value in row.values.items() if name != "part"}  # which `row.part` says
    lists = {name: values.pop(name, []) for name in ("right", "wrong")}
    texts = {name: values.get(name) for name in COLUMNS} | {name: values.get(name, "") for name in OTHERS}
    strength = values.get("strength", 1.0)
    if (
        not values.keys() <= Demonstration.__dataclass_fields__.keys()
        or not all(isinstance(text, str) for text in texts.values())
        or not all(isinstance(found, list) and all(isinstance(text, str) for text in found) for found in lists.values())
        or not isinstance(values.get("correct"), bool | None)
        or not (isinstance(strength, int | float) and 0 <= strength < math.inf)
    ):
        raise UserError(
            f"{row.place} is no row that `topgraft data prepare` wrote: {str(row.values)[:80]}. Prepare it anew."
        )
    for name, found in ({name: [text] for name, text in texts.items()} | lists).items():
        for text in found:
            whole(str(text), row, name)
    return Demonstration(**values, right=tuple(lists["right"]), wrong=tuple(lists["wrong"]), part=row.part)
