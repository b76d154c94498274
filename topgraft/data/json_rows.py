"""JSON lines and JSON documents -> rows, with the line or the number of each."""

import json
from typing import Any

from topgraft.data.files import start, too_long
from topgraft.data.table import Fault, RawRow, Table
from topgraft.errors import UserError


def read_json_lines(text: str, name: str) -> Table:
    """One JSON object a line, or one JSON string (then its column is "text"); blank lines are skipped."""
    table = Table()
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.isspace():
            row = RawRow(f"{name}, line {number}", {})
            with table.at(row):
                too_long(line, row.place)
                values = _object(_parse(line, row.place), row.place, line, strings=_is_string(table))
                table.append(RawRow(row.place, values))
    return table


def read_json(text: str, name: str) -> Table:
    """A JSON list of objects, an object that holds one such list, or JSON lines under the name .json."""
    begin = text.lstrip()
    first = begin.split("\n", 1)[0].strip()
    whole = begin.startswith("[") or (begin.startswith("{") and not first.endswith("}"))
    if not whole:
        table = read_json_lines(text, name)
        return _unwrap(table[0].values, name) if len(table) == 1 and not table.faults else table
    try:
        document = _parse(text, name)
    except UserError as error:
        table = _list_rows(_before_damage(begin), name)
        if not table:
            raise
        table.faults.append(Fault(name, f"{error} What follows row {len(table)} is lost."))
        return table
    return _unwrap(document, name) if isinstance(document, dict) else _list_rows(document, name)


def _before_damage(text: str) -> list[Any]:
    """The items of a JSON list that stand before the place where it is broken."""
    decoder, items, place = json.JSONDecoder(), list[Any](), 1
    try:
        while text.startswith("[") and place < len(text):
            while text[place] in " \t\r\n,":
                place += 1
            item, place = decoder.raw_decode(text, place)
            items.append(item)
    except (ValueError, RecursionError, IndexError):
        pass
    return items


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # A whole document has lines of its own; a single line has been named by the caller.
        own_lines = "\n" in text.strip()
        where = f"{place}, line {error.lineno}" if own_lines else place
        wrong = text.split("\n")[error.lineno - 1] if own_lines else text
        why = error.msg.removesuffix(" at")
        raise UserError(
            f"{where} is not JSON: {why} at column {error.colno}: {start(wrong)}. Mend or remove it."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} is not readable JSON: {error}: {start(text)}.") from error


def _is_string(table: Table) -> bool:
    """Whether rows may be bare strings: where no row before was an object of another kind."""
    return all(list(row.values) == ["text"] for row in table[:1])


def _object(value: Any, place: str, shown: str, *, strings: bool) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if strings and isinstance(value, str):
        return {"text": value}
    raise UserError(
        f"{place} holds a {_kind(value)}, not an object: {start(shown)}. "
        f'A row is written {{"prompt": "...", "response": "..."}}.'
    )


def _list_rows(items: list[Any], name: str) -> Table:
    table = Table()
    for number, item in enumerate(items, start=1):
        row = RawRow(f"{name}, row {number}", {})
        with table.at(row):
            values = _object(item, row.place, repr(item)[:200], strings=_is_string(table))
            table.append(RawRow(row.place, values))
    return table


def _unwrap(document: dict[str, Any], name: str) -> Table:
    """The rows of an object: those of its one list of objects, or the object itself as the only row."""
    lists = {key: value for key, value in document.items() if value and _all_objects(value)}
    if not lists or _is_row(document):
        return Table([RawRow(f"{name}, row 1", document)])
    if len(lists) > 1:
        raise UserError(f"{name} holds several lists of rows ({', '.join(lists)}). Save one of them as its own file.")
    return _list_rows(next(iter(lists.values())), name)


def _is_row(document: dict[str, Any]) -> bool:
    """Whether an object with a list in it is one row all the same: a dialogue, or a tree of messages."""
    return bool({"messages", "conversations", "replies", "chosen"} & set(document))


def _all_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _kind(value: Any) -> str:
    kinds = {list: "list", str: "string", bool: "boolean", type(None): "null", dict: "object"}
    return kinds.get(type(value), "number")
