"""Law: beta is steered to the KL's target from rollout to rollout, alike by every learner from its own samples."""

from typing import Any

import group_case
import ppo_case
import pytest
import tiny
import torch
from ppo_case import ROWS
from torch.testing import assert_close

from topgraft.errors import UserError
from topgraft.recipe import read_recipe
from topgraft.train.settings import settings_of

LEARNERS = ("ppo", "grpo", "rloo")


def make(name: str, **options: Any) -> Any:
    """A learner whose policy has left its reference."""
    algorithm = ppo_case.make(**options) if name == "ppo" else group_case.make(name, **options)
    tiny.fill(algorithm.actors.model, algorithm.slot, seed=5)
    return algorithm


@pytest.mark.parametrize("name", LEARNERS)
def test_beta_follows_the_kl_of_the_rollouts_before(name):
    algorithm = make(name, beta=0.2, kl={"target": 0.42, "horizon": 100})
    beta, seen = 0.2, []
    for scale in (0.2, 0.03, 0.3):
        tiny.fill(algorithm.actors.model, algorithm.slot, seed=5, scale=scale)
        batch = algorithm.collect(ROWS)
        assert batch.metrics["kl/beta"] == pytest.approx(beta)
        error = min(max(batch.metrics["kl/token"] / 0.42 - 1, -0.2), 0.2)
        beta *= 1 + error * len(batch.tokens) / 100
        seen.append(error)
    assert algorithm.controller.beta == pytest.approx(beta)
    assert max(seen) > 0 > min(seen), "beta must have risen and fallen"


@pytest.mark.parametrize("name", LEARNERS)
def test_without_a_target_beta_stays(name):
    algorithm = make(name, beta=0.2, kl={"horizon": 1})
    assert [algorithm.collect(ROWS).metrics["kl/beta"] for _ in range(2)] == [0.2, 0.2]


@pytest.mark.parametrize("name", LEARNERS)
def test_the_beta_of_a_rollout_is_the_one_that_it_is_learned_with(name):
    # One rollout moves beta from 0.2 to 0.2 * 1.2 = 0.24: what is fixed of the second, and its loss, are those of a
    # learner that has had 0.24 throughout.
    steered, fixed = (make(name, beta=0.2, kl={"target": 1e-6, "horizon": 1}), make(name, beta=0.24))
    first = steered.collect(ROWS)
    fixed.collect(ROWS)
    for algorithm in (steered, fixed):
        tiny.fill(algorithm.actors.model, algorithm.slot, seed=6)
    batches = [algorithm.collect(ROWS) for algorithm in (steered, fixed)]
    assert first.metrics["kl/beta"] == 0.2
    assert batches[0].metrics == pytest.approx(batches[1].metrics)
    gradients = [
        tiny.gradients(algorithm, batch, 8) for algorithm, batch in zip((steered, fixed), batches, strict=True)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_beta_of_0_cannot_be_steered(name):
    with pytest.raises(UserError, match=rf"\[{name}\].*kl\.target = 0\.03.*set beta above 0"):
        settings_of(read_recipe("professor", sets=[f"{name}.beta=0", f"{name}.kl.target=0.03"]))
    assert settings_of(read_recipe("professor", sets=[f"{name}.beta=0"])).options(name).beta == 0


@pytest.mark.parametrize("name", LEARNERS)
def test_every_estimator_of_the_kl_is_logged(name):
    algorithm = make(name)
    batch = algorithm.collect(ROWS)
    counted = batch.tokens.counted_BT
    with torch.no_grad(), algorithm.actors.model.slots.use("sft"):
        reference = torch.cat(algorithm.actors.model.row_logprobs(batch.trunk, batch.tokens)).double()
    gap = batch.extras["old_logprobs_BT"][counted].double() - reference
    assert batch.metrics["kl/token"] == pytest.approx(gap.mean().item(), abs=1e-5)
    assert batch.metrics["kl/k2"] == pytest.approx((gap**2 / 2).mean().item(), rel=1e-4)
    assert batch.metrics["kl/k3"] == pytest.approx((gap.neg().exp() - 1 + gap).mean().item(), rel=1e-4)
