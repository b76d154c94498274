"""Law: the score enters once, at the last counted token; GAE is the sum of the paper, bootstrap 0, padding-blind."""

import pytest
import torch
from torch.testing import assert_close

from topgraft.objectives.advantages import gae, group_advantages, last_counted, leave_one_out, token_rewards

DOUBLE = torch.float64


def mask(*rows: str) -> torch.Tensor:
    """ "xx." -> two counted tokens, then one that is not."""
    return torch.tensor([[char == "x" for char in row] for row in rows])


def random_case(rows: int = 6, width: int = 9):
    generator = torch.Generator().manual_seed(5)
    rewards, values = (torch.randn(rows, width, generator=generator, dtype=DOUBLE) for _ in range(2))
    first = torch.randint(0, 4, (rows, 1), generator=generator)
    last = torch.randint(4, width, (rows, 1), generator=generator)
    places = torch.arange(width)
    return rewards, values, (places >= first) & (places <= last)


def by_definition(rewards, values, counted, gamma: float, lam: float):
    """A_t = sum_l (gamma lam)^l delta_{t+l}, row by row, straight from the definition."""
    advantages = torch.zeros_like(rewards)
    for row in range(rewards.shape[0]):
        places = [t for t in range(rewards.shape[1]) if counted[row, t]]
        for start, t in enumerate(places):
            total = 0.0
            for power, s in enumerate(places[start:]):
                is_last = s == places[-1]
                following = 0.0 if is_last else float(values[row, s + 1])
                delta = float(rewards[row, s]) + gamma * following - float(values[row, s])
                total += (gamma * lam) ** power * delta
            advantages[row, t] = total
    return advantages, torch.where(counted, advantages + values, 0.0)


@pytest.mark.parametrize("tail", [0, 2])
def test_gae_of_three_tokens_by_hand(tail: int):
    # gamma 0.9, lambda 0.5, r = 1 0 2, V = 0.5 1 -1: deltas 1.4, -1.9, 3; A = 1.4 - 0.45 * 0.55, -1.9 + 0.45 * 3, 3
    rewards = torch.tensor([[1.0, 0.0, 2.0] + [9.0] * tail], dtype=DOUBLE)
    values = torch.tensor([[0.5, 1.0, -1.0] + [7.0] * tail], dtype=DOUBLE)
    advantages, returns = gae(rewards, values, mask("xxx" + "." * tail), gamma=0.9, lam=0.5)
    assert_close(advantages, torch.tensor([[1.1525, -0.55, 3.0] + [0.0] * tail], dtype=DOUBLE))
    assert_close(returns, torch.tensor([[1.6525, 0.45, 2.0] + [0.0] * tail], dtype=DOUBLE))


def test_gae_defaults_to_gamma_1_and_lambda_0_95():
    rewards, values, counted = random_case()
    assert_close(gae(rewards, values, counted), gae(rewards, values, counted, gamma=1.0, lam=0.95))


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.5), (1.0, 0.0), (0.8, 1.0)])
def test_gae_agrees_with_its_definition(gamma: float, lam: float):
    rewards, values, counted = random_case()
    expected = by_definition(rewards, values, counted, gamma, lam)
    assert_close(gae(rewards, values, counted, gamma=gamma, lam=lam), expected)


def test_nothing_follows_the_last_token():
    # lambda 0: the advantage of the last token is its reward minus its value, whatever stands in the padding
    rewards = torch.tensor([[0.0, 3.0, 100.0]])
    values = torch.tensor([[0.0, 1.0, 100.0]])
    advantages, _ = gae(rewards, values, mask("xx."), lam=0.0)
    assert_close(advantages, torch.tensor([[1.0, 2.0, 0.0]]))


def test_with_gamma_and_lambda_1_every_return_is_the_sum_of_the_rewards_to_come():
    rewards, values, counted = random_case()
    _, returns = gae(rewards, values, counted, gamma=1.0, lam=1.0)
    to_come = torch.where(counted, rewards, 0.0).flip(1).cumsum(1).flip(1)
    assert_close(returns, torch.where(counted, to_come, 0.0))


