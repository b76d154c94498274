"""Log-probabilities from final hidden states through any frozen output head, a chunk of positions at a time.

With a frozen head, d log p(token) / d hidden depends on that position alone. It is taken while the chunk's logits are
there, and [R, H] is kept for the backward pass instead of [R, V]; likewise of an entropy that learns. The chunk
passes the library's own head, so that bias, soft-cap and scale are part of it; no formula of them is written here.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from topgraft.model.split import FULL

CHUNK_BYTES = 32 * 2**20
"""Of fp32 logits at a time. Too small and the matrix products are slow, too large and every pass goes to memory: a PPO
epoch with 32,000 words on two CPU cores took 1.65 s at 2 MiB, 1.25 at 8, 1.14 at 32 and 1.28 at 64."""

Head = Callable[[torch.Tensor], torch.Tensor]
"""[R, H] -> logits [R, V], fp32 at least."""


def read_logprobs(
    head: Head,
    states_RH: torch.Tensor,
    ids_R: torch.Tensor,
    *,
    vocabulary: int,
    temperature: float,
    entropy: bool,
    entropy_learns: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """log-softmax(head(states) / temperature) at `ids_R` [R], and the entropies [R] where asked (differentiable with
    `entropy_learns` only).

    `head` must not learn: gradients go to `states_RH` alone.
    """
    rows = max(1, CHUNK_BYTES // (4 * vocabulary))
    learned = entropy and entropy_learns
    logprobs_R, entropy_R = _Read.apply(states_RH, ids_R, head, temperature, entropy, learned, rows)
    return logprobs_R, entropy_R if entropy else None


@torch.no_grad()
def is_plain(model: PreTrainedModel, head: Head) -> bool:
    """Whether the head is its output matrix [V, H] and nothing else, found by trying it: not where there is a bias, a
    soft-cap or a scale, and not in half precision, where the library rounds its logits."""
    matrix_VH = getattr(model.get_output_embeddings(), "weight", None)
    if matrix_VH is None or matrix_VH.dtype not in FULL:
        return False
    generator = torch.Generator().manual_seed(0)
    states_RH = 10 * torch.randn(4, matrix_VH.shape[1], generator=generator).to(matrix_VH)
    theirs_RV, ours_RV = head(states_RH), states_RH @ matrix_VH.T
    return torch.allclose(theirs_RV, ours_RV, rtol=1e-5, atol=1e-5 * float(ours_RV.abs().max()))


def read_learning(
    head: Head,
    states_RH: torch.Tensor,
    ids_R: torch.Tensor,
    *,
    temperature: float,
    entropy: bool,
    entropy_learns: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The same through a head that learns: PyTorch differentiates it, and keeps the logits [R, V] to do so."""
    scaled_RV = head(states_RH) / temperature if temperature != 1 else head(states_RH)
    whole_R1 = scaled_RV.logsumexp(-1, keepdim=True)
    logprobs_R = (scaled_RV.gather(1, ids_R[:, None]) - whole_R1).squeeze(1)
    if not entropy:
        return logprobs_R, None
    with torch.set_grad_enabled(entropy_learns and torch.is_grad_enabled()):
        share_RV = (scaled_RV - whole_R1).exp_()
        return logprobs_R, whole_R1.squeeze(1) - torch.linalg.vecdot(share_RV, scaled_RV)


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states_RH: torch.Tensor,
        ids_R: torch.Tensor,
        head: Head,
        temperature: float,
        entropy: bool,
        entropy_learns: bool,
        rows: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        learns = ctx.needs_input_grad[0]
        logprobs, entropies, slopes, entropy_slopes = [], [], [], []
        for states_CH, ids_C1 in zip(states_RH.split(rows), ids_R[:, None].split(rows), strict=True):
            with torch.set_grad_enabled(learns):
                part_CH = states_CH.detach().requires_grad_(learns)
                logits_CV = head(part_CH)
            scaled_CV = logits_CV.detach() / temperature if temperature != 1 else logits_CV.detach()
            whole_C1 = scaled_CV.logsumexp(-1, keepdim=True)
            logprobs.append((scaled_CV.gather(1, ids_C1) - whole_C1).squeeze(1))
            if not (learns or entropy):
                continue
            share_CV = (scaled_CV - whole_C1).exp_()  # the softmax p
            if entropy:  # -sum p log p = log-sum-exp - p . logits
                entropies.append(whole_C1.squeeze(1) - torch.linalg.vecdot(share_CV, scaled_CV))
            # Slopes at the logits, times 1 / temperature; the head's own backward does the rest.
            if learns and entropy_learns:  # of the entropy H: -p (log p + H)
                slope_CV = (whole_C1 - entropies[-1][:, None] - scaled_CV).mul_(share_CV).div_(temperature)
                entropy_slopes += torch.autograd.grad(logits_CV, part_CH, slope_CV, retain_graph=True)
            if learns:  # of log p(id): one-hot(id) - p
                slope_CV = share_CV.neg_().scatter_add_(1, ids_C1, torch.ones_like(whole_C1)).div_(temperature)
                slopes += torch.autograd.grad(logits_CV, part_CH, slope_CV)
        if learns:
            ctx.save_for_backward(*(torch.cat(parts) for parts in (slopes, entropy_slopes) if parts))
        entropy_R = torch.cat(entropies or logprobs)
        if not entropy_learns:
            ctx.mark_non_differentiable(entropy_R)
        return torch.cat(logprobs), entropy_R

    @staticmethod
    def backward(ctx: Any, grad_R: torch.Tensor, entropy_grad_R: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        slopes_RH, *entropy_slopes = ctx.saved_tensors
        found_RH = grad_R[:, None].to(slopes_RH.dtype) * slopes_RH
        for slopes_RH in entropy_slopes:  # one, where the entropy learns
            found_RH.addcmul_(entropy_grad_R[:, None].to(slopes_RH.dtype), slopes_RH)
        return found_RH, None, None, None, None, None, None
