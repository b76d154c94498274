"""`topgraft evaluate`: measure a trained run again."""

from topgraft.cli.options import RunFolderArgument, open_run, quiet

NAME = "evaluate"
HELP = """Answer the test prompts again with every arm of a run, measure, and rewrite its report.

Example: topgraft evaluate runs/professor"""


def command(run: RunFolderArgument) -> None:
    """Reload the run's adapters, evaluate, report."""
    from topgraft.cli.show import print_results
    from topgraft.report import write_report
    from topgraft.train.evaluation import evaluate
    from topgraft.train.progress import Screen
    from topgraft.train.reopening import reopen

    quiet()
    screen = Screen()
    place = reopen(open_run(run), screen)
    print_results(screen, evaluate(place))
    screen.say(f"report    {write_report(place.run)}")
