"""Losses on pairs. Bradley-Terry: one answer is preferred to another with probability sigmoid(score - other score)."""

import torch
from torch.nn.functional import logsigmoid


def bradley_terry(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(chosen - rejected) per pair; log 2 at equal scores (Ouyang et al. 2022, arXiv 2203.02155, eq. 1)."""
    return -logsigmoid(chosen_B - rejected_B)


def pair_accuracy(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
    """1 where the chosen answer scores higher, 0 where lower, 1/2 for a tie: constant scores give 0.5."""
    return (torch.sign(chosen_B - rejected_B) + 1) / 2


def dpo_loss(chosen_B: torch.Tensor, rejected_B: torch.Tensor, beta: float, *, smoothing: float = 0.0) -> torch.Tensor:
    """-log sigmoid(beta (chosen - rejected)) per pair (Rafailov et al. 2023, arXiv 2305.18290, eq. 7).

    Both are log(policy / reference) of a whole response. With `smoothing` e the label is taken to be wrong with
    probability e: (1 - e) of that loss and e of the one with the pair turned round (Mitchell 2023, "A note on DPO with
    noisy preferences", eq. 3).
    """
    logits_B = beta * (chosen_B - rejected_B)
    return -(1 - smoothing) * logsigmoid(logits_B) - smoothing * logsigmoid(-logits_B)
