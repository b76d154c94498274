"""A whole run: prepare, stages in order, evaluation. What is finished is not done twice."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from topgraft.errors import UserError
from topgraft.recipe import differences, read_toml, to_toml
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json, write_whole
from topgraft.train.evaluation import evaluate
from topgraft.train.progress import Screen
from topgraft.train.settings import STAGES as ORDER
from topgraft.train.settings import RunSettings
from topgraft.train.stages import STAGES
from topgraft.train.workplace import Workplace, describe, prepare, provenance, refuse_changes

BESIDE_THE_POINT = ("about", "threads", "samples_shown", "cache.", "evaluate.")
"""Settings that may change between a run and its continuation: they do not change what was trained."""


def run(settings: RunSettings, out: Path, *, resume: bool, screen: Screen) -> RunFolder:
    """Run a recipe into `out` and return the folder. Raises UserError for what the user can mend."""
    folder = open_folder(settings, out, resume=resume)
    place = prepare(settings, folder, screen)
    for line in describe(place):
        screen.say(line)
    begin(place)
    stages = [stage for stage in ORDER if stage in settings.stages]
    for number, name in enumerate(stages, start=1):
        stage = folder.stage(name)
        done = " (finished before)" if stage.finished else ""
        screen.heading(f"{number}/{len(stages) + 1} {name}{done}")
        STAGES[name](place, stage)
    screen.heading(f"{len(stages) + 1}/{len(stages) + 1} evaluate")
    if folder.stage("evaluate").summary().get("settings") == settings.evaluate.model_dump(mode="json"):
        screen.say("  finished before; `topgraft evaluate` measures again")
    else:
        evaluate(place)
    write_json(folder.path / "provenance.json", {**folder.provenance(), "finished": _now()})
    return folder


def open_folder(settings: RunSettings, out: Path, *, resume: bool) -> RunFolder:
    """Check that `out` is free, or holds this very run and is to be resumed."""
    folder = RunFolder(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return folder
    if not out.is_dir():
        raise UserError(f"{out} is a file. Give a folder with --out.")
    if not folder.recipe_file.exists():
        raise UserError(f"{out} is not empty and holds no run. Give another folder with --out.")
    if not resume:
        raise UserError(f"{out} already holds a run. Continue it with --resume, or give another folder with --out.")
    old = read_toml(folder.recipe_file)
    changed = [
        line for line in differences(old, tomllib.loads(to_toml(settings))) if not line.startswith(BESIDE_THE_POINT)
    ]
    if changed:
        raise UserError(
            f"{out} was begun with other settings, so it cannot be continued with these:\n  "
            + "\n  ".join(changed)
            + "\nRestore them, or give another folder with --out."
        )
    return folder


def begin(place: Workplace) -> None:
    """Write the recipe and where it comes from; on resume, check that data and model are the same."""
    refuse_changes(place)
    write_whole(place.run.recipe_file, to_toml(place.settings))
    if not place.run.provenance():
        write_json(place.run.path / "provenance.json", provenance(place))


@contextmanager
def interruptible(screen: Screen, out: Path) -> Iterator[None]:
    """Turn Ctrl-C into a line that says how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        screen.say(f"\nStopped. Finished stages are kept in {out}; the same command with --resume goes on from there.")
        raise SystemExit(130) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
