"""Log-probabilities through a plain output matrix, a tile of the vocabulary at a time.

For logits z = W s of scaled states s = state / temperature, all that is read of the softmax p comes from its mean
m = p W [R, H] and the log-sum-exp: d log p(id) / ds = W[id] - m, and the entropy = log-sum-exp - s . m. Where the
entropy learns, its own slope -Cov_p(z, W) = -(E_p[(z - c) W] - E_p[z - c] m), the same for any c, takes a third sum.
All build up tile by tile with a running maximum (Milakov & Gimelshein 2018, arXiv 1805.02867, alg. 3), which is c as
well; so no logits outlive their tile, and on a CPU a tile never leaves the cache.
"""

from typing import Any

import torch

from topgraft.model.products import add_product, product

ROWS, COLUMNS = 1024, 1024
"""Positions and words in a tile. 1,024 positions with 32,000 words of width 512 on two CPU cores: 0.37 s by chunks of
whole rows, 0.27 at tiles of 256 x 2,048, 0.23 at 512 x 512 to 512 x 4,096 (the two untiled products alone: 0.27)."""


def read_tiled(
    states_RH: torch.Tensor,
    ids_R: torch.Tensor,
    matrix_VH: torch.Tensor,
    *,
    temperature: float,
    entropy: bool,
    entropy_learns: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """log-softmax(states matrix^T / temperature) at `ids_R` [R], and the entropies [R] where asked (differentiable with
    `entropy_learns` only). `matrix_VH` must not learn: gradients go to `states_RH` alone.
    """
    learned = entropy and entropy_learns
    logprobs_R, entropy_R = _Tiled.apply(states_RH, ids_R, matrix_VH, temperature, entropy, learned)
    return logprobs_R, entropy_R if entropy else None


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states_RH: torch.Tensor,
        ids_R: torch.Tensor,
        matrix_VH: torch.Tensor,
        temperature: float,
        entropy: bool,
        entropy_learns: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        learns = ctx.needs_input_grad[0]
        ctx.temperature = temperature
        logprobs, entropies, slopes, entropy_slopes = [], [], [], []
        for part_CH, ids_C in zip(states_RH.split(ROWS), ids_R.split(ROWS), strict=True):
            scaled_CH = part_CH / temperature if temperature != 1 else part_CH
            whole_C, mean_CH, covariance_CH = softmax_moments(
                scaled_CH, matrix_VH, mean=learns or entropy, covariance=learns and entropy_learns
            )
            chosen_CH = matrix_VH[ids_C]
            logprobs.append(torch.linalg.vecdot(scaled_CH, chosen_CH) - whole_C)
            if entropy:
                entropies.append(whole_C - torch.linalg.vecdot(scaled_CH, mean_CH))
            if learns:
                slopes.append(chosen_CH - mean_CH)
            if covariance_CH is not None:
                entropy_slopes.append(covariance_CH.neg_())
        if learns:
            ctx.save_for_backward(*(torch.cat(parts) for parts in (slopes, entropy_slopes) if parts))
        entropy_R = torch.cat(entropies or logprobs)
        if not entropy_learns:
            ctx.mark_non_differentiable(entropy_R)
        return torch.cat(logprobs), entropy_R

    @staticmethod
    def backward(ctx: Any, grad_R: torch.Tensor, entropy_grad_R: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        slopes_RH, *entropy_slopes = ctx.saved_tensors
        found_RH = (grad_R / ctx.temperature)[:, None] * slopes_RH
        for slopes_RH in entropy_slopes:  # one, where the entropy learns
            found_RH.addcmul_((entropy_grad_R / ctx.temperature)[:, None], slopes_RH)
        return found_RH, None, None, None, None, None


def softmax_moments(
    states_CH: torch.Tensor, matrix_VH: torch.Tensor, *, mean: bool, covariance: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Of the logits states matrix^T and their softmax p: the log-sum-exp [C], the mean p matrix [C, H] (zeros unless
    `mean`), and the covariance of the logits and the matrix's rows under p [C, H] (None unless `covariance`, which
    needs `mean`)."""
    # Finite, so that the first tile's drop from it, times sums that are still 0, is 0.
    highest_C1 = states_CH.new_full((len(states_CH), 1), torch.finfo(states_CH.dtype).min)
    total_C1 = torch.zeros_like(highest_C1)
    mean_CH = torch.zeros_like(states_CH)
    below_C1 = torch.zeros_like(total_C1)  # sum of (logit - maximum) times its share
    moment_CH = torch.zeros_like(mean_CH) if covariance else None  # the same, times the matrix's row
    for tile_WH in matrix_VH.split(COLUMNS):
        scores_CW = product(states_CH, tile_WH)
        new_C1 = torch.maximum(highest_C1, scores_CW.amax(1, keepdim=True))
        drop_C1 = highest_C1 - new_C1
        shrink_C1 = drop_C1.exp()
        scores_CW.sub_(new_C1)
        if moment_CH is None:
            share_CW = scores_CW.exp_()
        else:
            share_CW = scores_CW.exp()
            scores_CW.mul_(share_CW)
            below_C1.addcmul_(drop_C1, total_C1).mul_(shrink_C1).add_(scores_CW.sum(1, keepdim=True))
            moment_CH.addcmul_(drop_C1, mean_CH).mul_(shrink_C1)
            moment_CH = add_product(moment_CH, scores_CW, tile_WH.t())
        total_C1.mul_(shrink_C1).add_(share_CW.sum(1, keepdim=True))
        if mean:
            mean_CH = add_product(mean_CH.mul_(shrink_C1), share_CW, tile_WH.t())
        highest_C1 = new_C1
    mean_CH = mean_CH / total_C1
    if moment_CH is not None:
        moment_CH = (moment_CH - below_C1 * mean_CH) / total_C1
    return (highest_C1 + total_C1.log()).squeeze(1), mean_CH, moment_CH
