"""Open a finished run again, with the adapters and heads that it trained."""

from topgraft.errors import UserError
from topgraft.recipe import overlay, parse_set, read_toml
from topgraft.runs import RunFolder
from topgraft.train.progress import Screen
from topgraft.train.settings import STAGES as ORDER
from topgraft.train.settings import settings_of
from topgraft.train.stages import STAGES
from topgraft.train.workplace import Workplace, prepare, refuse_changes


def reopen(run: RunFolder, screen: Screen, sets: list[str] | None = None) -> Workplace:
    """Prepare the run's model and data and reload every stage. Raises UserError where a stage is unfinished."""
    raw = read_toml(run.recipe_file)
    for text in sets or []:
        raw = overlay(raw, parse_set(text))
    settings = settings_of(raw)
    unfinished = [name for name in settings.stages if not run.stage(name).finished]
    if unfinished:
        raise UserError(
            f"Stage '{unfinished[0]}' of {run.path} is not finished. Go on with "
            f"`topgraft run {settings.name} --out {run.path} --resume`."
        )
    place = prepare(settings, run, screen)
    refuse_changes(place)
    for name in ORDER:
        if name in settings.stages:
            STAGES[name](place, run.stage(name))
    return place
