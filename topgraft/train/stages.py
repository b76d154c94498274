"""The stages of a run, each a function on the workplace: do it, or reload what it left when it is already done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from topgraft.algorithms.ppo import PPO
from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.algorithms.sft import SFT
from topgraft.errors import UserError
from topgraft.records import Comparison, Demonstration
from topgraft.rollout.sampling import GREEDY, sample
from topgraft.runs import StageFolder
from topgraft.runs.writing import append_line, read_lines
from topgraft.train.cost import Clock
from topgraft.train.loop import Outcome, train
from topgraft.train.workplace import Workplace, stage_seed


def sft(place: Workplace, stage: StageFolder) -> None:
    """Supervised fine-tuning on the training demonstrations."""
    algorithm = SFT(place.actors("sft"), place.settings.sft, "sft")
    splits = place.splits
    _train(place, stage, algorithm, "sft", place.settings.sft, splits.train, splits.validation, shows_text=True)


def pairs(place: Workplace, stage: StageFolder) -> None:
    """Simulated preferences: the reference answer against a sample of the base model, really decoded."""
    if stage.finished:
        return
    clock, rows = Clock(), [*place.splits.train, *place.splits.validation]
    count = place.settings.pairs.samples_per_prompt
    prompts = [place.template.encode_prompt(row.prompt) for row in rows for _ in range(count)]
    generator = place.actors("pairs").generator
    before = place.model.meter.tokens_in
    size = place.settings.sampling.rows_at_once
    texts: list[str] = []
    kept = 0
    with place.screen.bar("pairs", -(-len(prompts) // size)) as bar, place.model.slots.use(None):
        for start in range(0, len(prompts), size):
            part = prompts[start : start + size]
            rollouts = sample(place.model, place.template, part, place.settings.sampling, generator)
            texts += rollouts.texts
            kept += len(rollouts.trunk.hidden_NH)
            bar.advance({}, ())
    path = stage.path / "pairs.jsonl"
    path.unlink(missing_ok=True)
    for row, text in zip((row for row in rows for _ in range(count)), texts, strict=True):
        record = {"key": row.key, "prompt": row.prompt, "chosen": row.response, "rejected": text}
        append_line(path, record)
    passes = (place.model.meter.tokens_in - before) / kept
    _finish(place, stage, "sampling", clock, steps=len(prompts), passes=passes, tokens=kept)


def reward(place: Workplace, stage: StageFolder) -> None:
    """The reward model that PPO and the evaluation use."""
    place.rewards["reward"] = _reward_model(place, stage)


def reward_check(place: Workplace, stage: StageFolder) -> None:
    """A second reward model with another seed, for the evaluation only: a gain must show under both."""
    place.rewards["reward_check"] = _reward_model(place, stage)


def ppo(place: Workplace, stage: StageFolder) -> None:
    """PPO from the SFT policy, against the frozen SFT policy, on the training prompts."""
    actors = place.actors("ppo", score=place.rewards["reward"])
    algorithm = PPO(actors, place.settings.ppo, "ppo", reference=place.start_slot)
    splits = place.splits
    _train(place, stage, algorithm, "ppo", place.settings.ppo, splits.train, splits.validation, shows_text=True)


STAGES: dict[str, Callable[[Workplace, StageFolder], None]] = {
    "sft": sft,
    "pairs": pairs,
    "reward": reward,
    "reward-check": reward_check,
    "ppo": ppo,
}


def _reward_model(place: Workplace, stage: StageFolder) -> Any:
    torch.manual_seed(stage_seed(place.settings.seed, stage.name))
    algorithm = RewardModel(place.actors(stage.name), place.settings.reward, stage.name)
    train_keys = {row.key for row in place.splits.train}
    rows = comparisons(place)
    chosen = [row for row in rows if row.key in train_keys]
    held_out = [row for row in rows if row.key not in train_keys]
    _train(place, stage, algorithm, "reward", place.settings.reward, chosen, held_out)
    return algorithm.reward


def comparisons(place: Workplace) -> list[Comparison]:
    """The pairs that stage `pairs` wrote; an empty base sample gives no pair."""
    path = place.run.stage("pairs").path / "pairs.jsonl"
    return [Comparison(**record) for record in read_lines(path) if record["rejected"].strip()]


def _train(
    place: Workplace,
    stage: StageFolder,
    algorithm: Algorithm,
    kind: str,
    settings: StepSettings,
    rows: list[Any],
    held_out: list[Any],
    *,
    shows_text: bool = False,
) -> None:
    """Run the loop for a stage and write its summary; or, where the stage is finished, reload its adapter."""
    folder = stage.checkpoints / "last"
    if stage.finished or settings.load:
        _reload(place, stage if stage.finished else StageFolder(Path(settings.load)), algorithm, stage)
        return
    if not rows:
        raise UserError(f"Stage '{stage.name}' has no training rows.")
    stage.clear_unfinished()
    clock, meter = Clock(), place.model.meter
    before, known = meter.tokens_in, place.cache.distinct_tokens
    trained = sum(weight.numel() for weight in algorithm.trainable())
    place.screen.say(f"  {trained:,} trainable weights, {len(rows)} training items, {len(held_out)} held out")

    def show(step: int) -> None:
        _show(place, stage, algorithm.slot, step)

    outcome = train(
        algorithm,
        settings,
        rows,
        held_out,
        stage=stage,
        accelerator=place.accelerator,
        seed=stage_seed(place.settings.seed, stage.name),
        screen=place.screen,
        show=show if shows_text and place.settings.samples_shown else None,
    )
    algorithm.save(folder)
    kept = place.cache.distinct_tokens - known
    passes = (meter.tokens_in - before) / kept if kept else None
    logged = [row["cost/trunk_passes_per_token"] for row in stage.metrics() if "cost/trunk_passes_per_token" in row]
    if logged:  # rollouts are counted where they are made; samples shown on the way are not training
        passes, kept = sum(logged) / len(logged), 0
    _finish(
        place,
        stage,
        kind,
        clock,
        steps=outcome.steps,
        passes=passes,
        tokens=kept,
        outcome=outcome,
        trained=trained,
    )


def _reload(place: Workplace, source: StageFolder, algorithm: Algorithm, stage: StageFolder) -> None:
    """Take the weights of a finished stage, after checking that they were made for this base and these blocks."""
    made = source.summary()
    if not made:
        raise UserError(f"{source.path} is no finished stage (no stage.json). Give a folder such as runs/a/stages/sft.")
    for what, now in _fingerprint(place).items():
        if made.get(what) != now:
            raise UserError(
                f"The weights in {source.path} were made with {what} = {made.get(what)}, this run has {now}. "
                f"Use the same model.name and model.layers as there, or train the stage again."
            )
    algorithm.load(source.checkpoints / "last")
    if not stage.finished:
        algorithm.save(stage.checkpoints / "last")
        stage.finish({**made, "stage": stage.name, "seconds": 0.0, "loaded_from": str(source.path)})


def _fingerprint(place: Workplace) -> dict[str, Any]:
    return {"base_digest": place.model.base_digest, "split_layer": place.model.split_layer}


def _finish(
    place: Workplace,
    stage: StageFolder,
    kind: str,
    clock: Clock,
    *,
    steps: int,
    passes: float | None,
    tokens: int,
    outcome: Outcome | None = None,
    trained: int = 0,
) -> None:
    """Write stage.json and say what the stage came to."""
    summary = {
        "stage": stage.name,
        "algorithm": kind,
        "seconds": round(clock.seconds, 2),
        "peak_memory_bytes": clock.peak_memory_bytes,
        "steps": steps,
        "trunk_passes_per_token": passes if place.model.meter.counts else None,
        "tokens": tokens,
        "trainable_parameters": trained,
        "best_step": outcome.best_step if outcome else None,
        "metrics": outcome.metrics if outcome else {},
        **_fingerprint(place),
    }
    stage.finish(summary)
    best = f", best step {outcome.best_step} of {outcome.steps}" if outcome else ""
    memory = clock.peak_memory_bytes / 1e9
    place.screen.say(f"  {stage.name}: {clock.seconds:.0f} s, peak {memory:.2f} GB{best}")


def _show(place: Workplace, stage: StageFolder, slot: str, step: int) -> None:
    """Decode a few held-out prompts greedily, print them and keep them."""
    rows: list[Demonstration] = (place.splits.validation or place.splits.train)[: place.settings.samples_shown]
    prompts = [place.template.encode_prompt(row.prompt) for row in rows]
    with place.model.slots.use(slot):
        rollouts = sample(place.model, place.template, prompts, GREEDY, torch.Generator())
    scores = [None] * len(rows)
    if "reward" in place.rewards:
        scores = place.rewards["reward"](rollouts.tokens, rollouts.trunk).total_B.tolist()
    for row, text, score in zip(rows, rollouts.texts, scores, strict=True):
        record = {
            "step": step,
            "prompt": row.prompt,
            "response": text,
            "reference": row.response,
            "reward": score,
        }
        stage.sample(record)
        place.screen.say(f"  step {step}, {row.key}: {' '.join(text.split())}")
