"""`topgraft export`: a trained policy as a folder for transformers, peft and vLLM, checked before it is there."""

from pathlib import Path
from typing import Annotated

import typer

from topgraft.cli.options import RunFolderArgument, Sets, open_run, quiet

NAME = "export"
HELP = """Write an arm's policy as a folder that transformers, peft and vLLM load: its adapter, or with --merge a model
that stands alone.

The folder is read again without topgraft, and its logits are compared with
the run's, before it is there. Its README.md is a model card with the run's
figures. `topgraft chat` and `topgraft generate` take it in place of a run.

Example: topgraft export runs/professor --arm ppo --out exported --merge --dtype bfloat16"""


def command(
    run: RunFolderArgument,
    out: Annotated[Path, typer.Option("--out", help="New folder to write.")],
    arm: Annotated[str, typer.Option("--arm", help="sft, ppo, ...; the last trained one by default.")] = "",
    merge: Annotated[
        bool, typer.Option("--merge", help="Add the adapter to its base: a whole model instead of an adapter.")
    ] = False,
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            help="Precision of the weights: float32, float16, bfloat16, or auto: as trained; merged, that of the base.",
        ),
    ] = "auto",
    set_: Sets = None,
) -> None:
    """Export, check, and say how near the logits are; settings may be changed, e.g. data.license for the card."""
    from topgraft.train.exporting.steps import export
    from topgraft.train.interrupt import stoppable
    from topgraft.train.progress import Screen

    quiet()
    screen = Screen()
    with stoppable(screen.say, lambda: f"Nothing was written to {out}."):
        export(open_run(run), arm, out=out, merge=merge, dtype=dtype, sets=set_ or [], screen=screen)
