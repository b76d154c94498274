"""The weights of the step with the lowest validation loss."""

import math
from typing import Any

import torch
from torch import nn

from topgraft.algorithms.protocol import OfflineSettings, StepSettings
from topgraft.model.sharding import held_as


class Best:
    """Remembers them where the settings keep the best; of learners from their own samples the last step stays."""

    def __init__(self, weights: list[nn.Parameter], settings: StepSettings) -> None:
        offline = settings if isinstance(settings, OfflineSettings) else None
        self.weights, self.patience = weights, offline.patience if offline else None
        self.chooses = offline is None or offline.keep == "best"
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
    def put_back(self) -> None:
        """Give the weights their values at the best step, where an evaluation chose one."""
        for weight, kept in zip(self.weights, self._kept, strict=False):
            weight.copy_(kept)

    def state(self) -> dict[str, Any]:
        """The best so far."""
        return {"step": self.step, "loss": self.loss, "since": self.since, "kept": self._kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.step, self.loss, self.since = state["step"], state["loss"], state["since"]
        self._kept = [held_as(kept, weight) for kept, weight in zip(state["kept"], self.weights, strict=False)]
