"""`topgraft run`: everything that a recipe says, into one run folder."""

from pathlib import Path

from topgraft.cli.options import Out, ProcessCount, Recipe, Resume, Scale, Sets, settings_from, share_out

NAME = "run"
HELP = """Run a recipe: training, evaluation and report.

Example: topgraft run professor --out runs/first --set ppo.steps=20"""


def command(
    recipe: Recipe,
    out: Out = None,
    scale: Scale = None,
    set_: Sets = None,
    resume: Resume = False,
    processes: ProcessCount = 1,
) -> None:
    """Run a recipe into a folder and print its final table."""
    from topgraft.cli.show import print_results, print_summary
    from topgraft.experiments.layers.auto import settled
    from topgraft.processes import Processes
    from topgraft.report import summary, write_report
    from topgraft.train.interrupt import stoppable
    from topgraft.train.pipeline import run
    from topgraft.train.progress import Screen

    settings = settings_from(recipe, scale, set_)
    if processes > 1:
        share_out(processes)
    here = Processes.here()
    folder, screen = out or Path("runs") / settings.name, Screen(silent=not here.first)
    with stoppable(screen.say, lambda: f"What is done is kept in {folder}; the same command with --resume goes on."):
        settings = settled(settings, folder, resume=resume, screen=screen)
        done = run(settings, folder, resume=resume, screen=screen)
        if not done.writes:
            return
        page = write_report(done)
    print_results(screen, done.results())
    print_summary(screen, summary(done))
    screen.say(f"report    {page}")
