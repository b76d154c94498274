"""Law: the entropy bonus takes its weight times the policy's entropy off the loss, averaged as the policy's loss is."""

from typing import Any

import group_case
import ppo_case
import pytest
import tiny
import torch
from ppo_case import LENGTH, ROWS
from torch.testing import assert_close

from topgraft.model.states import predicting

CASES = {
    "ppo": ("ppo", {}),
    "grpo response": ("grpo", {"average": "response"}),
    "grpo token": ("grpo", {"average": "token"}),
    "grpo limit": ("grpo", {"average": "limit"}),
    "rloo": ("rloo", {}),
}
WEIGHT, TEMPERATURE = 0.7, 0.8


def make(case: str, architecture: str = "llama", **options: Any) -> tuple[Any, Any]:
    """A learner and a batch of its own, after which its policy has moved on."""
    name, more = CASES[case]
    kind = ppo_case.make if name == "ppo" else (lambda *a, **k: group_case.make(name, *a, **k))
    algorithm = kind(architecture, temperature=TEMPERATURE, **more, **options)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, algorithm.slot, seed=5)
    return algorithm, batch


def plain_entropy(case: str, algorithm: Any, batch: Any) -> torch.Tensor:
    """The mean entropy of the case, by PyTorch's autograd from whole logits."""
    model, counted = algorithm.actors.model, batch.tokens.counted_BT
    with model.slots.use(algorithm.slot):
        logits = model.logits(predicting(model.branch(batch.trunk), batch.tokens))
    all_RV = torch.log_softmax(logits / TEMPERATURE, -1)
    rows = (-(all_RV.exp() * all_RV).sum(1)).split(counted.sum(1).tolist())
    assert len({len(row) for row in rows}) > 1, "rows must differ in length to tell the averages apart"
    if case in ("ppo", "grpo token"):
        return torch.cat(rows).mean()
    if case == "grpo response":
        return torch.stack([row.mean() for row in rows]).mean()
    whole = torch.stack([row.sum() for row in rows]).mean()
    return whole / LENGTH if case == "grpo limit" else whole


@pytest.mark.parametrize("architecture", ["llama", "gemma2"], ids=["tiles", "chunks"])
@pytest.mark.parametrize("case", CASES)
def test_the_bonus_adds_the_gradient_of_the_mean_entropy(case, architecture):
    found, losses = [], []
    for weight in (0.0, WEIGHT):
        algorithm, batch = make(case, architecture, entropy_weight=weight)
        losses.append(algorithm.loss(batch, count=algorithm.count(batch)).value)
        found.append(tiny.gradients(algorithm, batch, 8))
    entropy = plain_entropy(case, algorithm, batch)
    slopes = torch.autograd.grad(entropy, algorithm.actors.model.slots.weights(algorithm.slot))
    assert_close(losses[1], losses[0] - WEIGHT * entropy, atol=1e-4, rtol=1e-4)
    assert max(slope.abs().max() for slope in slopes) > 1e-3
    for without, with_bonus, slope in zip(*found, slopes, strict=False):  # PPO's head comes last
        assert_close(with_bonus - without, -WEIGHT * slope, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_micro_batches_of_1_2_and_8_give_the_same_gradients(case):
    algorithm, batch = make(case, entropy_weight=WEIGHT)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_what_is_logged_of_the_policy_does_not_hold_the_bonus(case):
    metrics = []
    for weight in (0.0, WEIGHT):
        algorithm, batch = make(case, entropy_weight=weight)
        metrics.append(algorithm.loss(batch, count=algorithm.count(batch)).metrics)
    assert metrics[0].pop("loss/total") > metrics[1].pop("loss/total") + 0.05
    assert metrics[0] == pytest.approx(metrics[1])
