"""The one training loop: collect -> minibatches -> loss -> step -> log -> evaluate -> keep the best.

It alone owns the optimizer, the schedule, the log, the choice of the best step and the checkpoints. An algorithm brings
`collect` and `loss`, nothing else (topgraft.algorithms.protocol).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from topgraft.algorithms.protocol import Algorithm, OnPolicySettings, StepSettings
from topgraft.records import Sample
from topgraft.runs import StageFolder
from topgraft.train.best import Best
from topgraft.train.checkpoint import Checkpoints, Part, size_of
from topgraft.train.copies import copy_weights
from topgraft.train.gradient import Budget, clip, gradient
from topgraft.train.guard import Guard, odd_numbers
from topgraft.train.interrupt import noting, obey
from topgraft.train.optimizing import optimizer_of, share_of_rate
from topgraft.train.order import Order
from topgraft.train.parts import Generators, Moments, Weights
from topgraft.train.progress import Screen
from topgraft.train.trunk_passes import TrunkPasses
from topgraft.train.watch import Watch

SHOWN = (
    "loss/total",
    "reward/accuracy",
    "reward/mean",
    "kl/response",
    "eval/loss",
    "eval/accuracy",
    "eval/reward",
)
"""Metrics shown on the progress line, in this order."""
STOPPING = "Stopping after this step; once more stops at once, and goes on later from the checkpoint before."


@dataclass(frozen=True)
class Outcome:
    """How training ended."""

    steps: int
    best_step: int
    metrics: dict[str, float]
    """Those of the step whose weights were kept."""
    tokens_in: int
    """Tokens that entered the top trunk block in the steps (validation and shown samples are counted apart)."""
    tokens_kept: int
    """Distinct tokens whose trunk states those passes made."""


@dataclass
class Updating:
    """What a step's updates work with."""

    algorithm: Algorithm
    settings: StepSettings
    weights: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    accelerator: Accelerator
    budget: Budget
    order: Order
    guard: Guard


def train(
    algorithm: Algorithm,
    settings: StepSettings,
    rows: Sequence[Any],
    held_out: Sequence[Any],
    *,
    stage: StageFolder,
    accelerator: Accelerator,
    seed: int,
    screen: Screen,
    show: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    track: Callable[[int, dict[str, float]], None] | None = None,
) -> Outcome:
    """Run `algorithm` on `rows`, from the stage's newest checkpoint on; log, and leave its weights at their best step.

    The best step has the lowest "eval/loss" where `validate` gives one and the settings keep the best, else it is the
    last. `show` is called with the step a few times on the way, to print samples; `watch` sees every step, and adds to
    its metrics; `track` is given what is logged.
    """
    total, interval = settings.total_steps(len(rows)), settings.evaluation_interval(len(rows))
    weights, passes = algorithm.trainable(), TrunkPasses(algorithm)
    _learn(weights, True)
    optimizer = accelerator.prepare(optimizer_of(weights, settings))
    budget, order = Budget(settings.micro_batch_tokens, screen), Order(len(rows), seed)
    best, guard = Best(weights, settings), Guard(settings.skip_limit, stage, screen)
    updating = Updating(algorithm, settings, weights, optimizer, accelerator, budget, order, guard)
    screen.follow(stage.name, algorithm.prepare(list(rows), list(held_out)))
    seen: dict[str, Part] = {"best": best, "passes": passes, **({"watch": watch} if watch is not None else {})}
    parts, processes = _parts(updating) | seen, algorithm.actors.processes
    checkpoints = Checkpoints(stage, parts, size_of(weights, settings), screen.say, processes)
    step = checkpoints.resume()
    with screen.bar(stage.name, total, done=step) as bar, noting(screen.say, STOPPING) as asked:
        while step < total and not best.exhausted and not (watch is not None and watch.ends):
            step, begun = step + 1, time.perf_counter()
            rate = settings.learning_rate * share_of_rate(settings, step - 1, total)
            rate *= watch.share_of_rate if watch is not None else 1.0
            last, samples = _step(updating, [rows[number] for number in order.batch(settings.batch_size)], step, rate)
            last |= {**passes.metrics(), "learning_rate": rate, "cost/seconds": time.perf_counter() - begun}
            if held_out and (step % interval == 0 or step == total):
                last |= (measured := algorithm.validate(list(held_out)))
                best.see(step, measured)
            if watch is not None:
                last |= watch.see(step, last, samples)
            stage.keep(step, samples)
            stage.log(step, last)
            if track is not None:
                track(step, last)
            bar.advance(last, SHOWN)
            copy_weights(algorithm, settings, step, stage)
            if show is not None and _shows(settings, step, total):
                show(step)
            passes.leave_out()
            obey(checkpoints.after(step, asked.number))
    _learn(weights, False)
    best.put_back()
    algorithm.finish(list(rows))
    kept = best.step or step
    return Outcome(step, kept, _logged(stage, kept), passes.tokens_in, passes.tokens_kept)


