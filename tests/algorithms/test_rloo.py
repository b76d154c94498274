"""Law: RLOO compares a response with the others to its prompt, takes it as one action, and begins as REINFORCE."""

import pytest
import tiny
import torch
from group_case import GROUP, make
from ppo_case import ROWS
from torch.testing import assert_close

from topgraft.algorithms.rloo import RLOO


def logprobs(algorithm: RLOO, batch) -> list[torch.Tensor]:
    """Of every row's response tokens, under the policy as it is now, in float64."""
    with torch.no_grad(), algorithm.actors.model.slots.use("policy"):
        found = algorithm.actors.model.row_logprobs(batch.trunk, batch.tokens)
    return [row.double() for row in found]


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_ratio_is_1_and_the_kl_0_before_the_first_update(architecture):
    algorithm = make("rloo", architecture, temperature=0.8)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert batch.metrics["kl/response"] == pytest.approx(0, abs=1e-3)
    assert loss.metrics["policy/ratio"] == pytest.approx(1, abs=1e-3)
    assert loss.metrics["rollout/logprob_gap"] < 1e-4
    assert loss.metrics["policy/clip_fraction"] == 0


def test_an_advantage_is_the_reward_less_the_mean_of_the_others():
    algorithm = make("rloo", beta=0.3)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    batch = algorithm.collect(ROWS)
    with torch.no_grad(), algorithm.actors.model.slots.use("sft"):
        reference = algorithm.actors.model.row_logprobs(batch.trunk, batch.tokens)
    kl = torch.stack([(new - old).sum() for new, old in zip(logprobs(algorithm, batch), reference, strict=True)])
    rewards = (batch.tokens.counted_BT.sum(1) / 4 - 0.3 * kl).view(-1, GROUP)
    assert kl.abs().max() > 0.1
    assert batch.metrics["reward/mean"] == pytest.approx(rewards.mean().item(), abs=1e-4)
    for group, advantages in zip(rewards, batch.extras["advantages_B"].view(-1, GROUP), strict=True):
        for place in range(GROUP):
            others = [group[other] for other in range(GROUP) if other != place]
            assert advantages[place].item() == pytest.approx((group[place] - sum(others) / 2).item(), abs=1e-4)


def test_the_first_gradient_is_that_of_reinforce():
    algorithm = make("rloo")
    batch = algorithm.collect(ROWS)
    found = tiny.gradients(algorithm, batch, 8)
    model = algorithm.actors.model
    with model.slots.use("policy"):
        packed, _ = model.logprobs(model.branch(batch.trunk), batch.tokens)
    rows = packed.split(batch.tokens.counted_BT.sum(1).tolist())
    value = -sum(a * row.sum() for a, row in zip(batch.extras["advantages_B"], rows, strict=True)) / len(rows)
    for grad, expected in zip(found, torch.autograd.grad(value, algorithm.trainable()), strict=True):
        assert_close(grad, expected, atol=1e-5, rtol=1e-4)


def test_later_updates_clip_the_ratio_of_whole_responses():
    algorithm = make("rloo")
    batch = algorithm.collect(ROWS)
    old = logprobs(algorithm, batch)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    ratio = torch.stack([(new - was).sum().exp() for new, was in zip(logprobs(algorithm, batch), old, strict=True)])
    advantages = batch.extras["advantages_B"].double()
    expected = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
    assert_close(loss.value.double(), expected, atol=1e-4, rtol=1e-4)
    assert loss.metrics["policy/clip_fraction"] > 0
    assert loss.metrics["policy/ratio"] == pytest.approx(ratio.mean().item(), rel=1e-4)
