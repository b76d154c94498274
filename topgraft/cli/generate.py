"""`topgraft generate`: responses of a trained arm to a file of prompts."""

from pathlib import Path
from typing import Annotated

import typer

from topgraft.cli.options import RunOrExported, Sets, quiet

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
) -> None:
    """Decode and write one line a response: id, arm, prompt, response, tokens, ended, and sample where several."""
    from rich.console import Console

    from topgraft.train.exported import open_arms
    from topgraft.train.generating import generate
    from topgraft.train.progress import Screen

    quiet()
    screen = Screen(Console(stderr=True))
    generate(
        open_arms(run, set_ or [], screen),
        arm,
        data=data,
        prompt=prompt,
        out=out,
        likeliest=greedy,
        samples=samples,
        screen=screen,
    )
