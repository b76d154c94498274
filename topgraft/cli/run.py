"""`topgraft run`: everything that a recipe says, into one run folder."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from topgraft.cli.options import (
    Out,
    ProcessCount,
    RayAddress,
    Recipe,
    Resume,
    Scale,
    Sets,
    StorageAddress,
    WorkerCount,
    quiet,
    refuse_without_ray,
    settings_from,
    share_out,
)

if TYPE_CHECKING:
    from topgraft.train.pipeline import Around
    from topgraft.train.settings import RunSettings

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
    storage: StorageAddress = None,
) -> None:
    """Run a recipe into a folder and print its final table."""
    settings = settings_from(recipe, scale, set_)
    folder = out or Path("runs") / settings.name
    if ray is not None:
        _on_ray(settings, folder, resume, ray, workers, storage)
        return
    refuse_without_ray(workers, storage)
    if processes > 1:
        share_out(processes)
    carry_out(settings, folder, resume=resume)


def carry_out(
    settings: "RunSettings", folder: Path, *, resume: bool, around: "Around | None" = None, shown: Path | None = None
) -> None:
    """Run into `folder`, which the screen calls `shown`, as this process or as one of several."""
    from topgraft.cli.show import print_results, print_summary
    from topgraft.experiments.layers.auto import settled
    from topgraft.processes import Processes
    from topgraft.report import summary, write_report
    from topgraft.train.interrupt import stoppable
    from topgraft.train.pipeline import alone, run
    from topgraft.train.progress import Screen

    quiet()
    shown = shown or folder
    screen = Screen(silent=not Processes.here().first)
    with stoppable(screen.say, partial(_kept, shown)):
        settings = settled(settings, folder, resume=resume, screen=screen)
        done = run(settings, folder, resume=resume, screen=screen, around=around or alone)
        if not done.writes:
            return
        page = write_report(done)
    print_results(screen, done.results())
    print_summary(screen, summary(done))
    screen.say(f"report    {shown / page.relative_to(folder)}")


def _on_ray(
    settings: "RunSettings", folder: Path, resume: bool, address: str, workers: int, stored: str | None
) -> None:
    """Have the workers of a cluster carry it out."""
    from topgraft.cli.on_ray import train_together
    from topgraft.cli.storage import Storage
    from topgraft.cli.stored_run import carry_out_stored, hold_together
    from topgraft.train.interrupt import stoppable
    from topgraft.train.pipeline import open_folder

    open_folder(settings, folder, resume=resume)
    with stoppable(print, partial(_kept, folder)):
        if stored is None:
            train_together(partial(carry_out, settings, folder, resume=True), address, workers, folder, None)
            return
        storage = Storage(stored)
        hold_together(storage, folder, resume=resume)
        open_folder(settings, folder, resume=True)  # what was brought is this very run too
        try:
            train_together(partial(carry_out_stored, settings, storage, folder), address, workers, folder, storage)
        finally:
            storage.bring(folder)


def _kept(folder: Path) -> str:
    return f"What is done is kept in {folder}; the same command with --resume goes on."
