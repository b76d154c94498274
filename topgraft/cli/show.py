"""The final table on the screen."""

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from topgraft.report.comparisons import winners
from topgraft.report.results import many
from topgraft.report.tables import final_table
from topgraft.train.progress import Screen

TITLE = "Test split, value [95 % interval over problems]"
MOST_SENTENCES = 8
AROUND = 4
"""What a column needs beside its text."""


def print_results(screen: Screen, results: dict[str, Any]) -> None:
    """Print arms x metrics, value and 95 % interval, then the paired comparisons; of many arms the best ones only."""
    header, *rows = final_table(results) or [[]]
    if not header:
        screen.say("No metric was measured.")
        return
    print_rows(screen, header, rows)
    if many(results):
        for row in winners(results):
            screen.say(f"{row.label:>16}: {row.words}")
        screen.say("All comparisons stand in the report.")
        return
    for item in results.get("comparisons", []):
        interval = f" [{item['low']:+.3f}, {item['high']:+.3f}]" if item["low"] is not None else ""
        name = f"{item['name']}, {item['arm']} - {item['against']}"
        screen.say(f"{name:>28}: {item['value']:+.3f}{interval}, n = {item['n']}")


def print_summary(screen: Screen, sentences: list[str]) -> None:
    """Print what the numbers say, if that is short; else the report has it."""
    if len(sentences) > MOST_SENTENCES:
        screen.say("What follows from these numbers stands in the report's summary.")
        return
    for sentence in sentences:
        screen.say(f"- {sentence}")


def print_rows(screen: Screen, header: list[str], rows: list[list[str]]) -> None:
    """Print a table, in as many parts side by side as the screen's width takes."""
    for columns in fitting(header, rows, screen.console.width):
        screen.console.print(
            _table([header[place] for place in columns], [[row[place] for place in columns] for row in rows])
        )


def fitting(header: list[str], rows: list[list[str]], width: int) -> list[list[int]]:
    """Divide the columns into tables that fit into `width` characters; each begins with the first column."""
    needs = [AROUND + max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    parts: list[list[int]] = [[0]]
    for place in range(1, len(header)):
        if len(parts[-1]) > 1 and sum(needs[other] for other in parts[-1]) + needs[place] > width:
            parts.append([0])
        parts[-1].append(place)
    return parts


def _table(header: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate(header):
        table.add_column(escape(name), justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
