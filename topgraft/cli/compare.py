"""`topgraft compare`: several runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

NAME = "compare"
HELP = """Set several runs side by side: what differs, every arm's results, means over seeds, paired differences,
curves. Says what cannot be compared.

Example: topgraft compare runs/seed-1 runs/seed-2 runs/seed-3 --out runs/seeds"""
SHOWN = 8
"""Settings that the screen shows; the page has all."""


def command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, two or more.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the page and the tables.")] = Path("runs/compare"),
) -> None:
    """Compare, write the page, and print the table."""
    from topgraft.cli.show import print_table
    from topgraft.errors import UserError
    from topgraft.experiments.compare import compare
    from topgraft.report.compare import write_comparison
    from topgraft.report.compare_tables import RESULTS, rows_of
    from topgraft.runs.writing import write_json
    from topgraft.train.progress import Screen

    screen, found = Screen(), compare(runs)
    if out.exists() and any(out.iterdir()) and not (out / "compare.html").exists():
        raise UserError(f"{out} is not empty and holds no comparison. Give another folder with --out.")
    write_json(out / RESULTS, found)
    for line in found["cautions"]:
        screen.say(f"caution   {line}")
    for key, values in list(found["settings"].items())[:SHOWN]:
        screen.say(f"differs   {key}: {', '.join(str(value) for value in values)}")
    if len(found["settings"]) > SHOWN:
        screen.say(f"          and {len(found['settings']) - SHOWN} more settings, on the page")
    header, *rows = [[f"{arm}  {metric}", *cells] for arm, metric, *cells in rows_of(found)]
    print_table(screen, ["Arm, metric", *header[1:]], rows)
    if found["own_instruments"]:
        screen.say("†         another instrument measured it in each run; where it has no common unit, it has no mean")
    screen.say(f"report    {write_comparison(out)}")
