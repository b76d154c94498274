"""`topgraft report`: the page, tables and figures of a run, from its folder alone."""

from topgraft.cli.options import RunFolderArgument, open_run

NAME = "report"
HELP = """Write the report of a run, or of a sweep, again: page, tables, figures. Needs the folder only, no model.

Example: topgraft report runs/professor"""


def command(run: RunFolderArgument) -> None:
    """Write the report and say where it is."""
    from topgraft.report import write_report
    from topgraft.report.sweep import write_sweep

    print(write_sweep(run) if (run / "sweep.json").exists() else write_report(open_run(run)))
