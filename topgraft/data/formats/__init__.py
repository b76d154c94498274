"""The doors for data of other shapes: one small file per format, and one row in `FORMATS`.

A format is a module with two functions:

    matches(columns, settings) -> bool              is this a file of that shape? (column -> a value that stands in it)
    rows(raw, settings) -> list[Demonstration]      turn its rows into prompt and response

A recipe names a user's own as `data.format = "package.module:function"`: only the second is needed then. `raw` is a
`topgraft.data.table.Table`: what is done `with raw.at(row):` leaves out that row alone where it raises a UserError.
"""

from collections.abc import Callable
from typing import Any

from topgraft.data.table import Table
from topgraft.lookup import resolve
from topgraft.records import Demonstration

FORMATS = {
    "prepared": "topgraft.data.formats.prepared:rows",
    "oasst": "topgraft.data.formats.oasst:rows",
    "messages": "topgraft.data.formats.messages:rows",
    "preferences": "topgraft.data.formats.preferences:rows",
    "transcripts": "topgraft.data.formats.transcripts:rows",
    "demonstrations": "topgraft.data.formats.demonstrations:rows",
}
"""Name -> the function that makes the rows; `matches` stands beside it in the same module. The first that matches is
taken."""
ORDINARY = "demonstrations"
"""What is taken where none matches: its own complaint says which column is missing."""

FormatFunction = Callable[[Table, Any], list[Demonstration]]


def recognise(raw: Table, settings: Any) -> str:
    """The name of the first format that matches the columns, or of the one that the source names."""
    columns = raw.columns()
    for name, target in FORMATS.items():
        module = target.partition(":")[0]
        if name == raw.format or (
            not raw.format and resolve("data.format", f"{module}:matches", FORMATS)(columns, settings)
        ):
            return name
    return ORDINARY


def pick(name: str) -> FormatFunction:
    """The function for `data.format = name`."""
    function: FormatFunction = resolve("data.format", name, {"auto": "", **FORMATS})
    return function
