"""The one training loop: collect -> minibatches -> loss -> step -> log -> evaluate -> keep the best.

It alone owns the optimizer, the schedule, the log and the choice of the best step. An algorithm brings `collect` and
`loss`, nothing else (topgraft.algorithms.protocol).
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from topgraft.algorithms.protocol import Algorithm, OfflineSettings, OnPolicySettings, StepSettings
from topgraft.errors import Diverged
from topgraft.records import Batch, Sample
from topgraft.runs import StageFolder
from topgraft.train.gradient import Budget, gradient
from topgraft.train.progress import Screen
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
) -> Outcome:
    """Run `algorithm` on `rows`, log to `stage`, and leave its weights at their best step.

    The best step has the lowest "eval/loss" where `validate` gives one and the settings keep the best, else it is the
    last. `show` is called with the step a few times on the way, to print samples; `watch` sees every step, and adds to
    its metrics.
    """
    rng = random.Random(seed)
    total = settings.total_steps(len(rows))
    weights = algorithm.trainable()
    _learn(weights, True)
    optimizer = accelerator.prepare(_optimizer(weights, settings))
    interval = settings.evaluation_interval(len(rows))
    best = _Best(weights, settings if isinstance(settings, OfflineSettings) else None)
    metrics: dict[int, dict[str, float]] = {}
    tokens_in = tokens_kept = step = 0
    meter, budget = algorithm.actors.model.meter, Budget(settings.micro_batch_tokens, screen)
    with screen.bar(stage.name, total) as bar:
        for step, batch in enumerate(_stream(rows, settings.batch_size, total, rng), start=1):
            begun, in_before, kept_before = time.perf_counter(), meter.tokens_in, algorithm.tokens_kept
            rate = settings.learning_rate * _share(settings, step - 1, total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            last, samples = _step(algorithm, settings, batch, weights, optimizer, accelerator, budget, rng)
            entered, kept = meter.tokens_in - in_before, algorithm.tokens_kept - kept_before
            tokens_in, tokens_kept = tokens_in + entered, tokens_kept + kept
            if meter.counts and kept:
                last["cost/trunk_passes_per_token"] = entered / kept
            last |= {"learning_rate": rate, "cost/seconds": time.perf_counter() - begun}
            if step % interval == 0 or step == total:
                measured = algorithm.validate(list(held_out)) if held_out else {}
                last |= measured
                best.see(step, measured)
            if watch is not None:
                last |= watch.see(step, last, samples)
            metrics = {best.step: metrics.get(best.step, {}), step: last}
            stage.keep(step, samples)
            stage.log(step, last)
            bar.advance(last, SHOWN)
            _keep_and_show(algorithm, settings, step, total, stage, show)
            if best.exhausted:
                break
    _learn(weights, False)
    best.restore()
    algorithm.finish(list(rows))
    kept_step = best.step or step
    return Outcome(step, kept_step, metrics[kept_step], tokens_in, tokens_kept)


def _keep_and_show(
    algorithm: Algorithm,
    settings: StepSettings,
    step: int,
    total: int,
    stage: StageFolder,
    show: Callable[[int], None] | None,
) -> None:
    """Copy the weights and show samples, at the steps at which that is asked for."""
    if settings.checkpoint_every and step % settings.checkpoint_every == 0:
        algorithm.save(stage.checkpoints / f"step-{step}")
    if show is not None and (step == 1 or step % (settings.show_every or max(1, total // 4)) == 0):
        show(step)


def _optimizer(weights: list[nn.Parameter], settings: StepSettings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(weights, lr=rate, eps=settings.adam_eps, weight_decay=decay)


def _learn(weights: list[nn.Parameter], on: bool) -> None:
    for weight in weights:
        weight.requires_grad_(on)


def _step(
    algorithm: Algorithm,
    settings: StepSettings,
    rows: list[Any],
    weights: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    budget: Budget,
    rng: random.Random,
) -> tuple[dict[str, float], Sequence[Sample]]:
    """Collect once, learn from it `inner_epochs` times or until it is enough; the metrics of the step, and the
    responses it sampled."""
    gathered = algorithm.collect(rows)
    seen: list[dict[str, float]] = []
    updates = 0
    for minibatch in _minibatches(gathered, algorithm.minibatch_size, algorithm.inner_epochs, rng):
        sums = gradient(algorithm, minibatch, budget, weights, accelerator)
        norm = float(accelerator.clip_grad_norm_(weights, settings.max_grad_norm))
        if not math.isfinite(norm):
            raise Diverged(
                f"Training diverged: the gradient's norm is {norm}. Lower the stage's learning_rate (it is "
                f"{settings.learning_rate}); nothing of this stage was kept."
            )
        seen.append({**sums, "grad_norm": norm})
        if settings.enough(sums):
            optimizer.zero_grad(set_to_none=True)
            break
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        updates += 1
    counted = {"policy/updates": float(updates)} if isinstance(settings, OnPolicySettings) else {}
    return {**gathered.metrics, **_mean(seen), **counted}, gathered.samples


def _minibatches(batch: Batch, size: int, epochs: int, rng: random.Random) -> Iterator[Batch]:
    """The batch's items, cut into minibatches, in a new random order in every epoch."""
    for _ in range(epochs):
        if size >= len(batch):
            yield batch
            continue
        order = torch.tensor(rng.sample(range(len(batch)), len(batch)), device=batch.tokens.ids_BT.device)
        for part in order.split(size):
            yield batch.rows(part)


def _mean(seen: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the minibatches that have it."""
    names = dict.fromkeys(name for metrics in seen for name in metrics)
    found = {name: [metrics[name] for metrics in seen if name in metrics] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _stream(rows: Sequence[Any], size: int, total: int, rng: random.Random) -> Iterator[list[Any]]:
    """`total` batches from passes over the rows, each pass in a new random order; a batch may span two passes."""
    queue: list[Any] = []
    for _ in range(total):
        while len(queue) < min(size, len(rows)):
            queue += rng.sample(list(rows), len(rows))
        yield queue[:size]
        queue = queue[size:]


def _share(settings: StepSettings, step: int, total: int) -> float:
    """The learning rate at `step` (from 0) as a share of its peak."""
    warm = int(settings.warmup * total)
    if step < warm:
        return (step + 1) / (warm + 1)
    gone = (step - warm) / max(1, total - warm)
    if settings.schedule == "linear":
        return 1 - gone
    return 0.5 * (1 + math.cos(math.pi * gone)) if settings.schedule == "cosine" else 1.0


class _Best:
    """Remembers the weights of the step with the lowest validation loss, where the settings keep the best."""

    def __init__(self, weights: list[nn.Parameter], settings: OfflineSettings | None) -> None:
        self.weights, self.patience = weights, settings.patience if settings else None
        self.chooses = settings is None or settings.keep == "best"
        self.step, self.loss, self.since = 0, math.inf, 0
        self._kept: list[torch.Tensor] = []

    def see(self, step: int, metrics: dict[str, float]) -> None:
        """Compare an evaluation with the best so far."""
        if "eval/loss" not in metrics or not self.chooses:
            return
        if metrics["eval/loss"] < self.loss:
            self.step, self.loss, self.since = step, metrics["eval/loss"], 0
            self._kept = [weight.detach().clone() for weight in self.weights]
        else:
            self.since += 1

    @property
    def exhausted(self) -> bool:
        """True when the loss has not improved for `patience` evaluations."""
        return self.patience is not None and self.since >= self.patience

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best weights back, where an evaluation chose some."""
        for weight, kept in zip(self.weights, self._kept, strict=False):
            weight.copy_(kept)
