"""Bradley-Terry: the probability that one answer is preferred to another is sigmoid(score - other score)."""

import torch
from torch.nn.functional import logsigmoid


def bradley_terry(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(chosen - rejected) per pair; log 2 at equal scores (Ouyang et al. 2022, arXiv 2203.02155, eq. 1)."""
    return -logsigmoid(chosen_B - rejected_B)


def pair_accuracy(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
    """1 where the chosen answer scores higher, 0 where lower, 1/2 for a tie: constant scores give 0.5."""
    return (torch.sign(chosen_B - rejected_B) + 1) / 2
