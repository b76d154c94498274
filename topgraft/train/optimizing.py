"""The optimizer of a stage, and how its rate goes over the steps."""

import math
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from topgraft.algorithms.protocol import StepSettings


def optimizer_of(weights: list[nn.Parameter], settings: StepSettings) -> torch.optim.Optimizer:
    """The optimizer that the settings name."""
    shared: Any = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if any(isinstance(weight, DTensor) for weight in weights):
        shared["foreach"] = False  # which would take those in shares together with whole ones
    if settings.optimizer == "sgd":
        return torch.optim.SGD(weights, momentum=0.9, **shared)
    return torch.optim.AdamW(weights, eps=settings.adam_eps, **shared)


def share_of_rate(settings: StepSettings, step: int, total: int) -> float:
    """The learning rate at `step` (from 0) as a share of its peak."""
    warm = int(settings.warmup * total)
    if step < warm:
        return (step + 1) / (warm + 1)
    gone = (step - warm) / max(1, total - warm)
    if settings.schedule == "linear":
        return 1 - gone
    return 0.5 * (1 + math.cos(math.pi * gone)) if settings.schedule == "cosine" else 1.0
