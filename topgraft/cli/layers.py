"""`topgraft layers`: which blocks carry the voice."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topgraft.cli.options import Recipe, Scale, Sets, settings_from

if TYPE_CHECKING:
    from topgraft.train.progress import Screen

NAME = "layers"
HELP = """Find out which blocks carry the voice: probes, gradients, ablation and short trainings of every block and of
windows, with controls and seeds. It ends with a recommendation, which `topgraft run RECIPE --set model.layers=auto`
takes. The same command goes on after a stop. (The recipe `layers` is another thing: whole trainings in six places.)

Example: topgraft layers professor --out runs/first"""


def command(
    recipe: Recipe,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder, which gets a folder layers/; runs/RECIPE by default.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of whatever is random.")] = 3,
    window: Annotated[
        int, typer.Option("--window", min=0, help="Blocks in a window; 0: 4, or half of the model's if less.")
    ] = 0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes of a short training over the rows.")] = 3,
    scale: Scale = None,
    set_: Sets = None,
) -> None:
    """Measure what is left, print the tables and the recommendation, and draw the figure."""
    from topgraft.experiments.layers.discover import discover
    from topgraft.experiments.layers.folder import Discovery
    from topgraft.report import write_report
    from topgraft.report.parts.layers import write_layers
    from topgraft.runs import RunFolder
    from topgraft.train.interrupt import stoppable
    from topgraft.train.progress import Screen

    settings, screen = settings_from(recipe, scale, set_), Screen()
    asked = Discovery(out or Path("runs") / settings.name, settings, window=window, seeds=seeds, epochs=epochs)
    with stoppable(screen.say, lambda: f"What is measured is kept in {asked.path}; the same command goes on."):
        results = discover(asked, screen)
    run = RunFolder(asked.run)
    _print(screen, results)
    screen.say(f"figure    {write_layers(run)}")
    if run.recipe_file.exists():
        screen.say(f"report    {write_report(run)}")


def _print(screen: "Screen", results: dict[str, Any]) -> None:
    """The blocks, the windows, the arms on test rows, and what is recommended."""
    from topgraft.cli.show import TITLE, print_table
    from topgraft.report.parts.layers import block_rows, difference_rows, recommendation, window_rows
    from topgraft.report.words.tables import final_table

    print_table(screen, *block_rows(results), title="Blocks: means over seeds; > marks the recommended ones")
    print_table(screen, *window_rows(results), title="Windows: loss and share of the gain on validation rows")
    header, *rows = final_table(results)
    print_table(screen, header, rows, title=TITLE)
    print_table(screen, *difference_rows(results), title="Test loss of the recommended blocks less that of the others")
    for line in recommendation(results):
        screen.say(line)
