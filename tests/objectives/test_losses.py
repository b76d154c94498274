"""Law: PPO's clipped losses and the losses on pairs are the papers' formulas, token by token."""

import math

import pytest
import torch
from torch.testing import assert_close

from topgraft.objectives.clipped import policy_loss, value_loss
from topgraft.objectives.preference import (
    bradley_terry,
    dpo_loss,
    ipo_loss,
    kto_loss,
    log_odds,
    margin_ranking,
    odds_ratio_loss,
    pair_accuracy,
)

DOUBLE = torch.float64
PLAIN = torch.ones(()), 0.0
"""Strength and margin of pairs whose margin is 0."""


def randoms(count: int, size: int = 64, seed: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(size, generator=generator, dtype=DOUBLE) for _ in range(count)]


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "clipped"),
    [
        (1.0, 2.0, -2.0, False),
        (1.5, 2.0, -2.4, True),  # a good token already likelier by half: no more than 1.2 is paid
        (0.5, 2.0, -1.0, False),
        (1.5, -2.0, 3.0, False),
        (0.5, -2.0, 1.6, True),
        (1.1, 1.0, -1.1, False),
        (1.5, 0.0, 0.0, False),
    ],
)
def test_policy_loss_of_one_token_by_hand(ratio: float, advantage: float, loss: float, clipped: bool):
    old = torch.tensor([-1.0], dtype=DOUBLE)
    found, ratios, acted = policy_loss(old + math.log(ratio), old, torch.tensor([advantage], dtype=DOUBLE), 0.2)
    assert_close(found, torch.tensor([loss], dtype=DOUBLE))
    assert_close(ratios, torch.tensor([ratio], dtype=DOUBLE))
    assert acted.tolist() == [clipped]


def test_policy_loss_agrees_with_a_plain_loop():
    new, old, advantages = randoms(3)
    expected = []
    for n, o, a in zip(new.tolist(), old.tolist(), advantages.tolist(), strict=True):
        ratio = math.exp(n - o)
        expected.append(-min(ratio * a, min(max(ratio, 0.7), 1.3) * a))
    assert_close(policy_loss(new, old, advantages, 0.3)[0], torch.tensor(expected, dtype=DOUBLE))


def test_at_ratio_1_the_gradient_of_the_policy_loss_is_minus_the_advantage():
    old, advantages = randoms(2)
    new = old.clone().requires_grad_()
    policy_loss(new, old, advantages, 0.2)[0].sum().backward()
    assert_close(new.grad, -advantages)


def test_a_clipped_token_gets_no_gradient():
    new = torch.tensor([1.0, -1.0], requires_grad=True)
    loss, _, clipped = policy_loss(new, torch.zeros(2), torch.tensor([1.0, -1.0]), 0.2)
    loss.sum().backward()
    assert clipped.all()
    assert_close(new.grad, torch.zeros(2))


@pytest.mark.parametrize(
    ("value", "old", "target", "loss"),
    [
        (1.0, 1.0, 3.0, 2.0),
        (2.0, 1.0, 3.0, 1.62),  # moved by 1, held at 1.2: the larger error, 1.8^2 / 2
        (1.1, 1.0, 3.0, 1.805),
        (0.0, 1.0, 3.0, 4.5),  # moved away: the free error is the larger
        (-1.0, 0.0, -3.0, 3.92),
    ],
)
def test_value_loss_of_one_token_by_hand(value: float, old: float, target: float, loss: float):
    found = value_loss(*(torch.tensor([x], dtype=DOUBLE) for x in (value, old, target)), 0.2)
    assert_close(found, torch.tensor([loss], dtype=DOUBLE))


def test_value_loss_agrees_with_a_plain_loop():
    values, old, returns = randoms(3)
    expected = []
    for v, o, r in zip(values.tolist(), old.tolist(), returns.tolist(), strict=True):
        held = min(max(v, o - 0.2), o + 0.2)
        expected.append(0.5 * max((v - r) ** 2, (held - r) ** 2))
    assert_close(value_loss(values, old, returns, 0.2), torch.tensor(expected, dtype=DOUBLE))


