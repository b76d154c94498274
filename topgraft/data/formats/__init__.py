"""The doors for data of other shapes: one small file per format, and one row in `FORMATS`.

A format is a module with two functions:

    matches(columns, settings) -> bool              is this a file of that shape?
    rows(raw, settings) -> list[Demonstration]      turn its rows into prompt and response

A recipe names a user's own as `data.format = "package.module:function"`: only the second is needed then.
"""

from collections.abc import Callable
from typing import Any

from topgraft.data.files import RawRow
from topgraft.lookup import resolve
from topgraft.records import Demonstration

FORMATS = {
    "demonstrations": "topgraft.data.formats.demonstrations:rows",
    "transcripts": "topgraft.data.formats.transcripts:rows",
}
"""Name -> the function that makes the rows; `matches` stands beside it in the same module."""

FormatFunction = Callable[[list[RawRow], Any], list[Demonstration]]


def pick(name: str, raw: list[RawRow], settings: Any) -> FormatFunction:
    """The function for `data.format = name`; "auto" takes the first format that matches the columns.

    Where none matches, the first format is returned: its own complaint says which column is missing.
    """
    if name != "auto":
        return resolve("data.format", name, {"auto": "", **FORMATS})
    columns = list(dict.fromkeys(column for row in raw for column in row.values))
    for target in FORMATS.values():
        module = target.partition(":")[0]
        if resolve("data.format", f"{module}:matches", FORMATS)(columns, settings):
            return resolve("data.format", target, FORMATS)
    return resolve("data.format", next(iter(FORMATS.values())), FORMATS)
