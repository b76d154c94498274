"""What a run of a recipe will hold at its peak, before it is run."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.records import Comparison
from topgraft.train.cost import held_bytes, peak_bytes
from topgraft.train.fitting import FILLED, gigabytes, pairs_of, work_of
from topgraft.train.memory import Needs, needs
from topgraft.train.pairing import own_pairs
from topgraft.train.plan import Step
from topgraft.train.stages import learner, offer
from topgraft.train.workplace import Workplace


def forecast(place: Workplace, steps: Sequence[Step], *, free: int, before: Collection[str] = ()) -> list[str]:
    """What `steps` of a run will hold at their peak, and on a CPU what to set where that is more than is free. Those
    called `before` are done elsewhere, and are only used here.

    Adds the slots that the run will have.
    """
    learners = _learners(place, steps)
    held, at_once = held_bytes(), place.settings.sampling.rows_at_once
    tried = _tried(place, {name: made for name, made in learners.items() if name not in before})
    needed = {name: found.total(settings.micro_batch_tokens, at_once) for name, (found, settings) in tried.items()}
    if not needed:
        return [f"memory    about {gigabytes(peak_bytes())}, no stage of this recipe learns anything"]
    stage = max(needed, key=lambda name: needed[name])
    line = f"memory    about {gigabytes(max(peak_bytes(), held + needed[stage]))} at its peak, in stage {stage}"
    if not tried[stage][0].on_host:
        return [line]
    lines, fits, never = [f"{line}; {gigabytes(held + free)} can be had"], {}, []
    for name, (found, settings) in tried.items():
        fitting = found.fitting(settings.micro_batch_tokens, at_once, round(FILLED * free))
        if fitting is None:
            never.append(name)
            continue
        if fitting[0] < settings.micro_batch_tokens:
            fits[f"{learners[name].step.kind.removesuffix('-check')}.micro_batch_tokens"] = fitting[0]
        if fitting[1] < fits.get("sampling.rows_at_once", at_once):
            fits["sampling.rows_at_once"] = fitting[1]
    if fits:
        settings_that_fit = ", ".join(f"{key}={value}" for key, value in fits.items())
        lines.append(f"          that is too much; these fit: {settings_that_fit}")
    lines += [f"          stage {name} does not fit at all: take shorter prompts or fewer layers" for name in never]
    return lines


class _Learner(NamedTuple):
    step: Step
    algorithm: Algorithm
    settings: StepSettings


def _learners(place: Workplace, steps: Sequence[Step]) -> dict[str, _Learner]:
    """Algorithm and settings of every step that has one."""
    found: dict[str, _Learner] = {}
    for step in (step for step in steps if step.kind != "pairs"):
        algorithm, settings = learner(place.under(step.settings), step)
        found[step.name] = _Learner(step, algorithm, settings)
        if isinstance(algorithm, RewardModel):
            offer(place.under(step.settings), step, algorithm)
    return found


def _tried(place: Workplace, learners: dict[str, _Learner]) -> dict[str, tuple[Needs, StepSettings]]:
    """What every step that will be trained needs, with the states kept that all of them keep, and the samples of the
    evaluation."""
    trained = {name: made for name, made in learners.items() if not made.settings.load}
    rows = {name: _rows(place, made.step) for name, made in trained.items()}
    offline = [
        row for name, made in trained.items() if not made.settings.samples for part in rows[name] for row in part
    ]
    kept = place.cache.new_tokens(pairs_of(offline))
    found = {}
    for name, (_, algorithm, settings) in trained.items():
        work = work_of(algorithm.actors, settings, algorithm.minibatch_size, *rows[name])
        work = replace(
            work,
            response=max(work.response, place.settings.data.max_response_tokens),
            sampled=max(work.sampled, len(place.splits.test) * place.settings.evaluate.samples),
            kept_tokens=kept,
        )
        found[name] = needs(algorithm, settings, work), settings
    return found


def _rows(place: Workplace, step: Step) -> tuple[list[Any], list[Any]]:
    """Rows to train and validate a step on; for pairs whose second answers are not there yet, the longest."""
    parts = place.splits.train, place.splits.validation
    if step.pairs is None:
        return parts
    if own_pairs([*parts[0], *parts[1]], step.settings.pairs.rejected):
        train, validation = (own_pairs(part, "auto") for part in parts)
        return train, validation
    longest = [place.template.pad_id] * (place.settings.data.max_response_tokens - 1)
    copies = range(step.settings.pairs.samples_per_prompt)
    train, validation = (
        [
            Comparison(key=row.key, prompt=row.prompt, chosen=row.response, rejected="", rejected_ids=(copy, *longest))
            for row in part
            for copy in copies
        ]
        for part in parts
    )
    return train, validation
