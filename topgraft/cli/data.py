"""`topgraft data`: look at a data file before training on it, and make one ready."""

from pathlib import Path
from typing import Annotated, Any

import typer

from topgraft.cli.options import Sets, quiet
from topgraft.cli.programs import programs_command

app = typer.Typer(help="Look at data, and prepare them.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(help="Shipped name, file, folder, URL or hub id.")]
Format = Annotated[str, typer.Option("--format", help="Shape of the rows, where it is guessed wrongly (docs/data.md).")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Go on without rows that cannot be used, and say which.")]


@app.callback()
def _data() -> None:
    """Look at data, and prepare them."""


app.command("programs")(programs_command)


@app.command("inspect")
def inspect_command(
    source: Source,
    model: Annotated[
        str, typer.Option("--model", help="Count tokens as this model does; '' counts words.")
    ] = "seedling",
    format_: Format = "auto",
    skip_bad: SkipBad = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of plots; inspected/NAME by default.")] = None,
    set_: Sets = None,
) -> None:
    """Say what a data file is: format, rows, lengths, pairs, ties, refusals, doubles, leakage, odd rows; draw plots.

    Example: topgraft data inspect feedback-200 --model seedling
    """
    quiet()
    from topgraft.data.findings import introduce, render
    from topgraft.data.inspecting import inspect
    from topgraft.data.preparing import write_left_out
    from topgraft.data.reading import read_all
    from topgraft.data.splitting import Splits, split
    from topgraft.errors import UserError
    from topgraft.train.progress import Screen

    screen, settings = Screen(), _settings(source, format_, skip_bad, set_)
    reading = read_all(settings)
    _say(screen, introduce(reading))
    template = None
    if model:
        from topgraft.model.load import ModelSettings, load_template

        template = load_template(ModelSettings(name=model), settings)
        template.tokenizer.model_max_length = int(1e9)  # its own word about long texts is the limits line below
    try:
        splits = split(reading.rows, settings.split, settings.split_seed)
    except UserError as error:  # too few rows to train on may be looked at all the same
        _say(screen, [("split", str(error))])
        splits = Splits(train=reading.rows, test=[], validation=[])
    texts = len(reading.rows) * (1 + reading.answered) + sum(row.rejected is not None for row in reading.rows)
    with screen.bar("counting tokens", texts) as bar:
        found = inspect(reading.rows, splits, template, lambda count: bar.advance({}, (), count))
    _say(screen, [("tokens of", model)] * bool(model) + render(found))
    folder = out or Path("inspected") / _stem(source)
    written = [*_draw(folder, found, template), write_left_out(folder, reading.left_out)]
    _say(screen, [("written", ", ".join(str(path) for path in written if path))])


@app.command("prepare")
def prepare_command(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="New folder for the parts; a recipe names it as data.source.")],
    format_: Format = "auto",
    skip_bad: SkipBad = False,
    set_: Sets = None,
) -> None:
    """Read a source once, split it, and write train, test and validation as JSON lines with a manifest of digests.

    Example: topgraft data prepare feedback-200 --out data/feedback --set split=[0.8,0.1,0.1]
    """
    quiet()
    from topgraft.data.findings import introduce
    from topgraft.data.preparing import LEFT_OUT, prepare
    from topgraft.data.reading import read_all
    from topgraft.data.splitting import split
    from topgraft.train.progress import Screen

    screen, settings = Screen(), _settings(source, format_, skip_bad, set_)
    reading = read_all(settings)
    _say(screen, introduce(reading))
    manifest = prepare(settings, reading, split(reading.rows, settings.split, settings.split_seed), out)
    for name, file in manifest["files"].items():
        _say(screen, [(name, f"{file['rows']} rows in {file['groups']} groups, sha256 {file['sha256'][:16]}")])
    if reading.left_out:
        _say(screen, [(LEFT_OUT, f"{len(reading.left_out)} rows, with why")])
    _say(screen, [("digest", manifest["digest"]), ("written", f"{out}; use it with --set data.source={out}")])


def _settings(source: str, format_: str, skip_bad: bool, sets: list[str] | None) -> Any:
    """[data] as the flags and --set say; keys may stand without "data."."""
    from topgraft.data.reading import DataSettings
    from topgraft.recipe import build, overlay, parse_set

    raw: dict[str, object] = {"source": source}
    if format_ != "auto":
        raw["format"] = format_
    if skip_bad:
        raw["skip_bad"] = True
    for text in sets or []:
        raw = overlay(raw, parse_set(text).get("data", parse_set(text)))
    return build(DataSettings, raw, "[data]")


def _say(screen: Any, lines: list[tuple[str, str]]) -> None:
    for name, text in lines:
        screen.say(f"{name:<28}{text}")


def _stem(source: str) -> str:
    """What the folder of a source's plots is called."""
    import re

    plain = source.split("?")[0].split("#")[0].rstrip("/")
    plain = plain.rsplit("/", 1)[-1] if "://" in plain or Path(plain).exists() else plain
    return re.sub(r"[^\w.-]+", "-", re.sub(r"(\.\w{2,7})(\.gz)?$", "", plain)).strip("-.") or "data"


def _draw(folder: Path, found: Any, template: Any) -> list[Path]:
    """Draw the lengths; the files that were written."""
    from topgraft.report.figures.lengths import draw_lengths, draw_pair_lengths
    from topgraft.runs.writing import write_whole

    limits = {"prompts": template.prompt_limit, "responses": template.settings.max_response_tokens} if template else {}
    sizes = {name: found.sizes[name] for name in ("prompts", "responses")}
    drawings = [draw_lengths(sizes, {name: limits[name] for name in limits if sizes[name]}, found.unit)]
    if found.pairs:
        drawings.append(draw_pair_lengths(found.sizes["chosen"], found.sizes["rejected"], found.unit))
    files = []
    for drawing in drawings:
        for suffix, content in ((".svg", drawing.svg), (".pdf", drawing.pdf)):
            files.append(folder / f"{drawing.name}{suffix}")
            write_whole(files[-1], content)
    return files
