"""`topgraft evaluate`: measure a trained run again."""

from topgraft.cli.options import RunFolderArgument, open_run, quiet

NAME = "evaluate"
HELP = """Answer the test prompts again with every arm of a run, measure, and rewrite its report.

Example: topgraft evaluate runs/professor"""


def command(run: RunFolderArgument) -> None:
    """Reload the run's adapters, evaluate, report."""
    from topgraft.cli.show import print_results, print_summary
    from topgraft.report import summary, write_report
    from topgraft.train.pipeline import measure_again
    from topgraft.train.progress import Screen
    from topgraft.train.reopening import plan_of

    quiet()
    screen, folder = Screen(), open_run(run)
    print_results(screen, measure_again(folder, plan_of(folder), screen))
    print_summary(screen, summary(folder))
    screen.say(f"report    {write_report(folder)}")
