"""Estimators of KL(pi || pi_ref) from tokens sampled from pi (Schulman 2020, joschu.net/blog/kl-approx.html), and the
control of its weight.

With d = log pi - log pi_ref of the sampled token: k1 = d is unbiased and may be negative, k2 = d^2 / 2 is biased and
>= 0, k3 = exp(-d) - 1 + d is unbiased and >= 0. That is said of their values. Of gradients (Liu et al. 2025, arXiv
2510.01555): k1 in the reward gives that of the KL itself; k2 in the loss gives the same on tokens sampled from pi, d
times that of log pi; k3 in the loss gives 1 - exp(-d) times it, which agrees with d to first order only.
"""

import torch


def k1(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """log pi - log pi_ref."""
    return logprobs - reference_logprobs


def k2(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """Half the square of log pi - log pi_ref."""
    return (logprobs - reference_logprobs).square() / 2


def k3(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """r - 1 - log r with r = pi_ref / pi."""
    log_ratio = reference_logprobs - logprobs
    return torch.expm1(log_ratio) - log_ratio


LOSSES = {"k2": k2, "k3": k3}
"""Estimators that may stand in a loss. (The expected gradient of k1 there is 0.)"""


def next_beta(beta: float, kl: float, *, target: float, horizon: float, responses: int) -> float:
    """The weight of the KL after a rollout of `responses` responses whose KL was `kl`, in the units of `target` > 0.

    beta (1 + e responses / horizon) with e = kl / target - 1, held within 0.2 (Ziegler et al. 2019, arXiv 1909.08593,
    section 2.2). A rollout of more than `horizon` responses counts as one of `horizon`: no sign can turn.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return beta * (1 + error * min(responses / horizon, 1.0))
