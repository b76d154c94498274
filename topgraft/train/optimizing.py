"""The optimizer of a stage, and how its rate goes over the steps."""

import math

import torch
from torch import nn

from topgraft.algorithms.protocol import StepSettings


def optimizer_of(weights: list[nn.Parameter], settings: StepSettings) -> torch.optim.Optimizer:
    """The optimizer that the settings name."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(weights, lr=rate, eps=settings.adam_eps, weight_decay=decay)


def share_of_rate(settings: StepSettings, step: int, total: int) -> float:
    """The learning rate at `step` (from 0) as a share of its peak."""
    warm = int(settings.warmup * total)
    if step < warm:
        return (step + 1) / (warm + 1)
    gone = (step - warm) / max(1, total - warm)
    if settings.schedule == "linear":
        return 1 - gone
    return 0.5 * (1 + math.cos(math.pi * gone)) if settings.schedule == "cosine" else 1.0
