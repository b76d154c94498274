"""The stages of a run, each a function of the workplace and the step: do it, or reload what it left when it is done."""

from typing import Any

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.records import Comparison
from topgraft.rollout.sampling import sample
from topgraft.runs.writing import append_line, read_lines
from topgraft.train.cost import Clock
from topgraft.train.execution import finish, train_stage
from topgraft.train.plan import Step
from topgraft.train.workplace import Workplace


def carry_out(place: Workplace, step: Step) -> None:
    """Do a step, or reload what it left."""
    kind = {"pairs": pairs, "reward": reward, "reward-check": reward}.get(step.kind, policy)
    kind(place.under(step.settings), step)


def learner(place: Workplace, step: Step) -> tuple[Algorithm, StepSettings]:
    """The algorithm that a step trains, in a new slot, and its settings."""
    settings, options = place.settings, place.settings.options(step.kind)
    samples = settings.learns_from(step.kind) == "samples"
    actors = place.actors(step.kind, score=place.reward(step.reward) if samples else None)
    starts = {"reference": step.start} if step.kind in settings.policies else {}
    return settings.learner(step.kind)(actors, options, step.name, **starts), options


def policy(place: Workplace, step: Step) -> None:
    """A policy, from the demonstrations, from pairs, or from its own answers to the training prompts."""
    rows: tuple[list[Any], list[Any]] = place.splits.train, place.splits.validation
    if step.pairs is not None:
        rows = _clear(place, *split_pairs(place, step))
    train_stage(place, step, *learner(place, step), *rows, shows_text=True)


def reward(place: Workplace, step: Step) -> None:
    """A reward model. That of kind "reward-check" has another seed and is for the evaluation only: a gain must show
    under both."""
    algorithm, settings = learner(place, step)
    assert isinstance(algorithm, RewardModel)
    loaded = place.run.stage(step.name).finished or settings.load
    rows, held_out = ([], []) if loaded else split_pairs(place, step)
    train_stage(place, step, algorithm, settings, rows, held_out)
    place.rewards[step.name] = algorithm.reward


def pairs(place: Workplace, step: Step) -> None:
    """Simulated preferences: the reference answer against a sample of the base model, really decoded."""
    stage = place.run.stage(step.name)
    if stage.finished:
        return
    clock, rows = Clock(), [*place.splits.train, *place.splits.validation]
    rows = [row for row in rows for _ in range(place.settings.pairs.samples_per_prompt)]
    generator = place.actors("pairs").generator
    before = place.model.meter.tokens_in
    size, kept = place.settings.sampling.rows_at_once, 0
    records = []
    with place.screen.bar(step.name, -(-len(rows) // size)) as bar, place.model.slots.use(None):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            prompts = [place.template.encode_prompt(row.prompt) for row in part]
            rollouts = sample(place.model, place.template, prompts, place.settings.sampling, generator)
            tokens, kept = rollouts.tokens, kept + rollouts.trunk.distinct_tokens
            for number, row in enumerate(part):
                ids = tokens.ids_BT[number][tokens.counted_BT[number]].tolist()
                records.append(
                    {
                        "key": row.key,
                        "prompt": row.prompt,
                        "chosen": row.response,
                        "rejected": rollouts.texts[number],
                        "rejected_ids": ids,
                    }
                )
            bar.advance({}, ())
    path = stage.path / "pairs.jsonl"
    path.unlink(missing_ok=True)
    for record in records:
        append_line(path, record)
    passes = (place.model.meter.tokens_in - before) / kept
    finish(place, step, clock, steps=len(rows), passes=passes, tokens=kept)


def split_pairs(place: Workplace, step: Step) -> tuple[list[Comparison], list[Comparison]]:
    """The step's pairs of training prompts, and of validation prompts."""
    assert step.pairs is not None
    train_keys = {row.key for row in place.splits.train}
    rows = comparisons(place, step.pairs)
    return [row for row in rows if row.key in train_keys], [row for row in rows if row.key not in train_keys]


def _clear(place: Workplace, *parts: list[Comparison]) -> tuple[list[Comparison], list[Comparison]]:
    """The pairs of which one answer is preferred."""
    train, held_out = ([row for row in part if row.strength > 0] for part in parts)
    ties = sum(map(len, parts)) - len(train) - len(held_out)
    if ties:
        place.screen.say(f"  {ties} ties are left out: neither answer is preferred")
    return train, held_out


def comparisons(place: Workplace, step: str) -> list[Comparison]:
    """The pairs that a step wrote; an empty base sample gives no pair."""
    path = place.run.stage(step).path / "pairs.jsonl"
    records = [record for record in read_lines(path) if record["rejected"].strip()]
    return [Comparison(**{**record, "rejected_ids": tuple(record["rejected_ids"])}) for record in records]
