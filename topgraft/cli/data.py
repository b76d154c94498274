"""`topgraft data`: look at a data file before training on it."""

from typing import Annotated

import typer
from rich.console import Console

from topgraft.cli.options import Sets, quiet
from topgraft.cli.programs import programs_command

app = typer.Typer(help="Look at data.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look at data."""


app.command("programs")(programs_command)


@app.command("inspect")
def inspect_command(
    source: Annotated[str, typer.Argument(help="Shipped name, file, URL or hub id.")],
    model: Annotated[str, typer.Option("--model", help="Count tokens as this model does; words without.")] = "",
    set_: Sets = None,
) -> None:
    """Say what a data file is: rows, groups, lengths, duplicates, leakage, overlap, odd rows.

    Example: topgraft data inspect feedback-200 --model seedling
    """
    quiet()
    from topgraft.data.inspecting import inspect, render
    from topgraft.data.reading import DataSettings, read
    from topgraft.data.splitting import split
    from topgraft.recipe import build, overlay, parse_set

    raw: dict[str, object] = {"source": source}
    for text in set_ or []:
        raw = overlay(raw, parse_set(text).get("data", parse_set(text)))
    settings = build(DataSettings, raw, "[data]")
    rows = read(settings)
    template = None
    if model:
        from topgraft.model.load import ModelSettings, load_template

        template = load_template(ModelSettings(name=model), settings)
    console = Console()
    for name, text in render(inspect(rows, split(rows, settings.split, settings.split_seed), template)):
        console.print(f"{name:<28}{text}", markup=False, highlight=False, soft_wrap=True)
