"""Losses on preferred and rejected answers, answer by answer or pair by pair, not yet averaged.

Bradley-Terry: one answer is preferred to another with probability sigmoid(score - other score). A pair's strength says
how clear the preference is; at strength 0 the pair is a tie, and neither answer is preferred.
"""

import torch
from torch.nn.functional import logsigmoid


def bradley_terry(
    chosen_B: torch.Tensor, rejected_B: torch.Tensor, strength_B: torch.Tensor, margin: float
) -> torch.Tensor:
    """-log sigmoid(chosen - rejected - strength margin) per pair (Ouyang et al. 2022, arXiv 2203.02155, eq. 1; with a
    margin Touvron et al. 2023, arXiv 2307.09288, eq. 2); log 2 where the difference is the margin.

    A tie is preferred either way with probability 1/2: the mean of both directions' losses, log 2 at equal scores.
    """
    difference_B = chosen_B - rejected_B
    either_B = -(logsigmoid(difference_B) + logsigmoid(-difference_B)) / 2
    return torch.where(strength_B == 0, either_B, -logsigmoid(difference_B - margin * strength_B))


def margin_ranking(
    chosen_B: torch.Tensor, rejected_B: torch.Tensor, strength_B: torch.Tensor, margin: float
) -> torch.Tensor:
    """max(0, strength margin - (chosen - rejected)) per pair, the hinge of large-margin ranking (Herbrich, Graepel and
    Obermayer 2000, "Large margin rank boundaries for ordinal regression"). A tie: |chosen - rejected|."""
    difference_B = chosen_B - rejected_B
    return torch.where(strength_B == 0, difference_B.abs(), torch.relu(margin * strength_B - difference_B))


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


def ipo_loss(chosen_B: torch.Tensor, rejected_B: torch.Tensor, beta: float) -> torch.Tensor:
    """(chosen - rejected - 1 / (2 beta))^2 per pair (Azar et al. 2023, arXiv 2310.12036, eq. 17, with tau = beta).

    Both are log(policy / reference) of a whole response. The margin is drawn to a finite value instead of growing.
    """
    return (chosen_B - rejected_B - 1 / (2 * beta)).square()


def odds_ratio_loss(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(log odds(chosen) - log odds(rejected)) per pair (Hong et al. 2024, arXiv 2403.07691, eq. 4 and 7).

    Both are mean log-probabilities of a response's tokens, below 0; odds(p) = p / (1 - p).
    """
    return -logsigmoid(log_odds(chosen_B) - log_odds(rejected_B))


def log_odds(logprobs: torch.Tensor) -> torch.Tensor:
    """log(p / (1 - p)) from log p; p is held below 1 by the smallest step that its dtype knows."""
    held = logprobs.clamp(max=-torch.finfo(logprobs.dtype).eps)
    return held - torch.log(-torch.expm1(held))


def kto_loss(
    ratio_B: torch.Tensor, desirable_B: torch.Tensor, point: torch.Tensor, beta: float, weights: tuple[float, float]
) -> torch.Tensor:
    """weight - value per answer (Ethayarajh et al. 2024, arXiv 2402.01306, eq. 8): the value of a desirable answer is
    weight sigmoid(beta (ratio - point)), of an undesirable one weight sigmoid(beta (point - ratio)).

    `ratio_B` is log(policy / reference) of a whole response, `point` the reference point z_0, through which no gradient
    flows; `weights` are those of desirable and of undesirable answers.
    """
    sign_B = torch.where(desirable_B, 1.0, -1.0).to(ratio_B.dtype)
    weight_B = torch.where(desirable_B, *weights).to(ratio_B.dtype)
    return weight_B * (1 - torch.sigmoid(beta * sign_B * (ratio_B - point.detach())))
