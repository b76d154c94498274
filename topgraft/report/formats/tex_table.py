"""A table for LaTeX that fits the width of a page: columns as wide as they need, divided over several tables if not."""

from collections.abc import Iterable, Sequence

from topgraft.report.document import Table
from topgraft.report.words.results import Cell
from topgraft.report.words.text import tex

ROOM, EM, GAP = 50.0, 0.54, 0.75
"""Of a line in footnotesize on A4: its width, that of a character, and that between two columns, in em."""
MOST, MOST_OF_MANY = 60, 26
"""Characters of the widest column of text: with few columns, with more than four."""


def tex_table(table: Table, number: int) -> str:
    """Return the table as one or several longtables with one caption and number; the first column stands in each."""
    widths = [_width(table, place) for place in range(len(table.header))]
    caption = rf"{tex(table.caption)} \source{{{tex(table.source)}}}"
    parts = divide(widths)
    made = []
    for place, columns in enumerate(parts):
        first = rf"\caption{{{caption}}}" if not place else r"\caption[]{(continued)}"
        made.append(f"\\setcounter{{table}}{{{number - 1}}}\n{_part(table, columns, widths, first)}")
    return "\n\n".join(made)


def divide(widths: Sequence[float]) -> list[list[int]]:
    """Divide columns over tables of at most ROOM em; each begins with the first column."""
    parts: list[list[int]] = [[0]]
    for place in range(1, len(widths)):
        taken = sum(widths[other] + GAP for other in parts[-1])
        if len(parts[-1]) > 1 and taken + widths[place] > ROOM:
            parts.append([0])
        parts[-1].append(place)
    return parts


def _part(table: Table, columns: Sequence[int], widths: Sequence[float], caption: str) -> str:
    sides = {place: "raggedleft" if place in table.numeric else "raggedright" for place in columns}
    shape = "".join(rf">{{\{sides[place]}\arraybackslash}}p{{{widths[place]:.2f}em}}" for place in columns)
    head = _row(rf"\textbf{{{tex(table.header[place])}}}" for place in columns)
    body = [_row(_cell(row[place], table.stacked) for place in columns) for row in table.rows]
    foot = [_row(_cell(row[place], False) for place in columns) for row in table.foot]
    lines = [
        rf"\footnotesize\begin{{longtable}}[l]{{@{{}}{shape}@{{}}}}",
        rf"{caption}\\",
        rf"\toprule {head} \midrule\endfirsthead",
        rf"\toprule {head} \midrule\endhead",
        *body,
        *([r"\midrule", *foot] if foot else []),
        r"\bottomrule",
        r"\end{longtable}",
    ]
    return "{" + "\n".join(lines) + "}"


def _width(table: Table, place: int) -> float:
    """The width of a column in em: its longest cell, or the longest word of its name."""
    longest = max((_length(row[place], table.stacked) for row in (*table.rows, *table.foot)), default=1)
    most = MOST if len(table.header) <= 4 else MOST_OF_MANY
    words = max((len(word) for word in table.header[place].split()), default=1)
    return EM * min(max(longest, words + 2, 4), most)


def _length(cell: str | Cell, stacked: bool) -> int:
    if isinstance(cell, str):
        return len(cell)
    if stacked:
        return max(len(cell.value) + 2 * cell.best, round(0.85 * len(cell.interval)), len(cell.reading))
    return len(cell.value) + 2 * cell.best + round(0.85 * (len(cell.interval) + len(cell.reading) + 2))


def _cell(cell: str | Cell, stacked: bool) -> str:
    if isinstance(cell, str):
        return tex(cell)
    value = rf"\textbf{{{tex(cell.value)}}}{{*}}" if cell.best else tex(cell.value)
    small = [rf"{{\scriptsize {tex(text)}}}" for text in (cell.interval, cell.reading) if text]
    return (r"\newline " if stacked else " ").join([value, *small])


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