def test_value_loss_does_not_change_when_values_and_returns_shift_together():
    values, old, returns = randoms(3)
    assert_close(value_loss(values + 5, old + 5, returns + 5, 0.2), value_loss(values, old, returns, 0.2))


def test_bradley_terry_is_log_2_at_equal_scores():
    scores = torch.tensor([0.0, -4.0, 1000.0], dtype=DOUBLE)
    assert_close(bradley_terry(scores, scores, *PLAIN), torch.full((3,), math.log(2), dtype=DOUBLE))


def test_bradley_terry_agrees_with_the_logistic_formula_and_sees_differences_only():
    chosen, rejected = randoms(2)
    pairs = zip(chosen.tolist(), rejected.tolist(), strict=True)
    expected = torch.tensor([math.log(1 + math.exp(r - c)) for c, r in pairs], dtype=DOUBLE)
    assert_close(bradley_terry(chosen, rejected, *PLAIN), expected)
    assert_close(bradley_terry(chosen + 9, rejected + 9, *PLAIN), expected)


def test_bradley_terry_of_a_hopeless_pair_is_finite():
    assert_close(bradley_terry(torch.tensor([-500.0]), torch.tensor([500.0]), *PLAIN), torch.tensor([1000.0]))


def test_bradley_terry_with_a_margin_by_hand():
    # differences 3, 0, 2 under margins 1.5 x 2, 1.5 x 1, 1.5 x 0 (a tie)
    chosen, rejected = torch.tensor([3.0, 1.0, 2.0], dtype=DOUBLE), torch.tensor([0.0, 1.0, 0.0], dtype=DOUBLE)
    found = bradley_terry(chosen, rejected, torch.tensor([2.0, 1.0, 0.0]), 1.5)
    tie = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2
    assert_close(found, torch.tensor([math.log(2), math.log(1 + math.exp(1.5)), tie], dtype=DOUBLE))


def test_margin_ranking_by_hand():
    # differences 3, 1.5, 0, -1 under margins 1, 2, 2, 4, then ties whose scores differ by 2 and by -2
    chosen = torch.tensor([3.0, 2.0, 1.0, 0.0, 2.0, 0.0])
    rejected = torch.tensor([0.0, 0.5, 1.0, 1.0, 0.0, 2.0])
    found = margin_ranking(chosen, rejected, torch.tensor([0.5, 1.0, 1.0, 2.0, 0.0, 0.0]), 2.0)
    assert found.tolist() == [0.0, 0.5, 2.0, 5.0, 2.0, 2.0]


@pytest.mark.parametrize("loss", [bradley_terry, margin_ranking])
def test_losses_on_pairs_agree_with_plain_loops(loss):
    chosen, rejected = randoms(2)
    strength = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=DOUBLE).repeat(16)
    expected = []
    for c, r, s in zip(chosen.tolist(), rejected.tolist(), strength.tolist(), strict=True):
        if loss is margin_ranking:
            expected.append(max(0, s * 0.7 - (c - r)) if s else abs(c - r))
        else:
            order, turned = (1 / (1 + math.exp(-sign * (c - r) + s * 0.7)) for sign in (1, -1))
            expected.append(-math.log(order) if s else -math.log(order * turned) / 2)
    assert_close(loss(chosen, rejected, strength, 0.7), torch.tensor(expected, dtype=DOUBLE))


@pytest.mark.parametrize("loss", [bradley_terry, margin_ranking])
def test_a_tie_draws_its_scores_together_whichever_answer_comes_first(loss):
    tie = torch.zeros(2)
    chosen, rejected = (torch.tensor(scores, requires_grad=True) for scores in ([2.0, -1.0], [-1.0, 2.0]))
    found = loss(chosen, rejected, tie, 1.0)
    assert_close(found, loss(rejected, chosen, tie, 1.0), atol=0, rtol=0)
    found.sum().backward()
    # of (log(1 + e^-d) + log(1 + e^d)) / 2 by d: sigmoid(d) - 1/2; of |d|: its sign
    slope = 1 / (1 + math.exp(-3)) - 0.5 if loss is bradley_terry else 1.0
    assert_close(chosen.grad, torch.tensor([slope, -slope]))
    assert_close(rejected.grad, torch.tensor([-slope, slope]))


