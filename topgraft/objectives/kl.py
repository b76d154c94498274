"""Estimators of KL(pi || pi_ref) from tokens sampled from pi (Schulman 2020, joschu.net/blog/kl-approx.html).

With d = log pi - log pi_ref of the sampled token: k1 = d is unbiased and may be negative, k2 = d^2 / 2 is biased and
>= 0, k3 = exp(-d) - 1 + d is unbiased and >= 0. topgraft penalises with k1 in the reward and watches k3.
"""

import torch


def k1(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """log pi - log pi_ref."""
    return logprobs - reference_logprobs


def k3(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """r - 1 - log r with r = pi_ref / pi."""
    log_ratio = reference_logprobs - logprobs
    return torch.expm1(log_ratio) - log_ratio
