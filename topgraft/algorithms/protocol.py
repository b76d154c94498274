"""What the training loop asks of an algorithm, and what it hands to one."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from pydantic import Field, model_validator
from torch import nn

from topgraft.algorithms.kl_control import KLControl
from topgraft.data.template import Template, pack
from topgraft.model.load import ModelSettings
from topgraft.model.split_model import SplitModel
from topgraft.processes import ALONE, Processes
from topgraft.recipe import Settings
from topgraft.records import Batch, Loss
from topgraft.rewards.combination import Reward
from topgraft.rollout.cache import TrunkCache
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.rows import Pair


class StepSettings(Settings):
    """Settings that every algorithm shares; the loop reads them."""

    decides_what_weights_mean: ClassVar[tuple[str, ...]] = ()
    """Settings of an algorithm without which its saved weights cannot be read right; `load` compares them."""

    optimizer: str = Field("adamw", pattern="^(adamw|sgd)$")
    """ "adamw"; or "sgd" (momentum 0.9), which wants rates some hundred times higher."""
    learning_rate: float = Field(1e-4, gt=0)
    """Peak rate of the optimizer."""
    schedule: str = Field("linear", pattern="^(linear|constant|cosine)$")
    """How the rate goes from its peak to the end: "linear" (to 0), "cosine" (to 0) or "constant"."""
    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of the steps over which the rate rises from 0."""
    adam_eps: float = Field(1e-5, gt=0)
    """1e-5 as in the papers; PyTorch's 1e-8 makes the first updates much larger."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm."""
    load: str = ""
    """Folder of a finished stage whose weights are taken instead of training, e.g. "runs/a/stages/sft"."""
    batch_size: int = Field(16, ge=1)
    """Items (rows, pairs, prompts) collected at a step."""
    micro_batch_tokens: int = Field(2048, ge=1)
    """Tokens, padding included, in one backward pass (one item at least); fewer need less memory and give the same
    gradient."""

    skip_limit: int = Field(5, ge=0)
    """Updates in a row that may be skipped because a loss, gradient, score or log-probability is no finite number; one
    more ends the stage."""
    checkpoint_every: int = Field(0, ge=0)
    """Steps between copies of the weights, checkpoints/step-N beside checkpoints/last; 0 keeps the last alone."""
    checkpoints_kept: int = Field(0, ge=0)
    """Newest of these copies that are kept, beside that of the best evaluation; 0 keeps all."""
    show_every: int = Field(0, ge=0)
    """Steps between sample responses that a policy's stage shows; 0: four times in all, and at the first step."""

    @property
    def adapts(self) -> bool:
        """Whether what is trained belongs to the model's blocks, not to a head alone."""
        return True

    def base(self, own: ModelSettings) -> ModelSettings:
        """The model whose blocks are adapted, where the run's `own` is not."""
        return own

    @property
    def samples(self) -> int:
        """Responses sampled for an item; 0 where learning is from those that the rows bring."""
        return 1

    def enough(self, metrics: dict[str, float]) -> bool:
        """Whether updates on a batch end before the one of the minibatch that has these metrics: never, here."""
        return False

    @abstractmethod
    def total_steps(self, rows: int) -> int:
        """Steps over `rows` items of training data."""

    @abstractmethod
    def evaluation_interval(self, rows: int) -> int:
        """Steps between evaluations on validation rows."""


class OfflineSettings(StepSettings):
    """Settings of algorithms that learn from fixed rows, until the validation loss stops falling or to the end."""

    epochs: int = Field(10, ge=1)
    """Passes over the training rows at most, in whole batches."""
    keep: str = Field("best", pattern="^(best|last)$")
    """Which weights are kept: "best", those with the lowest validation loss (one evaluation an epoch), or "last", those
    of the last step: validation loss is mostly of what answers say, and may rise while how they say it is learned."""
    patience: int = Field(3, ge=1)
    """Evaluations without a better validation loss after which training stops, where the best weights are kept."""

    @property
    def samples(self) -> int:
        """None."""
        return 0

    def total_steps(self, rows: int) -> int:
        """Epochs times batches; a last batch that is not full is filled from the next pass."""
        return self.epochs * self.evaluation_interval(rows)

    def evaluation_interval(self, rows: int) -> int:
        """An epoch."""
        return math.ceil(rows / self.batch_size)


