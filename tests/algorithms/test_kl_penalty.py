"""Law: the KL enters where the settings say, in the reward or in the loss, and once."""

from typing import Any

import group_case
import ppo_case
import pytest
import tiny
import torch
from ppo_case import ROWS
from torch.testing import assert_close

IN_LOSS = [("ppo", "k2"), ("ppo", "k3"), ("grpo", "k2"), ("grpo", "k3")]


def make(name: str, **options: Any) -> Any:
    """A learner whose policy has left its reference before it samples."""
    extra = {"value_weight": 0.0} if name == "ppo" else {"average": "token"}
    algorithm = ppo_case.make(**options, **extra) if name == "ppo" else group_case.make(name, **options, **extra)
    tiny.fill(algorithm.actors.model, algorithm.slot, seed=5)
    return algorithm


def plain(algorithm: Any, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities [R] of the policy, with a gradient, and of the reference."""
    model, tokens, found = algorithm.actors.model, batch.tokens, []
    for slot in (algorithm.slot, "sft"):
        with model.slots.use(slot):
            found.append(model.logprobs(model.branch(batch.trunk), tokens)[0])
    return found[0], found[1].detach()


@pytest.mark.parametrize(("name", "estimator"), IN_LOSS)
def test_a_penalty_in_the_loss_adds_beta_times_its_estimator(name, estimator):
    algorithm = make(name, beta=0.3, kl_penalty=estimator)
    batch = algorithm.collect(ROWS)
    counted = batch.tokens.counted_BT
    logprobs, reference = plain(algorithm, batch)
    gap = logprobs - reference
    assert gap.abs().max() > 0.5
    kl = gap.square() / 2 if estimator == "k2" else (-gap).exp() - 1 + gap
    advantages = batch.extras["advantages_BT"][counted]
    # the ratio is 1 as yet: the policy's part is -A pi / pi.detach()
    value = (-advantages * (logprobs - logprobs.detach()).exp() + 0.3 * kl).sum() / counted.sum()
    expected = torch.autograd.grad(value, algorithm.actors.model.slots.weights(algorithm.slot))
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert_close(loss.value, value, atol=1e-5, rtol=1e-4)
    assert loss.metrics["loss/kl"] == pytest.approx(kl.mean().item(), rel=1e-4)
    for found, wanted in zip(tiny.gradients(algorithm, batch, 8), expected, strict=False):  # PPO's head comes last
        assert_close(found, wanted, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("estimator", ["reward", "k2", "k3"])
def test_ppo_takes_the_kl_off_the_reward_or_leaves_the_reward_to_the_score(estimator):
    # With gamma = lambda = 1 and values 0, a return is the sum of the token rewards to come.
    algorithm = make("ppo", beta=0.3, lam=1.0, missing_end_penalty=0.0, kl_penalty=estimator)
    batch = algorithm.collect(ROWS)
    counted = batch.tokens.counted_BT
    gap = batch.extras["old_logprobs_BT"] - batch.extras["reference_BT"]
    to_come = (-0.3 * gap if estimator == "reward" else 0 * gap).flip(1).cumsum(1).flip(1)
    score = counted.sum(1) / 4
    assert_close(batch.extras["returns_BT"], torch.where(counted, to_come + score[:, None], 0.0), atol=1e-4, rtol=0)
    assert batch.metrics["reward/mean"] == pytest.approx((score + to_come[:, 0]).mean().item(), abs=1e-4)
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    assert ("loss/kl" in metrics) == (estimator != "reward")


@pytest.mark.parametrize(("name", "estimator"), IN_LOSS)
def test_micro_batches_of_1_2_and_8_give_the_same_gradients(name, estimator):
    algorithm = make(name, beta=0.3, kl_penalty=estimator)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, algorithm.slot, seed=6)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-3)