def _parts(at: Updating) -> dict[str, Part]:
    """What a checkpoint holds of it."""
    return {
        "weights": Weights(at.weights),
        "optimizer": Moments(at.optimizer),
        "random": Generators(at.algorithm.actors.generator),
        "algorithm": at.algorithm,
        "order": at.order,
        "budget": at.budget,
        "guard": at.guard,
    }


def _logged(stage: StageFolder, step: int) -> dict[str, float]:
    """A step's metrics."""
    found = [row for row in stage.metrics() if row["step"] == step]
    return {name: value for row in found for name, value in row.items() if name != "step"}


def _shows(settings: StepSettings, step: int, total: int) -> bool:
    """Whether samples are shown at a step."""
    return step == 1 or step % (settings.show_every or max(1, total // 4)) == 0


def _learn(weights: list[nn.Parameter], on: bool) -> None:
    for weight in weights:
        weight.requires_grad_(on)


def _step(at: Updating, rows: list[Any], step: int, rate: float) -> tuple[dict[str, float], Sequence[Sample]]:
    """Collect once, learn from it `inner_epochs` times or until it is enough; the metrics of the step, and the
    responses it sampled."""
    for group in at.optimizer.param_groups:
        group["lr"] = rate
    actors = at.algorithm.actors
    actors.processes.part_dropout(actors.generator.initial_seed(), step)
    gathered = at.algorithm.collect(rows)
    kept, seen = gathered.samples or rows, list[dict[str, float]]()
    updates = skipped = 0
    if at.guard.refuses(step, odd_numbers(gathered), kept):
        finite = {name: value for name, value in gathered.metrics.items() if math.isfinite(value)}
        return {**finite, "loss/skipped": 1.0}, ()
    for minibatch in at.order.minibatches(gathered, at.algorithm.minibatch_size, at.algorithm.inner_epochs):
        sums = gradient(at.algorithm, minibatch, at.budget, at.weights, at.accelerator, gathered)
        norm = clip(at.weights, at.settings.max_grad_norm, at.accelerator)
        refused = at.guard.refuses(step, {"loss/total": sums["loss/total"], "grad_norm": norm}, kept)
        enough = not refused and at.settings.enough(sums)
        if refused:
            skipped += 1
        else:
            seen.append({**sums, "grad_norm": norm})
        if not refused and not enough:
            at.optimizer.step()
            at.guard.in_a_row = 0
            updates += 1
        at.optimizer.zero_grad(set_to_none=True)
        if enough:
            break
    counted = {"policy/updates": float(updates)} if isinstance(at.settings, OnPolicySettings) else {}
    lost = {"loss/skipped": float(skipped)} if skipped else {}
    return {**gathered.metrics, **_mean(seen), **counted, **lost}, gathered.samples


def _mean(seen: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the minibatches that have it."""
    names = dict.fromkeys(name for metrics in seen for name in metrics)
    found = {name: [metrics[name] for metrics in seen if name in metrics] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}
