"""A whole run: the steps of its plan in order, every arm's answers, evaluation. What is finished is not done twice."""

import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from topgraft.data.preparing import write_left_out
from topgraft.data.reading import read
from topgraft.errors import UserError
from topgraft.evaluate.metrics.perplexity import refuse_unreadable
from topgraft.evaluate.records import Response
from topgraft.processes import Processes
from topgraft.recipe import differences, read_toml, to_toml
from topgraft.runs import RunFolder
from topgraft.runs.locking import alone_in
from topgraft.runs.writing import as_json, write_json, write_whole
from topgraft.train.describing import describe
from topgraft.train.evaluation import answers_of, evaluate, instruments, score_all
from topgraft.train.measuring import keep, measure
from topgraft.train.plan import Plan, Step
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings, settings_of
from topgraft.train.stages import carry_out
from topgraft.train.workplace import Workplace, prepare, provenance, refuse_changes

BESIDE_THE_POINT = (
    "about",
    "threads",
    "model.sharded",
    "samples_shown",
    "cache.",
    "evaluate.",
    "watch.",
    "track.",
    "data.license",
)
"""Settings that may change between a run and its continuation: they do not change what was trained."""
BEFORE_THE_RUN = {"layers", ".lock"}
"""What may be in a folder before the run: measures of the blocks (topgraft layers), and the lock."""
TO_THE_POINT = ("watch.stop", "watch.lower")
"""Those among them that do."""
Around = Callable[[RunFolder, Step], AbstractContextManager[None]]
"""Opened around every step of a run: it may bring what the step would make, and take what it made."""


def alone(folder: RunFolder, step: Step) -> AbstractContextManager[None]:
    """Around the steps of a run that shares nothing."""
    return nullcontext()


def run(settings: RunSettings, out: Path, *, resume: bool, screen: Screen, around: Around = alone) -> RunFolder:
    """Run a recipe into `out` and return the folder. Raises UserError for what the user can mend."""
    processes = Processes.here()
    folder = replace(open_folder(settings, out, resume=resume), writes=processes.first)
    processes.wait()  # until all have looked at the folder
    with ExitStack() as held:
        if folder.writes and folder.path.exists():
            held.enter_context(alone_in(folder.path))
        return _run(settings, folder, screen, around, held, processes)


def _run(
    settings: RunSettings, folder: RunFolder, screen: Screen, around: Around, held: ExitStack, processes: Processes
) -> RunFolder:
    plan = Plan(settings)
    reopen_broken(folder, screen)
    processes.wait()
    measured = folder.stage("evaluate").summary().get("settings") == settings.evaluate.model_dump(mode="json")
    if "perplexity" in settings.evaluate.metrics and not measured:
        refuse_unreadable(settings.evaluate.perplexity_model)
    total, told = len(plan.steps) + 1, list[str]()

    def opened(place: Workplace) -> None:
        lines = describe(place)
        for line in lines if not told else lines[:1]:
            screen.say(line)
        if folder.writes and not folder.path.exists():  # what is refused before this leaves no folder
            held.enter_context(alone_in(folder.path))
        if not told:
            begin(place, plan)

    def tell(step: Step) -> None:
        if step.name not in told:
            told.append(step.name)
            done = " (finished before)" if folder.stage(step.name).finished else ""
            screen.heading(f"{len(told)}/{total} {step.name}{done}")

    answers, last = carry_all_out(plan, folder, screen, opened, tell, answering=not measured, around=around)
    if not (folder.writes or settings.model.sharded):
        return folder
    screen.heading(f"{total}/{total} evaluate")
    if measured:
        screen.say("  finished before; `topgraft evaluate` measures again")
    else:
        evaluate(_judge(plan, folder, screen, last), plan, answers)
    folder.write(folder.path / "provenance.json", as_json({**folder.provenance(), "finished": _now()}))
    return folder


def reopen_broken(folder: RunFolder, screen: Screen) -> None:
    """Have finished stages done again whose outcome is not as they left it: what they make is the same to the bit, so
    that what was built on it stands. Tell of whatever else is not as it was written."""
    for stage in folder.stages():
        harmed = stage.harmed()
        lost = [path for path in harmed if stage.matters(path)]
        lost += folder.broken_evaluation() if stage.name == "evaluate" else []
        if stage.finished and lost:
            screen.say(f"caution   {lost[0]} is not as stage '{stage.name}' left it; the stage is done again")
            stage.reopen()
        for path in () if lost else harmed:
            screen.say(
                f"caution   {path} is not as it was written; the outcome of stage '{stage.name}' stands without it"
            )


