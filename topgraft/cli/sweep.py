"""`topgraft sweep`: a recipe at many settings, each an ordinary run."""

import multiprocessing
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topgraft.cli.options import RayAddress, Recipe, Scale, Sets, quiet, settings_from

if TYPE_CHECKING:
    from topgraft.experiments.folder import Sweep
    from topgraft.train.progress import Screen

NAME = "sweep"
HELP = """Run a recipe at many settings: every point of a grid, or a search. The same command goes on after a stop, and
joins in from another terminal.

Examples:

topgraft sweep professor --grid ppo.clip=0.1,0.2 --grid ppo.beta=0.05,0.1,0.2 --out runs/sweep

topgraft sweep professor --search ppo.beta=log:0.01:0.3 --search ppo.inner_epochs=int:1:4 --trials 20"""
TRIALS, SHOWN = 20, 12
"""Trials of a search unless asked for otherwise, and trials that the screen shows."""
SHOWN_TESTS = ("reward", "kl")
"""Test metrics that the screen shows; the page has all."""


def command(
    recipe: Recipe,
    grid: Annotated[
        list[str] | None, typer.Option("--grid", help="A setting and its values: ppo.clip=0.1,0.2. May be repeated.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search", help="A setting and a range, log:0.01:0.3, float:0:1 or int:1:4, or values. May be repeated."
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help=f"Trials of a search, {TRIALS} by default.")
    ] = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="The arm, or the stage, that is compared; the last arm by default.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Chosen by on validation rows: eval/reward, eval/loss or eval/accuracy."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes, or workers of --ray, that share the trials.")
    ] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Sweep folder; runs/sweep-RECIPE by default.")] = None,
    scale: Scale = None,
    set_: Sets = None,
    ray: RayAddress = None,
) -> None:
    """Check every setting, run the trials that are left, and print the table."""
    from topgraft.errors import UserError
    from topgraft.experiments.space import once, parse_grid, parse_search
    from topgraft.train.progress import Screen

    if bool(grid) == bool(search):
        raise UserError(
            "Give --grid or --search, one of them: --grid ppo.clip=0.1,0.2 or --search ppo.clip=log:0.1:0.4."
        )
    if grid and trials is not None:
        raise UserError(f"A grid has a trial for each of its points: leave --trials {trials} out, or use --search.")
    _needs_optuna()
    from topgraft.experiments.folder import ask, open_folder

    vary = once([parse_grid(text) for text in grid or []] + [parse_search(text) for text in search or []])
    settings = settings_from(recipe, scale, set_)
    path, count = out or Path("runs") / f"sweep-{settings.name}", None if grid else trials or TRIALS
    sweep, screen = ask(settings, path, vary, trials=count, arm=arm, metric=metric), Screen()
    open_folder(sweep)
    for caution in sweep.cautions:
        screen.say(f"caution   {caution}")
    page = _carry_out(sweep, workers, screen) if ray is None else _on_ray(sweep, workers, screen, ray)
    _print(screen, sweep.path)
    screen.say(f"report    {page}")


def _carry_out(sweep: "Sweep", workers: int, screen: "Screen") -> Path:
    """Carry the trials out here, with the help of other processes where there are to be several; the page's path."""
    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else 0
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(sweep, threads)) for _ in range(workers - 1)]
    for helper in helpers:
        helper.start()
    try:
        return _work(sweep, threads, screen)
    except BaseException:
        for helper in helpers:  # Ctrl-C reaches them by itself, other signals do not
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.join()


def _on_ray(sweep: "Sweep", workers: int, screen: "Screen", address: str) -> Path:
    """Carry the trials out on a Ray cluster; the page's path."""
    from topgraft.cli.on_ray import deal_out
    from topgraft.train.interrupt import stoppable

    with stoppable(screen.say, partial(_kept, sweep)):
        deal_out(partial(_join, sweep), address, workers)
    return _work(sweep, 0, screen)


def _join(sweep: "Sweep") -> None:
    """What a worker of the cluster does."""
    from topgraft.train.progress import Screen

    quiet()
    _work(sweep, 0, Screen())


def _help(sweep: "Sweep", threads: int) -> None:
    """What another process does: the same work; its errors are said as the command line says them."""
    from topgraft.cli import told
    from topgraft.train.progress import Screen

    quiet()
    told(partial(_work, sweep, threads, Screen()))


def _work(sweep: "Sweep", threads: int, screen: "Screen") -> Path:
    """Carry trials out until none is left, with so many threads of PyTorch (0: its own choice)."""
    import torch

    from topgraft.experiments.sweep import Worker
    from topgraft.train.interrupt import stoppable

    if threads:
        torch.set_num_threads(threads)
    with stoppable(screen.say, partial(_kept, sweep)):
        return Worker(sweep, screen).work()


def _kept(sweep: "Sweep") -> str:
    return f"What is done is kept in {sweep.path}; the same command goes on."


def _print(screen: "Screen", path: Path) -> None:
    """The trials, the best first, with what the choice was made by."""
    from topgraft.cli.show import print_table
    from topgraft.report.words.trials import read_trials, table

    trials = read_trials(path)
    tests, rows = table(trials, [name for name in trials.tests if name in SHOWN_TESTS])
    title = f"By {trials.asked['metric']} on validation rows; beside it arm {trials.asked['arm']} on test rows"
    header = ["trial", *trials.keys, trials.asked["metric"], *tests]
    cells = [[str(row.number), *settings, *(cell.text for cell in found)] for row, settings, found in rows[:SHOWN]]
    print_table(screen, header, cells, title=title)
    if len(rows) > SHOWN:
        screen.say(f"{len(rows) - SHOWN} more trials stand on the page")
    if trials.finished:
        best = trials.finished[0].number
        screen.say(f"best      trial {best}; its recipe: {path / 'trials' / str(best) / 'recipe.toml'}")


def _needs_optuna() -> None:
    from topgraft.errors import UserError

    try:
        import filelock  # noqa: F401
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError(f'topgraft sweep needs Optuna ({error}): pip install "topgraft[sweep]"') from None