def test_perfect_values_leave_no_advantage():
    rewards, _, counted = random_case()
    values = torch.where(counted, rewards, 0.0).flip(1).cumsum(1).flip(1)
    advantages, _ = gae(rewards, values, counted)
    assert_close(advantages, torch.zeros_like(advantages), atol=1e-12, rtol=0)


def test_padding_of_any_kind_on_either_side_changes_no_advantage():
    rewards, values, counted = random_case()
    junk = torch.full((6, 3), float("nan"), dtype=DOUBLE)
    none = torch.zeros(6, 3, dtype=torch.bool)
    wide = [torch.cat([pad, tensor, pad], 1) for tensor, pad in ((rewards, junk), (values, junk), (counted, none))]
    padded = gae(*wide)
    for found, expected in zip(padded, gae(rewards, values, counted), strict=True):
        assert_close(found[:, 3:-3], expected)
        assert_close(found[:, :3], torch.zeros(6, 3, dtype=DOUBLE))
        assert_close(found[:, -3:], torch.zeros(6, 3, dtype=DOUBLE))


def test_rows_do_not_see_each_other():
    rewards, values, counted = random_case()
    together, _ = gae(rewards, values, counted)
    for row in range(6):
        one = slice(row, row + 1)
        assert_close(gae(rewards[one], values[one], counted[one])[0], together[one])


def test_token_rewards_by_hand_score_the_last_counted_token_and_pay_for_positive_k1():
    kl = torch.tensor([[9.0, 0.5, -0.25, 9.0], [0.5, 1.0, 0.0, 2.0]])
    scores = torch.tensor([3.0, -1.0])
    found = token_rewards(scores, kl, mask(".xx.", ".xxx"), beta=0.2)
    assert_close(found, torch.tensor([[0.0, -0.1, 3.05, 0.0], [0.0, -0.2, 0.0, -1.4]]))


def test_the_score_enters_exactly_once():
    _, kl, counted = random_case()
    scores = torch.arange(1.0, 7.0, dtype=DOUBLE)
    without = token_rewards(torch.zeros_like(scores), kl, counted, beta=0.3)
    gained = token_rewards(scores, kl, counted, beta=0.3) - without
    assert_close(gained.sum(1), scores)
    assert ((gained != 0).sum(1) == 1).all()
    assert_close(gained[torch.arange(6), last_counted(counted)], scores)


def test_a_row_with_no_counted_token_gets_no_reward():
    found = token_rewards(torch.tensor([5.0, 5.0]), torch.ones(2, 3), mask("...", "x.."), beta=1.0)
    assert_close(found, torch.tensor([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]))


def test_nan_in_the_padding_of_the_kl_does_not_reach_the_rewards():
    kl = torch.tensor([[float("nan"), 0.5, float("nan")]])
    assert_close(token_rewards(torch.tensor([1.0]), kl, mask(".x."), beta=1.0), torch.tensor([[0.0, 0.5, 0.0]]))


def test_token_rewards_leave_their_inputs_as_they_were():
    kl, scores = torch.ones(1, 2), torch.tensor([4.0])
    token_rewards(scores, kl, mask("xx"), beta=0.5)
    assert_close(kl, torch.ones(1, 2))
    assert_close(scores, torch.tensor([4.0]))


def test_last_counted_is_the_place_of_the_last_true():
    assert last_counted(mask("x..x.", "..x..", "xxxxx")).tolist() == [3, 2, 4]


def test_group_advantages_by_hand():
    scores = torch.tensor([[1.0, 3.0], [5.0, 5.0], [0.0, -4.0]])
    assert group_advantages(scores, scale=False).tolist() == [[-1, 1], [0, 0], [2, -2]]
    expected = torch.tensor([[-1 / 1.0001, 1 / 1.0001], [0, 0], [2 / 2.0001, -2 / 2.0001]])
    assert_close(group_advantages(scores), expected)


def test_leave_one_out_by_hand():
    scores = torch.tensor([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]])
    assert leave_one_out(scores).tolist() == [[-3.0, -1.5, 4.5], [0.0, 0.0, 0.0]]
    assert leave_one_out(torch.tensor([[1.0, 4.0]])).tolist() == [[-3.0, 3.0]]
