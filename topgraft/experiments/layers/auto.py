"""`model.layers = "auto"`: the blocks that a discovery in the run's own folder recommends."""

import json
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.experiments.layers.discover import discover
from topgraft.experiments.layers.folder import FOLDER, Discovery, digests
from topgraft.experiments.layers.results import called
from topgraft.experiments.layers.trainings import on_all
from topgraft.processes import Processes
from topgraft.recipe import nested, overlay
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json
from topgraft.train.pipeline import open_folder
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings, settings_of
from topgraft.train.workplace import prepare

AUTO = "auto"


def settled(settings: RunSettings, out: Path, *, resume: bool, screen: Screen) -> RunSettings:
    """The settings with blocks in the place of every "auto", of the recipe and of its arms; others as they are.

    The blocks are those of OUT/layers/results.json where it was made with this base model and these data; else they are
    found out first. OUT/layers/used.json says which settings took them. Raises UserError where OUT holds another run.
    """
    asking = ["model"] if settings.model.layers == AUTO else []
    for name, arm in settings.arms.items():
        asking += [f"arms.{name}.model"] if arm.changes.get("model", {}).get("layers") == AUTO else []
    if not asking:
        return settings
    if not resume:
        open_folder(settings, out, resume=False)  # nothing is measured for a run that could not begin
    results = _found(settings, out, screen)
    if results is None and not Processes.here().alone:
        raise UserError(
            f'One process finds out what model.layers = "auto" is: give `topgraft layers` with --out {out} first, '
            f"then this command again; or name the blocks."
        )
    results = results or discover(Discovery(out, settings), screen)
    blocks = tuple(results["recommendation"]["blocks"])
    screen.say(f'layers    "auto": {called(blocks)}, from {out / FOLDER / "results.json"}')
    write_json(out / FOLDER / "used.json", {"blocks": list(blocks), "by": asking})
    return _with(settings, asking, blocks)


def _found(settings: RunSettings, out: Path, screen: Screen) -> dict[str, Any] | None:
    """What an earlier discovery came to, where it fits."""
    file = out / FOLDER / "results.json"
    if not file.exists():
        return None
    results = json.loads(file.read_text(encoding="utf-8"))
    now = digests(prepare(on_all(settings), RunFolder(out), screen))
    for what, digest in now.items():
        if results["digests"][what] != digest:
            raise UserError(
                f"{file} was measured with {what} {results['digests'][what]}, and this recipe has {what} {digest}. "
                f"Remove {out / FOLDER} to measure again, or give another folder with --out."
            )
    return results


def _with(settings: RunSettings, asking: list[str], blocks: tuple[int, ...]) -> RunSettings:
    raw = settings.model_dump(mode="json", exclude_none=True)
    for path in asking:
        raw = overlay(raw, nested(f"{path}.layers", list(blocks)))
    return settings_of(raw)