def carry_all_out(
    plan: Plan,
    folder: RunFolder,
    screen: Screen,
    opened: Callable[[Workplace], None],
    tell: Callable[[Step], None] = lambda step: None,
    *,
    answering: bool = True,
    around: Around = alone,
) -> tuple[dict[str, list[Response]], Workplace | None]:
    """Do every step, one model after the other, and let every arm answer; the answers, and the place that is still open
    (None where the plan needs several models, of which one at a time is held)."""
    answers: dict[str, list[Response]] = {}
    groups = plan.groups()
    for group in groups:
        place = prepare(group.settings, folder, screen)
        opened(place)
        for step in plan.needed(group.names):
            with around(folder, step):
                tell(step)
                carry_out(place, step)
                place.processes.wait()  # for what one of them writes and others read
        if answering:
            answers |= answers_of(place, plan, group.arms)
        if len(groups) == 1:
            return answers, place
        del place
    return answers, None


def measure_again(run: RunFolder, plan: Plan, screen: Screen) -> dict[str, Any]:
    """Answer and measure a finished run once more; the recipe keeps what [evaluate] asked for."""
    with alone_in(run.path):
        answers, last = carry_all_out(plan, run, screen, refuse_changes)
        results = evaluate(_judge(plan, run, screen, last), plan, answers)
        write_whole(run.recipe_file, to_toml(plan.settings))
    return results


def measure_on(run: RunFolder, plan: Plan, source: str, into: RunFolder, screen: Screen) -> dict[str, Any]:
    """Have a finished run's arms answer the prompts of other data, and measure that: `into` gets its evaluation/.

    What needs a reference answer is measured where the rows bring one. Raises UserError for rows that cannot be read.
    """
    rows = read(plan.settings.data.model_copy(update={"source": source, "max_rows": 0}))

    def opened(place: Workplace) -> None:
        refuse_changes(place)
        place.splits = replace(place.splits, test=rows)
        known = set(place.template.cut_prompts)
        for row in rows:
            place.template.encode_prompt(row.prompt)
        cut = sum(row.prompt in place.template.cut_prompts - known for row in rows)
        if cut:
            screen.say(f"caution   {cut} of {len(rows)} prompts do not fit {place.template.prompt_limit} tokens; cut")

    answers, last = carry_all_out(plan, run, screen, opened)
    place = _judge(plan, run, screen, last)
    responses = score_all(place, plan, answers)
    results, style = measure(run, plan, replace(place.splits, test=rows), responses)
    keep(into, responses, style)
    write_json(into.results_file, {"source": source, **results})
    return results


def _judge(plan: Plan, folder: RunFolder, screen: Screen, place: Workplace | None) -> Workplace:
    """A place of the recipe's own settings with the reward models that measure all arms."""
    if place is None:
        place = prepare(plan.settings, folder, screen)
        for step in plan.needed(instruments(plan)):
            carry_out(place, step)
    return place.under(plan.settings)


def open_folder(settings: RunSettings, out: Path, *, resume: bool) -> RunFolder:
    """Check that `out` is free, or holds this very run and is to be resumed."""
    folder = RunFolder(out)
    if not out.exists() or (out.is_dir() and {path.name for path in out.iterdir()} <= BEFORE_THE_RUN):
        return folder
    if not out.is_dir():
        raise UserError(f"{out} is a file. Give a folder with --out.")
    if not folder.recipe_file.exists():
        raise UserError(f"{out} is not empty and holds no run. Give another folder with --out.")
    if not resume:
        raise UserError(f"{out} already holds a run. Continue it with --resume, or give another folder with --out.")
    changed = changes(read_toml(folder.recipe_file), tomllib.loads(to_toml(settings)))
    if changed:
        raise UserError(
            f"{out} was begun with other settings, so it cannot be continued with these:\n  "
            + "\n  ".join(changed)
            + "\nRestore them, or give another folder with --out."
        )
    return folder


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The settings that differ and change what is trained; one that there was not yet had its default."""
    lines = differences(tomllib.loads(to_toml(settings_of(old))), new)
    return [line for line in lines if not line.startswith(BESIDE_THE_POINT) or line.startswith(TO_THE_POINT)]


def begin(place: Workplace, plan: Plan) -> None:
    """Write the recipe and where it comes from; on resume, check that data and model are the same."""
    refuse_changes(place)
    if not place.run.writes:
        return
    write_whole(place.run.recipe_file, to_toml(plan.settings))
    write_left_out(place.run.path, place.reading.left_out)
    if not place.run.provenance():
        write_json(place.run.path / "provenance.json", provenance(place, plan))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
