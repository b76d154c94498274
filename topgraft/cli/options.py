"""Options that several verbs share."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Recipe = Annotated[str, typer.Argument(help="A shipped recipe's name (see `topgraft recipes`) or a TOML file.")]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/RECIPE by default.")]
Scale = Annotated[str | None, typer.Option("--scale", help="Lay the recipe's section scale.NAME over it, e.g. tiny.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Change a setting: section.key=value. May be repeated.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder; starts where there is none.")]
ProcessCount = Annotated[
    int, typer.Option("--processes", min=1, help="Processes that share the work, one to a GPU. (docs/scale.md)")
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help='A Ray cluster to work on: host:port, "auto" or "local". (docs/scale.md)'
    ),
]
WorkerCount = Annotated[int, typer.Option("--workers", min=1, help="Workers on the Ray cluster.")]
StorageAddress = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="ADDRESS",
        help="For a Ray cluster whose machines share no files: a folder of a store, e.g. s3://bucket/runs/mine, that "
        "the run goes through. (docs/scale.md)",
    ),
]
RunFolderArgument = Annotated[Path, typer.Argument(help="A run folder, e.g. runs/professor.")]
RunOrExported = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, e.g. runs/professor, or one that `topgraft export` wrote.")
]


def settings_from(recipe: str, scale: str | None, sets: list[str] | None) -> Any:
    """Read and check a recipe."""
    quiet()
    from topgraft.recipe import read_recipe
    from topgraft.train.settings import settings_of

    return settings_of(read_recipe(recipe, scale=scale, sets=sets))


def share_out(count: int) -> None:
    """Do this command in `count` processes, and end with them; where they are at it already, do nothing."""
    from topgraft.cli.launching import launch, launched

    if not launched():
        launch(count, sys.argv[1:])


def refuse_without_ray(workers: int, storage: str | None = None) -> None:
    """Raise UserError where workers or a store are asked for, and no cluster to have them for."""
    from topgraft.errors import UserError

    if storage is not None:
        raise UserError("--storage is for a Ray cluster: add --ray ADDRESS, or leave it out.")
    if workers > 1:
        raise UserError(f"--workers {workers} is for a Ray cluster: add --ray ADDRESS, or give --processes to `run`.")


def quiet() -> None:
    """Keep the libraries' own chatter off the screen; what matters is said by topgraft."""
    import warnings

    warnings.filterwarnings("ignore", category=FutureWarning)  # the libraries' word to one another
    warnings.filterwarnings("ignore", message="IProgress not found")  # in notebooks: widgets for bars that are off
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def open_run(path: Path) -> Any:
    """The run in `path`; UserError where there is none."""
    from topgraft.errors import UserError
    from topgraft.runs import RunFolder

    run = RunFolder(path)
    if not run.recipe_file.exists():
        raise UserError(f"{path} holds no run (no recipe.toml). Make one with `topgraft run professor --out {path}`.")
    return run
