"""Law: DPO's loss is the paper's on the unsplit models' log-probabilities, and the reference is frozen at the start."""

import math
from pathlib import Path

import pytest
import tiny
import torch
from pair_case import ROWS, make, whole_logprobs
from pydantic import ValidationError
from torch.testing import assert_close

from topgraft.algorithms.dpo import Options

PAIRS = [pair for row in ROWS for pair in row.pairs]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_the_loss_is_the_papers_on_unsplit_models(architecture, smoothing, tmp_path: Path):
    algorithm = make("dpo", architecture, beta=0.3, smoothing=smoothing)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    policy, reference = (
        torch.stack([row.sum() for row in whole_logprobs(algorithm, slot, tmp_path, architecture, PAIRS)]).view(-1, 2)
        for slot in ("policy", "sft")
    )
    ratio = policy - reference
    margin = 0.3 * (ratio[:, 0] - ratio[:, 1])
    assert margin.abs().max() > 0.05
    right, wrong = torch.log1p(torch.exp(-margin)), torch.log1p(torch.exp(margin))
    assert_close(loss.value.double(), ((1 - smoothing) * right + smoothing * wrong).mean(), atol=1e-4, rtol=1e-4)
    assert loss.metrics["reward/margin"] == pytest.approx(margin.mean().item(), abs=1e-4)
    assert loss.metrics["reward/chosen"] == pytest.approx(0.3 * ratio[:, 0].mean().item(), abs=1e-4)
    assert loss.metrics["reward/rejected"] == pytest.approx(0.3 * ratio[:, 1].mean().item(), abs=1e-4)
    assert loss.metrics["reward/accuracy"] == pytest.approx((margin > 0).double().mean().item())


@pytest.mark.parametrize("reference", ["sft", None])
def test_at_step_0_policy_and_reference_agree_and_the_loss_is_log_2(reference):
    algorithm = make("dpo", reference=reference)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert loss.value.item() == pytest.approx(math.log(2), abs=1e-5)
    assert loss.metrics["reward/margin"] == pytest.approx(0, abs=1e-4)


def test_the_reference_is_taken_once_and_does_not_move_with_the_policy():
    algorithm = make("dpo")
    before = algorithm.collect(ROWS).extras["reference_B"]
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    assert torch.equal(algorithm.collect(ROWS).extras["reference_B"], before)
    tiny.fill(algorithm.actors.model, "sft", seed=6)  # even a changed slot: the values are a snapshot
    assert torch.equal(algorithm.collect(ROWS).extras["reference_B"], before)


def test_smoothing_that_would_do_nothing_is_refused():
    with pytest.raises(ValidationError, match="smoothing acts with loss"):
        Options(loss="ipo", smoothing=0.1)
