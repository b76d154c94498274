"""Open a finished run again, with the adapters and heads that it trained."""

from collections.abc import Iterable

from topgraft.errors import UserError, nearest
from topgraft.recipe import overlay, parse_set, read_toml
from topgraft.runs import RunFolder
from topgraft.train.plan import Arm, Plan
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings, settings_of
from topgraft.train.stages import carry_out
from topgraft.train.workplace import Workplace, prepare, refuse_changes


def plan_of(run: RunFolder, sets: Iterable[str] = ()) -> Plan:
    """What the run did. Raises UserError where a step of it is unfinished."""
    raw = read_toml(run.recipe_file)
    for text in sets:
        raw = overlay(raw, parse_set(text))
    plan = Plan(settings_of(raw))
    unfinished = [name for name in plan.steps if not run.stage(name).finished]
    if unfinished:
        raise UserError(
            f"Stage '{unfinished[0]}' of {run.path} is not finished. Go on with "
            f"`topgraft run {plan.settings.name} --out {run.path} --resume`."
        )
    return plan


def arm_of(run: RunFolder, plan: Plan, name: str) -> Arm:
    """The arm called `name`. Raises UserError with the nearest name where the run has none."""
    if name not in plan.arms:
        raise UserError(f"Run {run.path} has no arm '{name}'. {nearest(name, plan.arms)}")
    return plan.arms[name]


def reopen(run: RunFolder, plan: Plan, settings: RunSettings, steps: Iterable[str | None], screen: Screen) -> Workplace:
    """A place with the settings of an arm, and what the steps called `steps` left."""
    place = prepare(settings, run, screen)
    refuse_changes(place)
    for step in plan.needed(steps):
        carry_out(place, step)
    return place.under(settings)
