"""How the next token is chosen: the settings, and pure functions on probabilities."""

import torch
from pydantic import Field

from topgraft.recipe import Settings


class SamplingSettings(Settings):
    """[sampling]: how responses are drawn in training and by `generate`; evaluation is always greedy."""

    temperature: float = Field(1.0, ge=0)
    """Logits are divided by it everywhere (sampling, old, new and reference log-probabilities). 0 = greedy."""
    top_k: int = Field(0, ge=0)
    """Draw from the k likeliest tokens only; 0 = all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that reach this probability together; 1 = all."""
    rows_at_once: int = Field(64, ge=1)
    """Responses decoded side by side."""


def greedy(settings: SamplingSettings) -> SamplingSettings:
    """The same, but always the likeliest token."""
    return settings.model_copy(update={"temperature": 0.0, "top_k": 0, "top_p": 1.0})


def truncate(probabilities_BV: torch.Tensor, settings: SamplingSettings) -> torch.Tensor:
    """Zero what top_k and top_p leave out and scale the rest to sum to 1; the likeliest token always stays."""
    if settings.top_k:
        kth = probabilities_BV.topk(min(settings.top_k, probabilities_BV.shape[1])).values[:, -1:]
        probabilities_BV = torch.where(probabilities_BV >= kth, probabilities_BV, 0)
    if settings.top_p < 1:
        sorted_BV, order_BV = probabilities_BV.sort(descending=True)
        above_BV = sorted_BV.cumsum(-1) - sorted_BV
        sorted_BV = torch.where(above_BV < settings.top_p * sorted_BV.sum(-1, keepdim=True), sorted_BV, 0)
        probabilities_BV = torch.zeros_like(probabilities_BV).scatter(1, order_BV, sorted_BV)
    return probabilities_BV / probabilities_BV.sum(-1, keepdim=True)


def draw(probabilities_BV: torch.Tensor, uniform_B: torch.Tensor) -> torch.Tensor:
    """Inverse-transform sampling: the token in whose stretch of the cumulative distribution `uniform_B` falls."""
    place = probabilities_BV.device
    if place.type == "mps":  # has no float64
        probabilities_BV, uniform_B = probabilities_BV.cpu(), uniform_B.cpu()
    cumulative_BV = probabilities_BV.double().cumsum(-1)
    target_B1 = (uniform_B * cumulative_BV[:, -1])[:, None]
    ids_B = torch.searchsorted(cumulative_BV, target_B1, right=True).squeeze(1)
    return ids_B.clamp(max=probabilities_BV.shape[1] - 1).to(place)
