"""PPO's clipped losses (Schulman et al. 2017, arXiv 1707.06347, eq. 7 and 9), token by token, not yet averaged."""

import torch


def policy_loss(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, advantages: torch.Tensor, clip: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """max(-A ratio, -A clip(ratio, 1 - clip, 1 + clip)) per token; also the ratio, and where clipping acted."""
    ratio = torch.exp(logprobs - old_logprobs)
    free = -advantages * ratio
    held = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return torch.maximum(free, held), ratio, held > free


def value_loss(values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, clip: float) -> torch.Tensor:
    """0.5 max((V - R)^2, (V_clipped - R)^2) per token, V_clipped within `clip` of the old value."""
    held = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns).square(), (held - returns).square())
