"""What a run of a recipe will hold at its peak, before it is run."""

from dataclasses import replace
from typing import Any

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.records import Comparison
from topgraft.train.cost import held_bytes, peak_bytes
from topgraft.train.fitting import FILLED, gigabytes, pairs_of, work_of
from topgraft.train.memory import Needs, needs
from topgraft.train.settings import ON_POLICY
from topgraft.train.settings import STAGES as ORDER
from topgraft.train.stages import learner
from topgraft.train.workplace import Workplace


def forecast(place: Workplace, *, free: int) -> list[str]:
    """What a run of the recipe will hold at its peak, and on a CPU what to set where that is more than is free.

    Adds the slots that the run will have.
    """
    learners = _learners(place)
    held, at_once = held_bytes(), place.settings.sampling.rows_at_once
    tried = _tried(place, learners)
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
            fits[f"{name.removesuffix('-check')}.micro_batch_tokens"] = fitting[0]
        if fitting[1] < fits.get("sampling.rows_at_once", at_once):
            fits["sampling.rows_at_once"] = fitting[1]
    if fits:
        settings_that_fit = ", ".join(f"{key}={value}" for key, value in fits.items())
        lines.append(f"          that is too much; these fit: {settings_that_fit}")
    lines += [f"          stage {name} does not fit at all: take shorter prompts or fewer layers" for name in never]
    return lines


def _learners(place: Workplace) -> dict[str, tuple[Algorithm, StepSettings]]:
    """Algorithm and settings of every stage that has one, rewards before those that they score."""
    found: dict[str, tuple[Algorithm, StepSettings]] = {}
    for name in (name for name in ORDER if name in place.settings.stages and name != "pairs"):
        found[name] = learner(place, name)
        algorithm = found[name][0]
        if isinstance(algorithm, RewardModel):
            place.rewards.setdefault("reward", algorithm.reward)
    return found


def _tried(
    place: Workplace, learners: dict[str, tuple[Algorithm, StepSettings]]
) -> dict[str, tuple[Needs, StepSettings]]:
    """What every stage that will be trained needs, with the states kept that all of them keep, and the samples of the
    evaluation."""
    trained = {name: made for name, made in learners.items() if not made[1].load}
    rows = {name: _rows(place, name) for name in trained}
    offline = [row for name in trained if name not in ON_POLICY for part in rows[name] for row in part]
    kept = place.cache.new_tokens(pairs_of(offline))
    found = {}
    for name, (algorithm, settings) in trained.items():
        work = work_of(algorithm.actors, settings, algorithm.minibatch_size, *rows[name])
        work = replace(
            work,
            response=max(work.response, place.settings.data.max_response_tokens),
            sampled=max(work.sampled, len(place.splits.test)),
            kept_tokens=kept,
        )
        found[name] = needs(algorithm, settings, work), settings
    return found


def _rows(place: Workplace, name: str) -> tuple[list[Any], list[Any]]:
    """Rows to train and validate stage `name` on; for pairs, whose second answers are not there yet, the longest."""
    parts = place.splits.train, place.splits.validation
    if name == "sft" or name in ON_POLICY:
        return parts
    longest = [place.template.pad_id] * (place.settings.data.max_response_tokens - 1)
    copies = range(place.settings.pairs.samples_per_prompt)
    train, validation = (
        [
            Comparison(key=row.key, prompt=row.prompt, chosen=row.response, rejected="", rejected_ids=(copy, *longest))
            for row in part
            for copy in copies
        ]
        for part in parts
    )
    return train, validation
