"""The final table on the screen."""

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from topgraft.report.parts.separation import by_pair
from topgraft.report.words.comparisons import winners
from topgraft.report.words.results import many
from topgraft.report.words.tables import final_table
from topgraft.train.progress import Screen, printable

TITLE = "Test split, value [95 % interval over problems]"
MOST_SENTENCES = 8
AROUND = 4
"""What a column needs beside its text."""


def print_results(screen: Screen, results: dict[str, Any], title: str = TITLE) -> None:
    """Print arms x metrics, value and 95 % interval; of many arms the best of each metric as well."""
    header, *rows = final_table(results) or [[]]
    if not header:
        screen.say("No metric was measured.")
        return
    print_table(screen, header, rows, title=title)
    if many(results):
        for row in winners(results):
            screen.say(f"{row.label:>16}: {row.words}")
        screen.say("All comparisons stand in the report.")


def print_pairs(screen: Screen, results: dict[str, Any]) -> None:
    """Print what every two arms' comparison shows, a line for each two."""
    for line in by_pair(results):
        screen.say(line)


def print_summary(screen: Screen, sentences: list[str]) -> None:
    """Print what the numbers say, if that is short; else the report has it."""
    if len(sentences) > MOST_SENTENCES:
        screen.say("What follows from these numbers stands in the report's summary.")
        return
    for sentence in sentences:
        screen.say(f"- {sentence}")


def fitting(header: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Divide the columns into tables that fit into `width` characters; each begins with the first column."""
    needs = [AROUND + max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    parts: list[list[int]] = [[0]]
    for place in range(1, len(header)):
        if len(parts[-1]) > 1 and sum(needs[other] for other in parts[-1]) + needs[place] > width:
            parts.append([0])
        parts[-1].append(place)
    return parts


def print_table(screen: Screen, header: list[str], rows: list[list[str]], *, title: str = "") -> None:
    """Print rows, under a title if there is one, in as many tables as the screen's width needs."""
    if title:
        screen.heading(title)
    for columns in fitting(header, rows, screen.console.width):
        screen.console.print(
            _table([header[place] for place in columns], [[row[place] for place in columns] for row in rows])
        )


def _table(header: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate(header):
        table.add_column(escape(printable(name)), justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    return table
