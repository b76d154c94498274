"""`topgraft run`: everything that a recipe says, into one run folder."""

from functools import partial
from pathlib import Path

from topgraft.cli.options import (
    Out,
    ProcessCount,
    RayAddress,
    Recipe,
    Resume,
    Scale,
    Sets,
    WorkerCount,
    refuse_without_ray,
    settings_from,
    share_out,
)

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
    ray: RayAddress = None,
    workers: WorkerCount = 1,
) -> None:
    """Run a recipe into a folder and print its final table."""
    from topgraft.cli.show import print_results, print_summary
    from topgraft.experiments.layers.auto import settled
    from topgraft.processes import Processes
    from topgraft.report import summary, write_report
    from topgraft.train.interrupt import stoppable
    from topgraft.train.pipeline import open_folder, run
    from topgraft.train.progress import Screen

    settings = settings_from(recipe, scale, set_)
    folder = out or Path("runs") / settings.name
    if ray is not None:
        from topgraft.cli.on_ray import train_together

        open_folder(settings, folder, resume=resume)
        train_together(partial(command, recipe, folder, scale, set_, resume=True), ray, workers, folder)
        return
    refuse_without_ray(workers)
    if processes > 1:
        share_out(processes)
    here = Processes.here()
    screen = Screen(silent=not here.first)
    with stoppable(screen.say, lambda: f"What is done is kept in {folder}; the same command with --resume goes on."):
        settings = settled(settings, folder, resume=resume, screen=screen)
        done = run(settings, folder, resume=resume, screen=screen)
        if not done.writes:
            return
        page = write_report(done)
    print_results(screen, done.results())
    print_summary(screen, summary(done))
    screen.say(f"report    {page}")
