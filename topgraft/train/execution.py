"""Carry out one trained stage: run the loop, or take weights that are there; show samples; write the summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.errors import UserError
from topgraft.records import Demonstration
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample
from topgraft.runs import StageFolder
from topgraft.train.cost import Clock, free_bytes
from topgraft.train.describing import trained
from topgraft.train.fitting import lowered
from topgraft.train.loop import Outcome, train
from topgraft.train.plan import Step
from topgraft.train.tracking import Tracking
from topgraft.train.watch import Watch
from topgraft.train.workplace import Workplace, stage_seed


def train_stage(
    place: Workplace,
    step: Step,
    algorithm: Algorithm,
    settings: StepSettings,
    rows: list[Any],
    held_out: list[Any],
    *,
    shows_text: bool = False,
) -> None:
    """Run the loop and write the summary; reload where the stage is finished or `settings.load` names another."""
    stage = place.run.stage(step.name)
    if stage.finished or settings.load:
        _reload(place, stage if stage.finished else StageFolder(Path(settings.load)), algorithm, stage, settings)
        return
    if not rows:
        raise UserError(f"Stage '{stage.name}' has no training rows.")
    place.processes.refuse_idle(stage.name, min(settings.batch_size, len(rows)))
    clock = Clock()
    _tell(place, algorithm, f"{len(rows)} training items, {len(held_out)} held out")

    if place.model.device.type == "cpu":  # a GPU raises an error that can be caught; here the system ends the process
        settings = lowered(algorithm, settings, rows, held_out, free=free_bytes(), screen=place.screen)

    def show(number: int) -> None:
        _show(place, stage, algorithm, number)

    tracking = Tracking(place.settings.track, place.run, stage.name)
    weights = {name: part.weight for name, part in place.settings.mix.items()}
    outcome = train(
        algorithm,
        settings,
        rows,
        held_out,
        stage=stage,
        accelerator=place.accelerator,
        seed=stage_seed(place.settings.seed, step.kind),
        screen=place.screen,
        show=show if shows_text and place.settings.samples_shown else None,
        watch=Watch(place.settings.watch, weights, stage, place.screen),
        track=tracking.log if stage.writes else None,
    )
    tracking.close()
    stage.save("last", algorithm.save)
    place.cache.flush()
    passes = outcome.tokens_in / outcome.tokens_kept if outcome.tokens_kept else 0.0
    finish(
        place,
        step,
        clock,
        steps=outcome.steps,
        passes=passes,
        tokens=outcome.tokens_kept,
        outcome=outcome,
        settings=settings,
        learned=algorithm.trainable(),
    )


def _tell(place: Workplace, algorithm: Algorithm, items: str) -> None:
    """Say how many weights learn, in which slots, and how many outside of the model."""
    learned = {id(weight): weight.numel() for weight in algorithm.trainable()}
    place.screen.say(f"  {sum(learned.values()):,} trainable weights, {items}")
    for slot in place.model.slots.names:
        own = sum(learned.pop(id(weight), 0) for weight in place.model.slots.weights(slot))
        if own:
            place.screen.say(f"  {own:,} of slot {slot}: {trained(place, slot)}")
    if learned:
        place.screen.say(f"  {sum(learned.values()):,} of a head")


def _reload(
    place: Workplace, source: StageFolder, algorithm: Algorithm, stage: StageFolder, settings: StepSettings
) -> None:
    """Take the weights of a finished stage, after checking that they are what it left, and were made for this base,
    blocks and use."""
    if lost := source.broken():
        raise UserError(
            f"{lost[0]} is not what stage '{source.name}' left: it is damaged or was changed. Copy it again, or have "
            f"`topgraft run ... --resume` train the stage again."
        )
    made = source.summary()
    for what, now in _fingerprint(place, settings).items():
        if made.get(what) != now:
            raise UserError(
                f"The weights in {source.path} were made with {what} = {made.get(what)}, this run has {now}. "
                f"Use the same model.name, model.layers, model.lora and stage settings as there, or train it again."
            )
    algorithm.load(source.checkpoints / "last")
    if not stage.finished:
        stage.save("last", algorithm.save)
        stage.finish({**made, "stage": stage.name, "seconds": 0.0, "loaded_from": str(source.path)})


def _fingerprint(place: Workplace, settings: StepSettings | None) -> dict[str, Any]:
    """What weights depend on: those of a head on the base model on no blocks that learn."""
    named = settings.decides_what_weights_mean if settings is not None else ()
    base = {**{name: getattr(settings, name) for name in named}, "base_digest": place.model.base_digest}
    if settings is not None and not settings.adapts:
        return base
    return {
        **base,
        "split_layer": place.model.split_layer,
        "layers": place.model.layers,
        "lora": None if place.model.whole else place.settings.model.lora.model_dump(mode="json"),
    }


def finish(
    place: Workplace,
    step: Step,
    clock: Clock,
    *,
    steps: int,
    passes: float,
    tokens: int,
    outcome: Outcome | None = None,
    settings: StepSettings | None = None,
    learned: Sequence[nn.Parameter] = (),
) -> None:
    """Write stage.json and say what the stage came to. `learned` are the weights that it trained."""
    stage = place.run.stage(step.name)
    slots = place.model.slots
    inside = {id(weight) for slot in slots.names for weight in slots.weights(slot)}
    summary = {
        "stage": stage.name,
        "algorithm": step.kind.removesuffix("-check"),
        "start": step.start,
        "pairs": step.pairs,
        "reward": step.reward,
        "seconds": round(clock.seconds, 2),
        "peak_memory_bytes": clock.peak_memory_bytes,
        "steps": steps,
        "trunk_passes_per_token": passes if place.model.meter.counts else None,
        "tokens": tokens,
        "trainable_parameters": sum(weight.numel() for weight in learned),
        "trained_layers": place.model.layers if any(id(weight) in inside for weight in learned) else [],
        "best_step": outcome.best_step if outcome else None,
        "metrics": outcome.metrics if outcome else {},
        **_fingerprint(place, settings),
    }
    stage.finish(summary)
    best = f", best step {outcome.best_step} of {outcome.steps}" if outcome else ""
    memory = clock.peak_memory_bytes / 1e9
    place.screen.say(f"  {stage.name}: {clock.seconds:.0f} s, peak {memory:.2f} GB{best}")


def _show(place: Workplace, stage: StageFolder, algorithm: Algorithm, step: int) -> None:
    """Decode a few held-out prompts greedily, print them and keep them."""
    score = algorithm.actors.score
    rows: list[Demonstration] = (place.splits.validation or place.splits.train)[: place.settings.samples_shown]
    prompts = [place.template.encode_prompt(row.prompt) for row in rows]
    with place.model.slots.use(algorithm.slot):
        settings = greedy(place.settings.sampling)
        rollouts = sample(place.model, place.template, prompts, settings, torch.Generator())
    scores = [None] * len(rows)
    if score is not None:
        found = score([row.prompt for row in rows], rollouts.texts, rollouts.tokens, rollouts.trunk)
        scores = found.total_B.tolist()
    for row, text, reward in zip(rows, rollouts.texts, scores, strict=True):
        record = {"step": step, "prompt": row.prompt, "response": text, "reference": row.response, "reward": reward}
        stage.sample(record)
        place.screen.say(f"  step {step}, {row.key}: {' '.join(text.split())}")
