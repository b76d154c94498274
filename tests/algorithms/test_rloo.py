"""Law: RLOO compares a response with the others to its prompt, takes it as one action, and begins as REINFORCE."""

from pathlib import Path

import pytest
import tiny
import torch
from ppo_case import ENDS, ROWS, by_length, letters
from torch.testing import assert_close

from topgraft.algorithms.rloo import RLOO, Options
from topgraft.errors import UserError
from topgraft.rollout.choosing import SamplingSettings

GROUP = 3


def make(architecture: str = "llama", *, score=by_length, temperature: float = 1.0, **options) -> RLOO:
    made = tiny.split(architecture)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    sampling = SamplingSettings(temperature=temperature)
    actors = tiny.actors(made, tiny.characters(), score=score, response=8, sampling=sampling, end_ids=ENDS)
    algorithm = RLOO(actors, Options(group_size=GROUP, **options), "rloo", reference="sft")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


def logprobs(algorithm: RLOO, batch) -> list[torch.Tensor]:
    """Of every row's response tokens, under the policy as it is now, in float64."""
    with torch.no_grad(), algorithm.actors.model.slots.use("rloo"):
        found = algorithm.actors.model.row_logprobs(batch.trunk, batch.tokens)
    return [row.double() for row in found]


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_ratio_is_1_and_the_kl_0_before_the_first_update(architecture):
    algorithm = make(architecture, temperature=0.8)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert batch.metrics["kl/response"] == pytest.approx(0, abs=1e-3)
    assert loss.metrics["policy/ratio"] == pytest.approx(1, abs=1e-3)
    assert loss.metrics["rollout/logprob_gap"] < 1e-4
    assert loss.metrics["policy/clip_fraction"] == 0


def test_an_advantage_is_the_reward_less_the_mean_of_the_others():
    algorithm = make(beta=0.3)
    tiny.fill(algorithm.actors.model, "rloo", seed=5)
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
    algorithm = make()
    batch = algorithm.collect(ROWS)
    found = tiny.gradients(algorithm, batch, 8)
    model = algorithm.actors.model
    with model.slots.use("rloo"):
        packed, _ = model.logprobs(model.branch(batch.trunk), batch.tokens)
    rows = packed.split(batch.tokens.counted_BT.sum(1).tolist())
    value = -sum(a * row.sum() for a, row in zip(batch.extras["advantages_B"], rows, strict=True)) / len(rows)
    for grad, expected in zip(found, torch.autograd.grad(value, algorithm.trainable()), strict=True):
        assert_close(grad, expected, atol=1e-5, rtol=1e-4)


def test_later_updates_clip_the_ratio_of_whole_responses():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    old = logprobs(algorithm, batch)
    tiny.fill(algorithm.actors.model, "rloo", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    ratio = torch.stack([(new - was).sum().exp() for new, was in zip(logprobs(algorithm, batch), old, strict=True)])
    advantages = batch.extras["advantages_B"].double()
    expected = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
    assert_close(loss.value.double(), expected, atol=1e-4, rtol=1e-4)
    assert loss.metrics["policy/clip_fraction"] > 0
    assert loss.metrics["policy/ratio"] == pytest.approx(ratio.mean().item(), rel=1e-4)


def test_micro_batches_of_1_2_and_8_groups_give_the_same_gradients():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "rloo", seed=5, scale=0.02)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-4
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_rloo_learns_a_rule():
    torch.manual_seed(0)
    algorithm = make(score=letters, beta=0.0)
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-2, eps=1e-5)
    scores = []
    for _ in range(30):
        batch = algorithm.collect(ROWS)
        scores.append(batch.metrics["reward/score"])
        algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.2


def test_greedy_sampling_is_refused():
    with pytest.raises(UserError, match="RLOO needs random responses"):
        make(temperature=0)


def test_saved_weights_load_to_the_same_answers(tmp_path: Path):
    algorithm = make()
    tiny.fill(algorithm.actors.model, "rloo", seed=5)
    expected = algorithm.validate(ROWS)
    algorithm.save(tmp_path / "rloo")
    other = make()
    assert other.validate(ROWS) != expected
    other.load(tmp_path / "rloo")
    assert other.validate(ROWS) == expected
