"""What `topgraft data prepare` writes: rows as they are after reading, field by field; settings of columns do not
apply."""

from typing import TYPE_CHECKING, Any

from topgraft.data.formats.columns import Columns
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

COLUMNS = {"key", "group", "prompt", "response"}


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether the columns are those that are written, and no others."""
    return (
        COLUMNS <= set(columns) <= set(Demonstration.__dataclass_fields__)
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
    values = dict(row.values)
    unknown = set(values) - set(Demonstration.__dataclass_fields__)
    texts = [values.get(name) for name in COLUMNS] + [values.get(name, "") for name in ("category", "rejected")]
    if unknown or not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"{row.place} is no row that `topgraft data prepare` wrote: {str(values)[:80]}. Prepare it anew."
        )
    right, wrong = (tuple(values.pop(name, ())) for name in ("right", "wrong"))
    return Demonstration(**values, right=right, wrong=wrong, part=row.part)