class OnPolicySettings(StepSettings):
    """Settings of algorithms that learn from their own samples."""

    steps: int = Field(30, ge=1)
    """Rollout batches in all."""
    minibatch_size: int = Field(16, ge=1)
    """Prompts per optimizer step, with all their responses."""
    inner_epochs: int = Field(1, ge=1)
    """Passes over one rollout batch."""
    clip: float = Field(0.2, gt=0)
    """The ratio of new to old probability is clipped to 1 - clip .. 1 + clip."""
    stop_kl: float = Field(0.0, ge=0)
    """KL from the old policy to the new, in nats per token as `policy/approx_kl` estimates it on a minibatch, above
    which that update and the rest of those on the rollout are skipped; 0 never stops."""
    beta: float = Field(0.05, ge=0)
    """Weight of the KL to the reference; that of the first rollout where `kl.target` steers it."""
    kl: KLControl = KLControl()
    """How beta changes."""
    missing_end_penalty: float = Field(0.0, ge=0)
    """Subtracted from the score of a response that did not end by itself."""
    entropy_weight: float = Field(0.0, ge=0)
    """Weight of the entropy of the next-token distributions, which is taken off the policy's loss and averaged as that
    is; above 0 it keeps the policy from narrowing."""
    old_logprobs: str = Field("auto", pattern="^(auto|sampled|recompute)$")
    """Where the old log-probabilities come from: "sampled" (while decoding), "recompute" (the branch runs once more) or
    "auto": sampled in float32, recomputed in lower precision, where decoding and a full pass differ."""
    evaluate_every: int = Field(10, ge=1)
    """Steps between evaluations of the score of greedy responses to validation prompts."""

    @model_validator(mode="after")
    def _beta_can_move(self) -> "OnPolicySettings":
        if self.kl.target and not self.beta:
            raise ValueError(f"kl.target = {self.kl.target} steers beta, and a beta of 0 stays 0: set beta above 0")
        return self

    def enough(self, metrics: dict[str, float]) -> bool:
        """Where the policy has gone further than `stop_kl`."""
        return 0 < self.stop_kl < metrics["policy/approx_kl"]

    def total_steps(self, rows: int) -> int:
        """As set, whatever the number of prompts."""
        return self.steps

    def evaluation_interval(self, rows: int) -> int:
        """As set."""
        return self.evaluate_every


@dataclass(frozen=True)
class Actors:
    """What an algorithm works with: the split model, the template, kept trunk states, the sampler's settings and
    generator, the assembled reward (None for offline algorithms), and the processes that share the work."""

    model: SplitModel
    template: Template
    cache: TrunkCache
    sampling: SamplingSettings
    generator: torch.Generator
    score: Reward | None = None
    processes: Processes = ALONE

    def kept(self, pairs: Sequence[Pair], siblings: int = 1) -> Batch:
        """A batch of rows of data, `siblings` to an item, with the trunk states of this process's items."""
        lengths = [sum(map(len, self.cache.ids(pair))) for pair in pairs]
        sizes = [sum(lengths[at : at + siblings]) for at in range(0, len(lengths), siblings)]
        shares = self.processes.even(sizes)
        if not shares.cut:
            tokens, trunk = self.cache.get(pairs)
            return Batch(tokens=tokens, trunk=trunk, siblings=siblings)
        mine = shares.rows(siblings).mine
        _, trunk = self.cache.get([pairs[row] for row in mine])
        tokens = pack([self.cache.ids(pair) for pair in pairs], self.template.pad_id, self.model.device)
        return Batch(tokens=tokens, trunk=trunk.among(len(pairs), mine), siblings=siblings, shares=shares)


Prepared = tuple[str, int, int]
"""What is being prepared, how many rows more of it are, and of how many."""


class Algorithm(Protocol):
    """Two functions and their settings; the loop owns optimizer, logging, evaluation and saving.

    It is made as `Learner(actors, options, slot)`; one that leaves a policy also takes `reference`, the slot that it
    starts from. Its class says what it learns from ("demonstrations", "pairs" or "samples"), and by the annotation of
    `options` which settings it has.
    """

    learns_from: ClassVar[str]
    actors: Actors
    options: Any
    slot: str
    inner_epochs: int
    minibatch_size: int

    @property
    def tokens_kept(self) -> int:
        """Distinct tokens whose trunk states were kept so far, for counting trunk passes per token."""

    def trainable(self) -> list[nn.Parameter]:
        """The weights that learn."""

    def prepare(self, rows: list[Any], held_out: list[Any]) -> Iterator[Prepared]:
        """Before the first step, what never changes of the rows, in batches that depend on them alone: a stage that
        goes on after a stop then has the same numbers, to the bit. Yields as it goes."""

    def collect(self, rows: list[Any]) -> Batch:
        """Rows of data -> a batch with trunk states and everything that stays fixed while it is learned from."""

    def count(self, minibatch: Batch) -> float:
        """The denominator of the minibatch's loss (counted tokens, pairs, ...)."""

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """The loss of a part of a minibatch, divided by the whole minibatch's count. Branches only."""

    def validate(self, rows: list[Any]) -> dict[str, float]:
        """Metrics on held-out rows; the best step is the one with the lowest "eval/loss" where there is one."""

    def state(self) -> dict[str, Any]:
        """What changes from step to step besides the weights: JSON values and tensors, kept in checkpoints."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""

    def finish(self, rows: list[Any]) -> None:
        """After the last step, e.g. to normalise a reward head on the training rows."""

    def save(self, folder: Path | None) -> None:
        """Write adapters and heads. Processes that do not write give None: what they hold a share of, all gather."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
