"""`topgraft generate`: responses of a trained arm to a file of prompts."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topgraft.cli.options import RayAddress, RunOrExported, Sets, WorkerCount, quiet, refuse_without_ray

if TYPE_CHECKING:
    from topgraft.train.generating import Drawing

NAME = "generate"
HELP = """Write an arm's responses to prompts as JSON lines or CSV. Cut off, the same command goes on where it was.

Example: topgraft generate runs/professor --arm ppo --data questions.jsonl --sample --samples 5 --out answers.csv"""


def command(
    run: RunOrExported,
    arm: Annotated[str, typer.Option("--arm", help="base, sft, ppo, ...; the last plain one by default.")] = "",
    data: Annotated[str, typer.Option("--data", help="File with a prompt column; the run's own data by default.")] = "",
    prompt: Annotated[str, typer.Option("--prompt", help="One prompt, instead of a file.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, .csv or JSON lines; the screen by default.")
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy/--sample", help="Greedy, or drawn by the sampling settings.")
    ] = True,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Responses to each prompt, with --sample.")] = 1,
    set_: Sets = None,
    ray: RayAddress = None,
    workers: WorkerCount = 1,
) -> None:
    """Decode and write one line a response: id, arm, prompt, response, tokens, ended, and sample where several."""
    from rich.console import Console

    from topgraft.cli.on_ray import drawn_on
    from topgraft.errors import UserError
    from topgraft.train.exported import open_arms
    from topgraft.train.generating import generate
    from topgraft.train.progress import Screen

    quiet()
    screen, draw = Screen(Console(stderr=True)), None
    if ray is None:
        refuse_without_ray(workers)
    else:
        if out is None:
            raise UserError("--ray needs --out FILE, where the responses are kept as they come.")
        make = partial(_drawing, run, set_ or [], arm, greedy, samples)
        draw = partial(drawn_on, make, address=ray, workers=workers)
    generate(
        open_arms(run, set_ or [], screen),
        arm,
        data=data,
        prompt=prompt,
        out=out,
        likeliest=greedy,
        samples=samples,
        screen=screen,
        draw=draw,
    )


def _drawing(run: Path, sets: list[str], arm: str, likeliest: bool, samples: int) -> "Drawing":
    """What a worker of the cluster draws by."""
    from topgraft.train.exported import open_arms
    from topgraft.train.generating import drawing
    from topgraft.train.progress import Screen

    quiet()
    return drawing(open_arms(run, sets, Screen(silent=True)), arm, likeliest=likeliest, samples=samples)
