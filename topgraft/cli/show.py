"""The final table on the screen."""

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from topgraft.report.tables import final_table
from topgraft.train.progress import Screen


def print_results(screen: Screen, results: dict[str, Any]) -> None:
    """Print arms x metrics, value and 95 % interval, then the paired comparisons."""
    header, *rows = final_table(results) or [[]]
    if not header:
        screen.say("No metric was measured.")
        return
    table = Table(box=box.SIMPLE_HEAD, title="Test split, value [95 % interval over problems]", title_justify="left")
    for place, name in enumerate(header):
        table.add_column(escape(name), justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    screen.console.print(table)
    for item in results.get("comparisons", []):
        interval = f" [{item['low']:+.3f}, {item['high']:+.3f}]" if item["low"] is not None else ""
        name = f"{item['name']}, {item['arm']} - {item['against']}"
        screen.say(f"{name:>28}: {item['value']:+.3f}{interval}, n = {item['n']}")
