"""CSV -> rows, with the line where each begins."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from topgraft.data.files import LONGEST, start
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError

MARKS = {",": "commas", ";": "semicolons", "\t": "tabs"}
SHOWN = 12
"""Columns of the header named where a row has more or fewer cells."""


def read_csv(text: str, name: str) -> Table:
    """CSV with a header line, quoted with double quotes, separated by commas, semicolons or tabs (whichever the header
    has); blank lines are skipped. After a bad row, reading goes on in the next line."""
    lines = io.StringIO(text, newline="").readlines()  # (splitlines also cuts at characters that stand in cells)
    table, header, line = Table(), list[str](), 0
    separator = max(MARKS, key=lambda mark: _header_line(lines).count(mark))
    if separator != ",":
        table.remarks.append(f"columns are separated by {MARKS[separator]}")
    while line < len(lines):
        row = RawRow(f"{name}, line {line + 1}", {})
        used = 1
        with table.at(row):
            cells, used = _record(lines, line, separator, row.place)
            if not any(cell.strip() for cell in cells):
                pass
            elif not header:
                header = _header(cells, row.place)
            else:
                table.append(RawRow(row.place, _cells(cells, header, row.place)))
        if table.faults and table.faults[-1].place == row.place:
            used = 1
        if not header and table.faults:
            raise UserError(table.faults[0].message)
        line += used
    return table


def _header_line(lines: list[str]) -> str:
    return next((line for line in lines if line.strip()), "")


def _record(lines: list[str], first: int, separator: str, place: str) -> tuple[list[str], int]:
    """The cells of the record that begins in a line, and how many lines it takes."""
    csv.field_size_limit(LONGEST)

    def rest() -> Iterator[str]:
        for number in range(first, len(lines)):
            yield lines[number]

    reader = csv.reader(rest(), strict=True, delimiter=separator)
    try:
        return next(reader), reader.line_num
    except csv.Error as error:
        if "field larger" in str(error):
            raise UserError(
                f"{place} is too long: it has a cell of over {LONGEST:,} characters. Is a quote missing?"
            ) from error
        raise UserError(
            f"{place} is not CSV: {error} (the reader stopped in line {first + reader.line_num}). "
            f'Is a "quoted cell" not closed there?'
        ) from error


def _cells(cells: list[str], header: list[str], place: str) -> dict[str, str]:
    if len(cells) != len(header):
        raise UserError(
            f"{place} has {len(cells)} cells, the header {len(header)} ({_begun(header)}): "
            f'{start(",".join(cells))}. Put a cell that holds a comma or a line break in "double quotes".'
        )
    return dict(zip(header, cells, strict=True))


def _header(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    counts = Counter(names)
    empty_or_twice = [name for name in names if not name or counts[name] > 1]
    if empty_or_twice:
        raise UserError(
            f"{place}: the header {start(','.join(cells))} has a column {empty_or_twice[0]!r} "
            f"{'more than once' if empty_or_twice[0] else 'without a name'}. Give every column its own name."
        )
    return names


def _begun(header: list[str]) -> str:
    """The first columns, for a message that may be one of very many."""
    shown = [name if len(name) <= 40 else f"{name[:40]}..." for name in header[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(header) > SHOWN else "")
