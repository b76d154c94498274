"""A sweep's folder, and what was asked of it.

sweep.json          the recipe's settings, what varies, the metric, the number of trials
study.db            Optuna's study: every trial with its values and its state (its numbers begin at 0)
trials/<number>/    an ordinary run folder for each trial
common/             steps that trials have in common
trials.json         the study for those who read no database: number, state, values, metric, error
logs/<number>.txt   what the trial's run said
sweep.csv, index.html, figures/     the table and the page, written again after every trial
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.experiments.common import identity, lock
from topgraft.experiments.objective import Objective, choose, yardstick
from topgraft.experiments.space import Dimension, at, points, words
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json
from topgraft.train.pipeline import changes
from topgraft.train.plan import Plan
from topgraft.train.settings import RunSettings, settings_of


@dataclass(frozen=True)
class Sweep:
    """What was asked: a grid has a trial for each of its points, a search as many as it is given."""

    path: Path
    settings: dict[str, Any]
    """The recipe, resolved."""
    dimensions: tuple[Dimension, ...]
    grid: bool
    trials: int
    objective: Objective
    cautions: tuple[str, ...] = ()
    """What keeps the trials from being compared by the metric."""

    def plan(self, point: dict[str, Any]) -> Plan:
        """What a trial does. Raises UserError where the settings do not allow the point."""
        return Plan(settings_of(at(self.settings, point)))

    def run(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / "trials" / str(number))

    def as_json(self) -> dict[str, Any]:
        """The content of sweep.json."""
        return {
            "recipe": self.settings["name"],
            "grid": self.grid,
            "vary": [asdict(dimension) for dimension in self.dimensions],
            "arm": self.objective.arm,
            "metric": self.objective.metric,
            "lower": self.objective.lower,
            "trials": self.trials,
            "cautions": list(self.cautions),
            "settings": self.settings,
        }


def ask(
    settings: RunSettings,
    path: Path,
    dimensions: Sequence[Dimension],
    *,
    trials: int | None,
    arm: str | None = None,
    metric: str | None = None,
) -> Sweep:
    """Check everything that can be checked before a trial runs; nothing is written.

    `trials` is None for a grid. Raises UserError for unknown settings, values that they do not allow, and settings on
    which the arm does not depend.
    """
    objective = choose(Plan(settings), arm, metric)
    recipe = settings.model_dump(mode="json", exclude_none=True)
    grid = points(dimensions) if trials is None else []
    sweep = Sweep(path, recipe, tuple(dimensions), trials is None, trials or len(grid), objective)
    first = {dimension.key: dimension.values[0] for dimension in dimensions}
    plans = {
        dimension.key: [_plan(sweep, {**first, dimension.key: value}) for value in dimension.values]
        for dimension in dimensions
    }
    for key, found in plans.items():
        if len(found) > 1 and len({identity(objective.step(plan)) for plan in found}) == 1:
            raise UserError(
                f"Nothing that '{objective.arm}' is made of depends on {key}: all its values would give the same. Vary "
                f"another setting, or name another arm with --arm."
            )
    for point in grid:
        _plan(sweep, point)
    units = [key for key, found in plans.items() if len({yardstick(plan, objective) for plan in found}) > 1]
    cautions = tuple(
        f"{key} changes what {objective.metric} measures: trials that differ in it are not comparable by it."
        for key in units
    )
    return Sweep(path, recipe, sweep.dimensions, sweep.grid, sweep.trials, objective, cautions)


def open_folder(sweep: Sweep) -> None:
    """Begin the folder, or join what is in it. Raises UserError where it holds something else."""
    file, path = sweep.path / "sweep.json", sweep.path
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file. Give a folder with --out.")
    if path.is_dir() and any(path.iterdir()) and not (file.exists() or (path / "locks").exists()):
        raise UserError(f"{path} is not empty and holds no sweep. Give another folder with --out.")
    with lock(path, "study"):
        now = json.loads(json.dumps(sweep.as_json()))
        if file.exists():
            _refuse_changes(path, json.loads(file.read_text(encoding="utf-8")), now)
        write_json(file, now)


def _plan(sweep: Sweep, point: dict[str, Any]) -> Plan:
    try:
        plan = sweep.plan(point)
        sweep.objective.step(plan)
        return plan
    except UserError as error:
        raise UserError(f"A trial with {words(point)} cannot run: {error}") from None


def _refuse_changes(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    vary = {True: "grid", False: "search"}
    changed = changes(old.pop("settings"), dict(new)["settings"])
    if old["grid"] != new["grid"] or old["vary"] != new["vary"]:
        changed.append(f"what varies: {_vary(old)} ({vary[old['grid']]}) -> {_vary(new)} ({vary[new['grid']]})")
    changed += [f"{name}: {old[name]} -> {new[name]}" for name in ("arm", "metric") if old[name] != new[name]]
    if new["trials"] < old["trials"]:
        changed.append(f"trials: {old['trials']} -> {new['trials']}")
    if changed:
        raise UserError(
            f"{path} holds another sweep, so it cannot be gone on with like this:\n  "
            + "\n  ".join(changed)
            + "\nRestore that, or give another folder with --out."
        )


def _vary(sweep: dict[str, Any]) -> str:
    ranges = [
        f"{item['key']} = {item['kind'] if item['kind'] != 'choice' else ''}{item['values']}" for item in sweep["vary"]
    ]
    return ", ".join(ranges)
