"""`topgraft evaluate`: measure a trained run again."""

from typing import Annotated

import typer

from topgraft.cli.options import RunFolderArgument, Sets, open_run, quiet

NAME = "evaluate"
HELP = """Measure a run again, and rewrite its report: every arm answers the test prompts anew; with --stored the
answers that are there are measured, without a model.

Examples:

topgraft evaluate runs/professor --stored --metrics +distinct_3,toxicity

topgraft evaluate runs/professor --on programs-labelled.jsonl"""

Stored = Annotated[bool, typer.Option("--stored", help="Measure the answers in the run folder; generate none.")]
Metrics = Annotated[
    str | None,
    typer.Option("--metrics", help="Metrics, with commas between; +a,b: besides the recipe's (docs/metrics.md)."),
]


On = Annotated[
    str | None,
    typer.Option("--on", help="Other data whose prompts the arms answer instead; kept in RUN/elsewhere/NAME."),
]


def command(
    run: RunFolderArgument, stored: Stored = False, metrics: Metrics = None, on: On = None, set_: Sets = None
) -> None:
    """Evaluate and report; settings of [evaluate] may be changed, and are kept in the run's recipe (not with --on)."""
    from topgraft.cli.show import print_results, print_summary
    from topgraft.errors import UserError
    from topgraft.report import summary, write_report
    from topgraft.train.measuring import measure_stored, with_changes
    from topgraft.train.pipeline import measure_again, measure_on
    from topgraft.train.progress import Screen

    quiet()
    screen, folder = Screen(), open_run(run)
    plan = with_changes(folder, metrics, set_ or [])
    if on and stored:
        raise UserError("--stored measures answers that are there; those to --on are made anew. Leave one out.")
    if on:
        into = folder.elsewhere(on)
        found = measure_on(folder, plan, on, into, screen)
        print_results(screen, found, f"{on}, value [95 % interval over problems]")
        screen.say(f"kept      {into.path}")
    else:
        print_results(screen, measure_stored(folder, plan) if stored else measure_again(folder, plan, screen))
        print_summary(screen, summary(folder))
    screen.say(f"report    {write_report(folder)}")
