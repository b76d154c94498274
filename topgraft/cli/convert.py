"""`topgraft convert`: a reward head of another program, once, into a stage of ours."""

from pathlib import Path
from typing import Annotated

import typer

from topgraft.cli.options import quiet

NAME = "convert"
HELP = """Make a stage of a pickled reward head (StrictBot's rm.pt), for reward.load. Only tensors are read of it.

Example: topgraft convert rm.pt --model merged-sft --out strictbot-reward"""


def command(
    file: Annotated[Path, typer.Argument(help="The pickled state dict.")],
    model: Annotated[str, typer.Option("--model", help="Folder or hub id of the model that the head was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the stage.")],
) -> None:
    """Check the file against the model, and write the stage."""
    quiet()
    from topgraft.train.converting import convert
    from topgraft.train.progress import Screen

    convert(file, model, out, Screen())
