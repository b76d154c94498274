"""Token rewards, generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438, eq. 16), and advantages
within groups."""

import torch


def token_rewards(scores_B: torch.Tensor, kl_BT: torch.Tensor, counted_BT: torch.Tensor, beta: float) -> torch.Tensor:
    """The reward of every response token: -beta times its KL estimate, plus the score at the last counted token.

    `kl_BT` holds k1 = log pi - log pi_ref of the sampled token. The score enters exactly once, at the last token that
    is counted (the end token where there is one). Rows without a counted token get no reward.
    """
    rewards_BT = torch.where(counted_BT, -beta * kl_BT, kl_BT.new_zeros(()))
    last_B = last_counted(counted_BT)
    some_B = counted_BT.any(1)
    rows_B = torch.arange(len(scores_B), device=scores_B.device)
    rewards_BT[rows_B[some_B], last_B[some_B]] += scores_B[some_B].to(rewards_BT.dtype)
    return rewards_BT


def last_counted(counted_BT: torch.Tensor) -> torch.Tensor:
    """Index of the last True in each row (0 where there is none)."""
    places_T = torch.arange(counted_BT.shape[1], device=counted_BT.device)
    return (places_T * counted_BT).amax(1)


def gae(
    rewards_BT: torch.Tensor,
    values_BT: torch.Tensor,
    counted_BT: torch.Tensor,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Advantages and returns, both 0 where not counted.

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lambda A_{t+1}; after the last counted token V is 0
    (the response is over). `values_BT[t]` is the value of the state in which token t was chosen. returns = A + V, from
    advantages that are not whitened.
    """
    zero_B = torch.zeros_like(rewards_BT[:, 0])
    advantage_B, next_value_B = zero_B, zero_B
    columns = []
    for t in range(rewards_BT.shape[1] - 1, -1, -1):
        counted_B = counted_BT[:, t]
        delta_B = rewards_BT[:, t] + gamma * next_value_B - values_BT[:, t]
        advantage_B = torch.where(counted_B, delta_B + gamma * lam * advantage_B, zero_B)
        next_value_B = torch.where(counted_B, values_BT[:, t], zero_B)
        columns.append(advantage_B)
    advantages_BT = torch.stack(columns[::-1], dim=1)
    returns_BT = torch.where(counted_BT, advantages_BT + values_BT, values_BT.new_zeros(()))
    return advantages_BT, returns_BT


def group_advantages(scores_GS: torch.Tensor, *, scale: bool = True) -> torch.Tensor:
    """Scores of S responses to each prompt, less their mean; with `scale`, over their standard deviation (biased) plus
    1e-4 (Shao et al. 2024, arXiv 2402.03300, section 4.1.2). A group of equal scores gets 0."""
    centred_GS = scores_GS - scores_GS.mean(1, keepdim=True)
    if not scale:
        return centred_GS
    return centred_GS / (scores_GS.std(1, correction=0, keepdim=True) + 1e-4)


def leave_one_out(scores_GS: torch.Tensor) -> torch.Tensor:
    """Scores of S >= 2 responses to each prompt, each less the mean of the others (Kool et al. 2019; Ahmadian et al.
    2024, arXiv 2402.14740, eq. 8)."""
    return group_advantages(scores_GS, scale=False) * scores_GS.shape[1] / (scores_GS.shape[1] - 1)
