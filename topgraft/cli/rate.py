"""`topgraft rate`: people judge the answers of a run on a web page, blind."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from topgraft.cli.options import RunFolderArgument, open_run

if TYPE_CHECKING:
    from topgraft.rating.questions import Criterion
    from topgraft.rating.store import Store
    from topgraft.rating.study import Study
    from topgraft.runs import RunFolder

NAME = "rate"
HELP = """Let people rate the answers of a run, on a page that does not say who wrote them. Ctrl-C stops; the same
command goes on.

Examples:

topgraft rate runs/professor --arms base,sft,ppo --prompts 10

topgraft rate runs/professor --results"""
HOST, PORT, PROMPTS, REPEAT = "127.0.0.1", 8017, 10, 0.1


def command(
    run: RunFolderArgument,
    arms: Annotated[
        str | None, typer.Option("--arms", help="Whose answers, e.g. base,sft,ppo; all if they are at most four.")
    ] = None,
    prompts: Annotated[
        int | None,
        typer.Option("--prompts", min=1, help=f"Prompts, of as many problems; {PROMPTS} by default."),
    ] = None,
    dimensions: Annotated[
        str | None,
        typer.Option("--dimensions", help="Of the known ones, e.g. coherence,relevance, or a TOML file with your own."),
    ] = None,
    repeat: Annotated[
        float | None,
        typer.Option(
            "--repeat", min=0, max=1, help=f"Share of screens that a rater sees twice; {REPEAT:g} by default."
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets other machines in.")] = HOST,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = PORT,
    results: Annotated[
        bool, typer.Option("--results", help="Open no page: write what was rated so far, and the report.")
    ] = False,
) -> None:
    """Open the page until Ctrl-C, then write results and report."""
    _needs_extra()
    from topgraft.rating.questions import read_dimensions
    from topgraft.rating.store import Store

    folder = open_run(run)
    store = Store(folder.path / "rating" / "ratings.sqlite")
    names = [name.strip() for name in arms.split(",")] if arms else None
    asked = _Asked(names, prompts, read_dimensions(dimensions) if dimensions else None, repeat)
    study = store.study()
    if study is not None:
        _same(asked, study, store.path.parent)
    if not results:
        study = study or store.begin(_begin(asked, folder))
        _open_page(store, study, host, port)
    _write(folder, store, study)


class _Asked(NamedTuple):
    """What the command line says of a study; None where it says nothing."""

    arms: list[str] | None
    prompts: int | None
    dimensions: "dict[str, Criterion] | None"
    repeat: float | None


def _begin(asked: _Asked, folder: "RunFolder") -> "Study":
    """A new study of the run."""
    from topgraft.rating.questions import DIMENSIONS
    from topgraft.rating.study import new_study

    return new_study(
        folder.whole_responses(),
        asked.arms,
        asked.dimensions or DIMENSIONS,
        prompts=asked.prompts or PROMPTS,
        repeat=REPEAT if asked.repeat is None else asked.repeat,
        seed=int(folder.provenance().get("seed") or 0),
    )


def _same(asked: _Asked, study: "Study", folder: Path) -> None:
    """Refuse options that differ from what people have begun to rate."""
    from topgraft.errors import UserError

    held = _Asked(list(study.arms), len(study.prompts), study.dimensions, study.repeat)
    for name, value, old in zip(_Asked._fields, asked, held, strict=True):
        if value is not None and value != old:
            words = ",".join(old) if isinstance(old, list | dict) else old
            raise UserError(
                f"The study in {folder} was begun with --{name} {words}, and people must all rate the same. "
                f"Leave --{name} out to go on, or move that folder away to begin anew."
            )


def _open_page(store: "Store", study: "Study", host: str, port: int) -> None:
    """Say where the page is, and serve it until Ctrl-C."""
    import ipaddress

    from topgraft.rating.server import application, kept_token, link_of, listen, serve
    from topgraft.rating.study import screens_of
    from topgraft.train.progress import printable

    token, listening = kept_token(store.path.parent), listen(host, port)
    screens = screens_of(study, "")
    clicks = sum(1 if len(screen.arms) == 2 else len(study.dimensions) for screen in screens)
    print(printable(f"rating    {len(study.prompts)} prompts, answers of {', '.join(study.arms)}"))
    twice = sum(screen.repeats is not None for screen in screens)
    print(f"a rater   {len(screens)} screens, {twice} of them repeats, {clicks} clicks")
    print(f"kept in   {store.path}")
    print(f"open      {link_of(listening, token)}")
    if not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        print("caution   Other machines can reach the page. Whoever has the link can rate, and nothing is encrypted.")
    with contextlib.suppress(KeyboardInterrupt):
        print("          Each rater opens the link and gives a name or a code. Ctrl-C stops.", flush=True)
        serve(application(store, study, token), listening)


def _write(folder: "RunFolder", store: "Store", study: "Study | None") -> None:
    """Write results.json, ratings.csv and the report, and print the figures."""
    from topgraft.cli.show import print_pairs, print_results
    from topgraft.errors import UserError
    from topgraft.rating.ratings import read_ratings
    from topgraft.rating.results import ratings_csv, results_of
    from topgraft.report import write_report
    from topgraft.runs.writing import write_json, write_whole
    from topgraft.train.progress import Screen

    if study is None:
        raise UserError(f"Nobody has rated {folder.path} yet. Open the page first: topgraft rate {folder.path}")
    rated, screen = read_ratings(store, study), Screen()
    for rater in rated.raters:
        screen.say(f"rater {rater.rater}   {rater.done} of {rater.screens} screens, {rater.clicks} clicks")
    if not rated.ratings:
        screen.say("No answers have been rated yet.")
        return
    found = results_of(rated)
    write_json(store.path.parent / "results.json", found)
    write_whole(store.path.parent / "ratings.csv", ratings_csv(rated))
    print_results(screen, found, "Means over prompts, value [95 % interval over problems]")
    print_pairs(screen, found)
    for name, agreement in found["agreement"].items():
        alpha, same = agreement["alpha"], agreement["same"]
        if alpha["value"] is not None:
            ends = f" [{alpha['low']:.2f}, {alpha['high']:.2f}]" if alpha["low"] is not None else ""
            pairs = f"same value in {same['value']:.0%} of {same['n']} pairs"
            screen.say(f"{name:>28}: alpha {alpha['value']:.2f}{ends}, {pairs}")
    screen.say(f"results   {store.path.parent / 'results.json'}")
    screen.say(f"report    {write_report(folder)}")


def _needs_extra() -> None:
    from topgraft.errors import UserError

    try:
        import krippendorff  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(f'topgraft rate needs more ({error}): pip install "topgraft[rate]"') from None
