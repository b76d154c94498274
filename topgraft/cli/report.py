"""`topgraft report`: the page, tables and figures of a run, from its folder alone."""

import sys
from typing import Annotated

import typer

from topgraft.cli.options import RunFolderArgument, open_run
from topgraft.errors import UserError

NAME = "report"
HELP = """Write the report of a run, or of a sweep, again: page, tables, figures. Needs the folder only, no model.

Example: topgraft report runs/professor --format pdf,latex"""

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="Write the report in these too, with commas between or the option repeated: pdf, latex, markdown, "
        "notebook. The page (html) is always written.",
    ),
]


def command(run: RunFolderArgument, format_: Formats = None) -> None:
    """Write the report and say where it is."""
    from topgraft.report import write_report
    from topgraft.report.formats import FORMATS, named
    from topgraft.report.sweep import write_sweep

    formats = named(format_ or [])
    if (run / "sweep.json").exists():
        if formats:
            raise UserError(
                f"--format {formats[0]} is for the report of a run; {run} is a sweep, whose report is a page only. "
                f"Give one of its runs, e.g. {run}/trials/1."
            )
        print(write_sweep(run))
        return
    folder = open_run(run)
    for path in folder.broken():
        print(f"caution: {path} is damaged, or was changed since it was written", file=sys.stderr)
    page = write_report(folder, formats)
    for path in (page, *(folder.report / FORMATS[name].file for name in formats)):
        print(path)
