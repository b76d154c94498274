"""Law: GRPO compares a response with its group, starts at ratio 1 and KL 0, and shares each prompt within a group."""

import pytest
import tiny
import torch
from group_case import GROUP, LENGTH, make
from ppo_case import ROWS, by_length
from torch.testing import assert_close

AVERAGES = ("response", "token", "limit")


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_ratio_is_1_and_the_kl_0_before_the_first_update(architecture):
    algorithm = make("grpo", architecture, temperature=0.8)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert batch.metrics["kl/response"] == pytest.approx(0, abs=1e-3)
    assert loss.metrics["policy/ratio"] == pytest.approx(1, abs=1e-4)
    assert loss.metrics["loss/kl"] == pytest.approx(0, abs=1e-6)
    assert loss.metrics["rollout/logprob_gap"] < 1e-4
    assert loss.metrics["policy/clip_fraction"] == 0


def test_advantages_compare_a_response_with_its_own_group():
    algorithm = make("grpo", scale="none")
    batch = algorithm.collect(ROWS)
    scores = batch.tokens.counted_BT.sum(1) / 4
    expected = (scores.view(-1, GROUP) - scores.view(-1, GROUP).mean(1, keepdim=True)).flatten()
    assert expected.abs().max() > 0.1
    for row, counted in enumerate(batch.tokens.counted_BT):
        assert_close(batch.extras["advantages_BT"][row][counted], expected[row].expand(int(counted.sum())))


@pytest.mark.parametrize("average", AVERAGES)
def test_the_loss_is_the_formula_of_its_average(average):
    algorithm = make("grpo", average=average, beta=0.3)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    model, tokens = algorithm.actors.model, batch.tokens
    with torch.no_grad(), model.slots.use("policy"):
        new = model.row_logprobs(batch.trunk, tokens)
    total, per_row = 0.0, []
    for row, logprobs in enumerate(new):
        counted = tokens.counted_BT[row]
        old, reference, advantage = (
            batch.extras[name][row][counted].double() for name in ("old_logprobs_BT", "reference_BT", "advantages_BT")
        )
        ratio = (logprobs.double() - old).exp()
        held = ratio.clamp(0.8, 1.2)
        policy = -torch.minimum(ratio * advantage, held * advantage)
        gap = reference - logprobs.double()
        per_row.append(policy + 0.3 * (gap.exp() - gap - 1))
    if average == "response":
        total = sum(row.mean() for row in per_row) / len(per_row)
    elif average == "token":
        total = torch.cat(per_row).mean()
    else:
        total = sum(row.sum() for row in per_row) / (len(per_row) * LENGTH)
    assert len({len(row) for row in per_row}) > 1, "rows must differ in length to tell the averages apart"
    assert_close(loss.value.double(), total, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("average", AVERAGES)
def test_what_is_watched_of_the_policy_is_a_mean_whatever_the_loss_is(average):
    algorithm = make("grpo", average=average)
    batch = algorithm.collect(ROWS)
    assert algorithm.loss(batch, count=algorithm.count(batch)).metrics["policy/ratio"] == pytest.approx(1, abs=1e-4)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    with torch.no_grad(), algorithm.actors.model.slots.use("policy"):
        new = algorithm.actors.model.row_logprobs(batch.trunk, batch.tokens)
    ratios = [
        (row - old[counted]).exp()
        for row, old, counted in zip(new, batch.extras["old_logprobs_BT"], batch.tokens.counted_BT, strict=True)
    ]
    mean = torch.cat(ratios).mean() if average == "token" else torch.stack([row.mean() for row in ratios]).mean()
    assert metrics["policy/ratio"] == pytest.approx(mean.item(), rel=1e-4)
    assert abs(metrics["policy/ratio"] - 1) > 0.01


@pytest.mark.parametrize("average", AVERAGES)
def test_micro_batches_of_1_2_and_8_groups_give_the_same_gradients(average):
    algorithm = make("grpo", average=average)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-4
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_a_prompt_passes_the_trunk_and_the_branch_once_for_its_group():
    algorithm = make("grpo")
    batch = algorithm.collect(ROWS)
    distinct = sum(len(algorithm.actors.template.encode_prompt(row.prompt)) for row in ROWS)
    assert len(batch.trunk.prompts) == len(ROWS)
    assert (
        algorithm.actors.model.meter.tokens_in == algorithm.tokens_kept == distinct + int(batch.tokens.counted_BT.sum())
    )
    part = batch.rows(torch.tensor([0, 4]))
    assert (len(part.trunk.prompts), len(part.trunk), len(part)) == (2, 2 * GROUP, 2)


def test_equal_scores_teach_nothing():
    def same(*given):
        scores = by_length(*given)
        return type(scores)(total_B=torch.full_like(scores.total_B, 3.0), parts={})

    algorithm = make("grpo", score=same, beta=0.0)
    batch = algorithm.collect(ROWS)
    assert batch.metrics["reward/group_std"] == 0
    for grad in tiny.gradients(algorithm, batch, 8):
        assert grad.abs().max() == 0
