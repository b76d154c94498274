"""Law: PPO learns from what it sampled, cut anyhow, through branches only, and moves its own slots only."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from ppo_case import ROWS, letters, make
from torch.testing import assert_close

from topgraft.algorithms.ppo import explained_variance, spread
from topgraft.errors import UserError


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_trunk_passes_per_token_are_exactly_1_over_a_whole_step(architecture):
    algorithm = make(architecture, value="branch")
    before = algorithm.actors.model.meter.tokens_in
    batch = algorithm.collect(ROWS)
    for _ in range(4):
        tiny.gradients(algorithm, batch, 4)
    entered = algorithm.actors.model.meter.tokens_in - before
    assert entered == algorithm.tokens_kept == int(batch.tokens.real_BT.sum())


@pytest.mark.parametrize("value", ["head", "branch"])
def test_micro_batches_of_1_2_and_8_give_the_same_gradients(value: str):
    algorithm = make(value=value, value_weight=0.5)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "ppo", seed=3, scale=0.21)  # ratios away from 1, some of them clipped
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max().item() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("value", ["head", "branch"])
def test_blocks_that_run_again_in_the_backward_pass_give_the_same_gradients(value: str):
    found = []
    for rerun in (False, True):
        algorithm = make(value=value, value_weight=0.5, gradient_checkpointing=rerun)
        batch = algorithm.collect(ROWS)
        for slot in (algorithm.slot, algorithm.value_slot):
            tiny.fill(algorithm.actors.model, slot, seed=len(slot), scale=0.21)  # slots apart
        with torch.no_grad():
            algorithm.head.linear.weight.fill_(0.1)
        found.append(tiny.gradients(algorithm, batch, 4))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, atol=1e-5, rtol=1e-3)
        assert ours.abs().max() > 0


def test_metrics_of_micro_batches_add_up():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    count = algorithm.count(batch)
    whole = algorithm.loss(batch, count=count).metrics
    parts = [algorithm.loss(batch.rows(part), count=count).metrics for part in torch.arange(8).split(3)]
    for name in whole.keys() - {"rollout/logprob_gap"}:
        assert sum(part[name] for part in parts) == pytest.approx(whole[name], abs=1e-5), name


@pytest.mark.parametrize("value", ["head", "branch"])
def test_ppo_raises_a_rule_reward_and_moves_nothing_but_its_own_slots(value: str):
    algorithm = make(score=letters, ends=(tiny.END,), reference="sft", value=value, beta=0.0, missing_end_penalty=0.0)
    made = algorithm.actors.model
    own = {id(weight) for weight in algorithm.trainable()}
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=2e-2, eps=1e-5)
    scores = []
    for _ in range(20):
        batch = algorithm.collect(ROWS * 4)
        scores.append(batch.metrics["reward/score"])
        for _ in range(2):
            algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
            optimizer.step()
            optimizer.zero_grad()
    assert sum(scores[-3:]) / 3 > scores[0] + 0.3, scores
    for name, weight in made.model.named_parameters():
        if id(weight) not in own:
            assert weight.grad is None, name
            assert torch.equal(weight, before[name]), name
    assert not torch.equal(made.slots.weights("ppo")[1], made.slots.weights("sft")[1])


def test_a_greedy_sampler_is_refused():
    with pytest.raises(UserError, match=r"sampling\.temperature"):
        make(temperature=0.0)


def test_validation_scores_greedy_responses_and_is_the_same_twice():
    algorithm = make()
    assert algorithm.validate(ROWS) == algorithm.validate(ROWS)
    assert algorithm.validate(ROWS)["eval/reward"] > 0


@pytest.mark.parametrize("value", ["head", "branch"])
def test_saving_writes_the_policy_and_the_value_apart(value: str, tmp_path: Path):
    algorithm = make(value=value)
    tiny.fill(algorithm.actors.model, "ppo", seed=4)
    algorithm.save(tmp_path / "best")
    assert (tmp_path / "best" / "adapter_model.safetensors").exists()
    assert (tmp_path / "best" / "value" / "head.safetensors").exists()
    assert (tmp_path / "best" / "value" / "adapter_model.safetensors").exists() == (value == "branch")
    again = tiny.split()
    again.slots.load("policy", tmp_path / "best")
    for mine, saved in zip(again.slots.weights("policy"), algorithm.actors.model.slots.weights("ppo"), strict=True):
        assert torch.equal(mine, saved)


def test_spread_puts_packed_values_back_in_their_places():
    counted = torch.tensor([[False, True, True], [True, False, False]])
    assert spread(torch.tensor([1.0, 2.0, 3.0]), counted).tolist() == [[0, 1, 2], [3, 0, 0]]


def test_explained_variance_is_1_for_perfect_values_0_for_none_and_0_where_returns_are_constant():
    returns = torch.tensor([[1.0, 2.0, 9.0], [3.0, 6.0, 9.0]])
    counted = torch.tensor([[True, True, False], [True, True, False]])
    assert explained_variance(returns, returns, counted) == pytest.approx(1.0)
    assert explained_variance(torch.zeros(2, 3), returns, counted) == pytest.approx(0.0)
    assert explained_variance(returns, torch.ones(2, 3), counted) == 0.0


def test_old_logprobs_in_a_batch_are_fixed_while_the_policy_moves():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    old = batch.extras["old_logprobs_BT"].clone()
    tiny.fill(algorithm.actors.model, "ppo", seed=9)
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    assert torch.equal(batch.extras["old_logprobs_BT"], old)
    assert metrics["policy/approx_kl"] > 1e-3
    moved = replace(batch, extras={**batch.extras, "old_logprobs_BT": old - 1.0})
    assert algorithm.loss(moved, count=algorithm.count(batch)).metrics["policy/ratio"] > metrics["policy/ratio"]


def test_the_log_probability_gap_is_measured_on_the_first_micro_batch_of_a_rollout_only():
    algorithm = make()
    for _ in range(2):
        batch = algorithm.collect(ROWS)
        seen = [algorithm.loss(batch, count=1.0).metrics for _ in range(2)]
        assert "rollout/logprob_gap" in seen[0]
        assert "rollout/logprob_gap" not in seen[1]
