"""Law: every learner from pairs has its paper's loss, as unsplit models compute it, whatever the micro-batches."""

from pathlib import Path

import pytest
import tiny
import torch
from pair_case import LEARNERS, ROWS, make, whole_logprobs
from torch.testing import assert_close

from topgraft.records import Comparison

PAIRS = [pair for row in ROWS for pair in row.pairs]


def sums(algorithm, folder: Path, architecture: str, pairs=PAIRS) -> torch.Tensor:
    """log(policy / reference) of whole answers, by unsplit models."""
    policy, reference = (whole_logprobs(algorithm, slot, folder, architecture, pairs) for slot in ("policy", "sft"))
    return torch.stack([(new - old).sum() for new, old in zip(policy, reference, strict=True)])


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_ipo_is_the_papers_on_unsplit_models(architecture, tmp_path: Path):
    algorithm = make("ipo", architecture, beta=0.3)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    ratio = sums(algorithm, tmp_path, architecture).view(-1, 2)
    expected = ((ratio[:, 0] - ratio[:, 1] - 1 / 0.6) ** 2).mean()
    assert_close(algorithm.loss(batch, count=5.0).value.double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_orpo_is_the_papers_on_unsplit_models(architecture, tmp_path: Path):
    algorithm = make("orpo", architecture, weight=0.7)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    means = torch.stack([row.mean() for row in whole_logprobs(algorithm, "policy", tmp_path, architecture, PAIRS)])
    odds = (means.exp() / (1 - means.exp())).view(-1, 2)
    better = odds[:, 0] / odds[:, 1]
    expected = (-means[0::2] - 0.7 * torch.log(better / (1 + better))).mean()
    loss = algorithm.loss(batch, count=5.0)
    assert_close(loss.value.double(), expected, atol=1e-4, rtol=1e-4)
    assert loss.metrics["loss/likelihood"] == pytest.approx(-means[0::2].mean().item(), abs=1e-4)
    assert loss.metrics["reward/margin"] == pytest.approx(better.log().mean().item(), abs=1e-4)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_kto_is_the_papers_on_unsplit_models(architecture, tmp_path: Path):
    algorithm = make("kto", architecture, beta=0.3, desirable=1.5, undesirable=0.5)
    algorithm.collect(ROWS)  # the reference is taken here
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    batch = algorithm.collect(ROWS)
    strangers = [
        (row.prompt, answer) for row, other in zip(ROWS, ROWS[1:] + ROWS[:1], strict=True) for _, answer in other.pairs
    ]
    point = sums(algorithm, tmp_path, architecture, strangers).mean().clamp(min=0)
    ratio = sums(algorithm, tmp_path, architecture).view(-1, 2)
    good, bad = torch.sigmoid(0.3 * (ratio[:, 0] - point)), torch.sigmoid(0.3 * (point - ratio[:, 1]))
    expected = (1.5 * (1 - good) + 0.5 * (1 - bad)).mean() / 2
    assert batch.metrics["kl/point"] == pytest.approx(point.item(), abs=1e-3)
    assert_close(algorithm.loss(batch, count=10.0).value.double(), expected, atol=1e-4, rtol=1e-4)


def test_the_reference_point_of_kto_is_never_negative_and_0_before_the_first_step():
    algorithm = make("kto")
    assert algorithm.collect(ROWS).metrics["kl/point"] == pytest.approx(0, abs=1e-4)
    points = []
    for seed in range(6):
        tiny.fill(algorithm.actors.model, "policy", seed=seed)
        points.append(algorithm.collect(ROWS).metrics["kl/point"])
    assert min(points) == 0 < max(points), "some of them would be negative"


def test_a_prompt_of_kto_keeps_the_answers_it_was_first_given():
    algorithm = make("kto")
    algorithm.collect(ROWS)
    kept = algorithm.tokens_kept
    algorithm.collect(ROWS[::-1])
    assert algorithm.tokens_kept == kept == algorithm.actors.model.meter.tokens_in
    alone = Comparison(key="new", prompt="another", chosen="a", rejected="z")
    assert algorithm.collect([alone]).metrics["kl/point"] == 0


@pytest.mark.parametrize("name", LEARNERS)
def test_micro_batches_of_1_2_and_5_pairs_give_the_same_gradients(name):
    algorithm = make(name)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    whole = tiny.gradients(algorithm, batch, 5)
    assert max(grad.abs().max() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["dpo", "ipo", "orpo"])
def test_the_prompt_of_a_pair_passes_the_trunk_once_over_all_epochs(name):
    algorithm = make(name)
    for _ in range(3):
        batch = algorithm.collect(ROWS)
        algorithm.loss(batch, count=1.0)
    prompts = sum(len(algorithm.actors.template.encode_prompt(row.prompt)) for row in ROWS)
    expected = prompts + int(batch.tokens.counted_BT.sum())
    assert algorithm.actors.model.meter.tokens_in == algorithm.tokens_kept == expected


@pytest.mark.parametrize("name", LEARNERS)
def test_validation_is_the_loss_and_a_few_steps_order_every_pair(name):
    algorithm = make(name)
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=1e-2)
    first = algorithm.validate(ROWS)
    for step in range(25):
        batch = algorithm.collect(ROWS)
        loss = algorithm.loss(batch, count=algorithm.count(batch))
        held_out = algorithm.validate(ROWS)
        assert held_out["eval/loss"] == pytest.approx(loss.value.item(), abs=1e-4)
        if step:  # before the first step rounding alone orders a pair
            assert held_out["eval/accuracy"] == pytest.approx(loss.metrics["reward/accuracy"])
        loss.value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.metrics["reward/accuracy"] == 1
    assert loss.value.item() < first["eval/loss"]


@pytest.mark.parametrize("name", LEARNERS)
def test_saved_weights_load_to_the_same_loss(name, tmp_path: Path):
    algorithm = make(name)
    algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    expected = algorithm.validate(ROWS)
    algorithm.save(tmp_path / "policy")
    other = make(name)
    assert other.validate(ROWS) != expected
    other.load(tmp_path / "policy")
    assert other.validate(ROWS) == expected
