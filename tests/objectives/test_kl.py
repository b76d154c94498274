"""Law: the KL estimators have the papers' values and gradients, and beta follows its target as Ziegler et al. say."""

import math

import pytest
import torch
from torch.testing import assert_close

from topgraft.objectives.kl import k1, k2, k3, next_beta

DOUBLE = torch.float64


def randoms(size: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(size, generator=generator, dtype=DOUBLE) for _ in range(2)]


def test_k1_is_policy_minus_reference():
    assert_close(k1(torch.tensor([-1.0]), torch.tensor([-3.0])), torch.tensor([2.0]))


def test_k3_by_hand():
    # reference twice as likely: 2 - 1 - log 2; half as likely: 1/2 - 1 + log 2
    reference = torch.tensor([-1.0 + math.log(2), -1.0 - math.log(2)], dtype=DOUBLE)
    found = k3(torch.full((2,), -1.0, dtype=DOUBLE), reference)
    assert_close(found, torch.tensor([1 - math.log(2), math.log(2) - 0.5], dtype=DOUBLE))


def test_k3_is_never_negative_and_zero_at_equality():
    policy, reference = randoms(64)
    assert (k3(policy, reference) > 0).all()
    assert_close(k3(policy, policy), torch.zeros_like(policy))


def test_k3_of_a_tiny_difference_keeps_its_digits_in_single_precision():
    # d^2 / 2 = 5e-7; the naive exp(d) - 1 - d would be off by a tenth
    found = k3(torch.tensor([0.0]), torch.tensor([1e-3]))
    assert_close(found, torch.tensor([5.0016671e-7]), rtol=1e-3, atol=0)


def test_k1_and_k3_both_estimate_the_exact_divergence():
    policy, reference = (torch.log_softmax(x, 0) for x in randoms(12))
    exact = sum(p * (math.log(p) - q) for p, q in zip(policy.exp().tolist(), reference.tolist(), strict=True))
    for estimator in (k1, k3):
        mean = (policy.exp() * estimator(policy, reference)).sum()
        assert_close(mean, torch.tensor(exact, dtype=DOUBLE))


def test_k2_by_hand():
    policy, reference = torch.tensor([-1.0, -3.0, -2.0]), torch.tensor([-3.0, -1.0, -2.0])
    assert k2(policy, reference).tolist() == [2.0, 2.0, 0.0]


def test_the_gradients_of_k2_and_k3_are_d_and_its_first_order_approximation():
    policy = torch.tensor([-1.0, -3.0], dtype=DOUBLE, requires_grad=True)
    reference = torch.tensor([-1.5, -1.0], dtype=DOUBLE)  # d = 0.5 and -2
    (slope,) = torch.autograd.grad(k2(policy, reference).sum(), policy)
    assert_close(slope, torch.tensor([0.5, -2.0], dtype=DOUBLE))
    (slope,) = torch.autograd.grad(k3(policy, reference).sum(), policy)
    assert_close(slope, torch.tensor([1 - math.exp(-0.5), 1 - math.exp(2.0)], dtype=DOUBLE))


def test_in_the_loss_k2_has_the_gradient_of_the_divergence_k3_has_another_and_k1_has_none():
    logits, other = randoms(12)
    logits.requires_grad_()
    policy, reference = torch.log_softmax(logits, 0), torch.log_softmax(other, 0)
    drawn = policy.detach().exp()  # how often each token is sampled; no gradient flows through that
    (exact,) = torch.autograd.grad((policy.exp() * (policy - reference)).sum(), logits, retain_graph=True)
    found = {
        estimator: torch.autograd.grad((drawn * estimator(policy, reference)).sum(), logits, retain_graph=True)[0]
        for estimator in (k1, k2, k3)
    }
    assert_close(found[k2], exact)
    assert (found[k3] - exact).abs().max() > 0.05
    assert_close(found[k1], torch.zeros_like(exact))


@pytest.mark.parametrize(
    ("kl", "responses", "beta"),
    [
        (0.03, 64, 0.1),  # on target
        (0.033, 500, 0.105),  # a tenth above it, for half of the horizon
        (0.027, 500, 0.095),
        (3.0, 500, 0.11),  # far above: a fifth counts
        (-1.0, 500, 0.09),
        (3.0, 4000, 0.12),  # more responses than the horizon count as one horizon
        (0.0, 4000, 0.08),
    ],
)
def test_beta_follows_its_target_by_hand(kl: float, responses: int, beta: float):
    assert next_beta(0.1, kl, target=0.03, horizon=1000, responses=responses) == pytest.approx(beta)
