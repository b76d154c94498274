"""Law: GRPO compares a response with its group, starts at ratio 1 and KL 0, and shares each prompt within a group."""

from pathlib import Path

import pytest
import tiny
import torch
from ppo_case import ENDS, ROWS, by_length, letters
from torch.testing import assert_close

from topgraft.algorithms.grpo import GRPO, Options
from topgraft.errors import UserError
from topgraft.rollout.choosing import SamplingSettings

LENGTH, GROUP = 8, 3
AVERAGES = ("response", "token", "limit")


def make(architecture: str = "llama", *, score=by_length, temperature: float = 1.0, **options) -> GRPO:
    made = tiny.split(architecture)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    sampling = SamplingSettings(temperature=temperature)
    actors = tiny.actors(made, tiny.characters(), score=score, response=LENGTH, sampling=sampling, end_ids=ENDS)
    algorithm = GRPO(actors, Options(group_size=GROUP, **options), "grpo", reference="sft")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_ratio_is_1_and_the_kl_0_before_the_first_update(architecture):
    algorithm = make(architecture, temperature=0.8)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert batch.metrics["kl/response"] == pytest.approx(0, abs=1e-3)
    assert loss.metrics["policy/ratio"] == pytest.approx(1, abs=1e-4)
    assert loss.metrics["loss/kl"] == pytest.approx(0, abs=1e-6)
    assert loss.metrics["rollout/logprob_gap"] < 1e-4
    assert loss.metrics["policy/clip_fraction"] == 0


def test_advantages_compare_a_response_with_its_own_group():
    algorithm = make(scale="none")
    batch = algorithm.collect(ROWS)
    scores = batch.tokens.counted_BT.sum(1) / 4
    expected = (scores.view(-1, GROUP) - scores.view(-1, GROUP).mean(1, keepdim=True)).flatten()
    assert expected.abs().max() > 0.1
    for row, counted in enumerate(batch.tokens.counted_BT):
        assert_close(batch.extras["advantages_BT"][row][counted], expected[row].expand(int(counted.sum())))


@pytest.mark.parametrize("average", AVERAGES)
def test_the_loss_is_the_formula_of_its_average(average):
    algorithm = make(average=average, beta=0.3)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "grpo", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    model, tokens = algorithm.actors.model, batch.tokens
    with torch.no_grad(), model.slots.use("grpo"):
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
def test_micro_batches_of_1_2_and_8_groups_give_the_same_gradients(average):
    algorithm = make(average=average)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "grpo", seed=5)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-4
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_a_prompt_passes_the_trunk_and_the_branch_once_for_its_group():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    distinct = sum(len(algorithm.actors.template.encode_prompt(row.prompt)) for row in ROWS)
    assert len(batch.trunk.prompts) == len(ROWS)
    assert (
        algorithm.actors.model.meter.tokens_in == algorithm.tokens_kept == distinct + int(batch.tokens.counted_BT.sum())
    )
    part = batch.rows(torch.tensor([0, 4]))
    assert (len(part.trunk.prompts), len(part.trunk), len(part)) == (2, 2 * GROUP, 2)


def test_equal_scores_teach_nothing():
    def same(tokens, trunk):
        scores = by_length(tokens, trunk)
        return type(scores)(total_B=torch.full_like(scores.total_B, 3.0), parts={})

    algorithm = make(score=same, beta=0.0)
    batch = algorithm.collect(ROWS)
    assert batch.metrics["reward/group_std"] == 0
    for grad in tiny.gradients(algorithm, batch, 8):
        assert grad.abs().max() == 0


def test_grpo_learns_a_rule():
    torch.manual_seed(0)
    algorithm = make(score=letters, beta=0.0)
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-2, eps=1e-5)
    scores = []
    for _ in range(12):
        batch = algorithm.collect(ROWS)
        scores.append(batch.metrics["reward/mean"])
        algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.2


def test_greedy_sampling_is_refused():
    with pytest.raises(UserError, match="GRPO needs random responses"):
        make(temperature=0)


def test_saved_weights_load_to_the_same_answers(tmp_path: Path):
    algorithm = make()
    tiny.fill(algorithm.actors.model, "grpo", seed=5)
    expected = algorithm.validate(ROWS)
    algorithm.save(tmp_path / "grpo")
    other = make()
    assert other.validate(ROWS) != expected
    other.load(tmp_path / "grpo")
    assert other.validate(ROWS) == expected