def test_no_gradient_of_an_unused_branch_is_infinite():
    chosen = torch.tensor([500.0, -500.0, 500.0], requires_grad=True)
    bradley_terry(chosen, torch.zeros(3), torch.tensor([1.0, 1.0, 0.0]), 1.0).sum().backward()
    assert_close(chosen.grad, torch.tensor([0.0, -1.0, 0.5]))


def test_ties_count_one_half():
    found = pair_accuracy(torch.tensor([2.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 5.0]))
    assert_close(found, torch.tensor([1.0, 0.5, 0.0]))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_micro_batches_of_pairs_add_up_to_the_whole_gradient(size: int):
    chosen, rejected = randoms(2, size=8)
    whole, parts = chosen.clone().requires_grad_(), chosen.clone().requires_grad_()
    (bradley_terry(whole, rejected, *PLAIN).sum() / 8).backward()
    for index in torch.arange(8).split(size):
        (bradley_terry(parts[index], rejected[index], *PLAIN).sum() / 8).backward()
    assert_close(parts.grad, whole.grad)


def test_dpo_by_hand():
    chosen, rejected = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([0.0, -1.0, 1.0])
    expected = [math.log(1 + math.exp(-0.5 * margin)) for margin in (0, 3, -2)]
    assert_close(dpo_loss(chosen, rejected, 0.5), torch.tensor(expected))
    turned = [math.log(1 + math.exp(0.5 * margin)) for margin in (0, 3, -2)]
    smooth = [0.9 * plain + 0.1 * other for plain, other in zip(expected, turned, strict=True)]
    assert_close(dpo_loss(chosen, rejected, 0.5, smoothing=0.1), torch.tensor(smooth))


def test_the_gradient_of_dpo_is_beta_times_the_share_of_the_other_order():
    chosen, rejected = (torch.tensor([value], requires_grad=True) for value in (1.0, 0.5))
    dpo_loss(chosen, rejected, 2.0).sum().backward()
    share = 2.0 / (1 + math.exp(2.0 * 0.5))
    assert_close(chosen.grad, torch.tensor([-share]))
    assert_close(rejected.grad, torch.tensor([share]))


def test_ipo_by_hand():
    chosen, rejected = torch.tensor([1.0, 0.0, 5.0]), torch.tensor([-1.5, 0.0, 0.0])
    assert ipo_loss(chosen, rejected, 0.2).tolist() == [0.0, 6.25, 6.25]  # the margin wanted is 2.5


def test_odds_by_hand():
    chosen, rejected = torch.tensor([0.8, 0.5], dtype=DOUBLE).log(), torch.tensor([0.5, 0.5], dtype=DOUBLE).log()
    assert_close(log_odds(chosen).exp(), torch.tensor([4.0, 1.0], dtype=DOUBLE))
    assert_close(odds_ratio_loss(chosen, rejected), torch.tensor([math.log(5 / 4), math.log(2)], dtype=DOUBLE))


@pytest.mark.parametrize("logprob", [0.0, -1e-12, -1e-3, -50.0])
def test_odds_and_their_gradient_are_finite_at_the_ends(logprob: float):
    given = torch.tensor([logprob], requires_grad=True)
    found = log_odds(given)
    found.sum().backward()
    assert found.isfinite().all()
    assert given.grad.isfinite().all()


def test_kto_by_hand():
    ratio, desirable = torch.tensor([1.0, 1.0, 3.0, -1.0]), torch.tensor([True, False, True, False])
    found = kto_loss(ratio, desirable, torch.tensor(1.0), 0.5, (2.0, 4.0))
    high = 1 / (1 + math.exp(-1))  # sigmoid(0.5 (3 - 1)) and sigmoid(0.5 (1 - -1))
    assert_close(found, torch.tensor([1.0, 2.0, 2 * (1 - high), 4 * (1 - high)]))


def test_no_gradient_flows_through_the_reference_point():
    ratio, point = torch.randn(4, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    kto_loss(ratio, torch.tensor([True, False] * 2), point, 0.1, (1.0, 1.0)).sum().backward()
    assert point.grad is None
    assert ratio.grad[0] < 0 < ratio.grad[1]
