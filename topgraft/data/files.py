"""Small readers of local files: JSON lines, JSON and CSV, plain or gzipped, with the line of every row.

They read only. Whatever is wrong is a UserError that names the file, the line and what stands there.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from topgraft.errors import UserError

MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "gzip (then end its name in .gz)",
    b"PK\x03\x04": "an Excel sheet or a zip archive",
}
"""First bytes of files that are no UTF-8 text -> what they are."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in the source: where it is ("rows.csv, line 3") and its columns."""

    place: str
    values: dict[str, Any]


def unzip(data: bytes, name: str) -> bytes:
    """What a .gz file holds."""
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(
            f"{name} ends in .gz but cannot be unzipped: {error}. Was it copied whole? Try `gzip -t {name}`."
        ) from error


def decode(data: bytes, name: str) -> str:
    """The text of UTF-8 bytes; a byte order mark is dropped."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind a byte order mark.
        offset = error.start + (len(data) - len(error.object))
        line = data.count(b"\n", 0, offset) + 1
        kind = next((f" It looks like {kind}." for mark, kind in MARKS.items() if data.startswith(mark)), "")
        raise UserError(
            f"{name} is not UTF-8 text: byte 0x{data[offset]:02x} at offset {offset} "
            f"(line {line}).{kind} "
            f"Save it as UTF-8, e.g. `iconv -f latin1 -t utf-8 OLD > NEW`."
        ) from error


def read_json_lines(text: str, name: str) -> list[RawRow]:
    """One JSON object a line; blank lines are skipped."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        rows.append(RawRow(place, _object(_parse(line, place), place, line)))
    return rows


def read_json(text: str, name: str) -> list[RawRow]:
    """A JSON list of objects, an object that holds one such list, or JSON lines under the name .json."""
    start = text.lstrip()
    first = start.split("\n", 1)[0].strip()
    whole = start.startswith("[") or (start.startswith("{") and not first.endswith("}"))
    if not whole:
        rows = read_json_lines(text, name)
        return _unwrap(rows[0].values, name) if len(rows) == 1 else rows
    document = _parse(text, name)
    if isinstance(document, dict):
        return _unwrap(document, name)
    return _list_rows(document, name)


def read_csv(text: str, name: str) -> list[RawRow]:
    """CSV with a header line, comma-separated, quoted with double quotes; blank lines are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[RawRow] = []
    line = 1
    try:
        for cells in reader:
            place, line = f"{name}, line {line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, place)
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{place} has {len(cells)} cells, the header {len(header)} ({', '.join(header)}): "
                    f"{_start(','.join(cells))}. "
                    f'Put a cell that holds a comma or a line break in "double quotes".'
                )
            rows.append(RawRow(place, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise UserError(
            f"{name}, line {line} is not CSV: {error} (the reader stopped in line {reader.line_num}). "
            f'Is a "quoted cell" not closed there?'
        ) from error
    return rows


READERS: dict[str, Callable[[str, str], list[RawRow]]] = {
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".csv": read_csv,
}
"""Suffix -> reader of (text, name for messages)."""


def _header(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and mark in names[0]:
            raise UserError(f"{place}: the columns are separated by {word}. Save the file with commas.")
    empty_or_twice = [name for name in names if not name or names.count(name) > 1]
    if empty_or_twice:
        raise UserError(
            f"{place}: the header {_start(','.join(cells))} has a column {empty_or_twice[0]!r} "
            f"{'more than once' if empty_or_twice[0] else 'without a name'}. Give every column its own name."
        )
    return names


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # A whole document has lines of its own; a single line has been named by the caller.
        own_lines = "\n" in text.strip()
        where = f"{place}, line {error.lineno}" if own_lines else place
        wrong = text.split("\n")[error.lineno - 1] if own_lines else text
        raise UserError(
            f"{where} is not JSON: {error.msg} at column {error.colno}: {_start(wrong)}. Mend or remove it."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} is not readable JSON: {error}: {_start(text)}.") from error


def _object(value: Any, place: str, shown: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise UserError(
        f"{place} holds a {_kind(value)}, not an object: {_start(shown)}. "
        f'A row is written {{"prompt": "...", "response": "..."}}.'
    )


def _list_rows(items: list[Any], name: str) -> list[RawRow]:
    rows = []
    for number, item in enumerate(items, start=1):
        place = f"{name}, row {number}"
        rows.append(RawRow(place, _object(item, place, repr(item))))
    return rows


def _unwrap(document: dict[str, Any], name: str) -> list[RawRow]:
    """The rows of an object: those of its one list of objects, or the object itself as the only row."""
    lists = {key: value for key, value in document.items() if value and _all_objects(value)}
    if not lists:
        return [RawRow(f"{name}, row 1", document)]
    if len(lists) > 1:
        raise UserError(f"{name} holds several lists of rows ({', '.join(lists)}). Save one of them as its own file.")
    return _list_rows(next(iter(lists.values())), name)


def _all_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _kind(value: Any) -> str:
    kinds = {list: "list", str: "string", bool: "boolean", type(None): "null", dict: "object"}
    return kinds.get(type(value), "number")


def _start(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:60] + "...")
