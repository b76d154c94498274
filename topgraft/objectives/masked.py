"""Means, variances and whitening over the counted entries of a mask.

Every sum takes its denominator as an argument: cutting a minibatch into micro-batches then cannot change a result.
"""

import torch


def masked_sum(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Sum of `values` where `counted` is True; what is not counted may be anything, NaN included."""
    return torch.where(counted, values, values.new_zeros(())).sum()


def masked_mean(values: torch.Tensor, counted: torch.Tensor, count: torch.Tensor | float | None = None) -> torch.Tensor:
    """Sum over the counted entries divided by `count` (default: how many there are; 0 entries give 0)."""
    number = counted.sum().clamp(min=1) if count is None else count
    return masked_sum(values, counted) / number


def masked_variance(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Biased variance (divided by n) over the counted entries."""
    return masked_mean((values - masked_mean(values, counted)).square(), counted)


def whiten(values: torch.Tensor, counted: torch.Tensor, *, keep_mean: bool = False) -> torch.Tensor:
    """Scale the counted entries to variance 1 and shift them to mean 0 (or to their old mean with `keep_mean`).

    Biased variance, 1e-8 inside the root, as in the code of Ziegler et al. (2019). Entries not counted become 0.
    """
    mean = masked_mean(values, counted)
    white = (values - mean) * torch.rsqrt(masked_variance(values, counted) + 1e-8)
    if keep_mean:
        white = white + mean
    return torch.where(counted, white, white.new_zeros(()))


def spread(packed_R: torch.Tensor, counted_BT: torch.Tensor) -> torch.Tensor:
    """Packed values of the counted tokens -> [B, T], 0 elsewhere."""
    out_BT = packed_R.new_zeros(counted_BT.shape)
    out_BT[counted_BT] = packed_R
    return out_BT


def explained_variance(values_BT: torch.Tensor, returns_BT: torch.Tensor, counted_BT: torch.Tensor) -> float:
    """1 - Var(returns - values) / Var(returns) over counted tokens; 0 where the returns do not vary."""
    variance = masked_variance(returns_BT, counted_BT)
    if variance == 0:
        return 0.0
    return (1 - masked_variance(returns_BT - values_BT, counted_BT) / variance).item()
