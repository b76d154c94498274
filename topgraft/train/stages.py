"""The stages of a run, each a function of the workplace and the step: do it, or reload what it left when it is done."""

from dataclasses import replace
from typing import Any

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.rewards.learned import on_texts
from topgraft.train.execution import train_stage
from topgraft.train.pairing import clear, pairs, split_pairs
from topgraft.train.plan import Step
from topgraft.train.workplace import Workplace


def carry_out(place: Workplace, step: Step) -> None:
    """Do a step, or reload what it left."""
    kind = {"pairs": pairs, "reward": reward, "reward-check": reward}.get(step.kind, policy)
    kind(place.under(step.settings), step)


def learner(place: Workplace, step: Step) -> tuple[Algorithm, StepSettings]:
    """The algorithm that a step trains, in a new slot, and its settings."""
    place = home(place, step)
    settings, options = place.settings, place.settings.options(step.kind)
    samples = settings.learns_from(step.kind) == "samples"
    actors = place.actors(step.kind, score=place.reward(step.reward) if samples else None)
    starts = {"reference": step.start} if step.kind in settings.policies else {}
    return settings.learner(step.kind)(actors, options, step.name, **starts), options


def policy(place: Workplace, step: Step) -> None:
    """A policy, from the demonstrations, from pairs, or from its own answers to the training prompts."""
    rows: tuple[list[Any], list[Any]] = place.splits.train, place.splits.validation
    if step.pairs is not None:
        rows = clear(place, *split_pairs(place, step))
    train_stage(place, step, *learner(place, step), *rows, shows_text=True)


def reward(place: Workplace, step: Step) -> None:
    """A reward model. That of kind "reward-check" has another seed and is for the evaluation only: a gain must show
    under both."""
    here = home(place, step)
    algorithm, settings = learner(place, step)
    assert isinstance(algorithm, RewardModel)
    loaded = place.run.stage(step.name).finished or settings.load
    rows, held_out = ([], []) if loaded else split_pairs(place, step)
    if here is not place:  # the tokens of another model say nothing to this one
        rows, held_out = ([replace(row, rejected_ids=()) for row in part] for part in (rows, held_out))
    train_stage(here, step, algorithm, settings, rows, held_out)
    offer(place, step, algorithm)


def offer(place: Workplace, step: Step, algorithm: RewardModel) -> None:
    """Let later steps use a reward model."""
    here = home(place, step)
    place.rewards[step.name] = algorithm.reward if here is place else on_texts(algorithm.reward, here.template)


def home(place: Workplace, step: Step) -> Workplace:
    """Where a step is done: in this place, or beside it, where a reward model has a base of its own."""
    own = place.settings.options(step.kind).base(place.base)
    return place if own == place.base else place.beside(own)
