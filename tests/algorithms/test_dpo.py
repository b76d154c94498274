"""Law: DPO's loss is the paper's on the unsplit models' log-probabilities, and the reference is frozen at the start."""

import math
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.algorithms.dpo import DPO, Options
from topgraft.records import Comparison

ROWS = [
    Comparison(key=str(number), prompt=prompt, chosen=chosen, rejected=rejected)
    for number, (prompt, chosen, rejected) in enumerate(
        [("one", "aa", "zzzz"), ("two", "aba", "z"), ("three?", "a", "zxz"), ("4", "aaaa", "xx"), ("5", "ab", "zy")]
    )
]


def make(architecture: str = "llama", reference: str | None = "sft", **options) -> DPO:
    made = tiny.split(architecture)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    actors = tiny.actors(made, tiny.characters(), response=10)
    algorithm = DPO(actors, Options(**options), "dpo", reference=reference)
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


def sums(algorithm: DPO, slot: str | None, folder: Path, architecture: str) -> torch.Tensor:
    """Log-probability of every answer [pairs, 2] by the unsplit model, row by row."""
    whole = tiny.unsplit(algorithm.actors.model, slot, folder, architecture)
    template = algorithm.actors.template
    found = []
    for row in ROWS:
        prompt = template.encode_prompt(row.prompt)
        for answer in (row.chosen, row.rejected):
            ids = template.encode_response(answer)
            logits = whole(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
            found.append(torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(ids)[:, None]).sum())
    return torch.stack(found).view(-1, 2)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_the_loss_is_the_papers_on_unsplit_models(architecture, tmp_path: Path):
    algorithm = make(architecture, beta=0.3)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "dpo", seed=5)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    policy, reference = (sums(algorithm, slot, tmp_path, architecture) for slot in ("dpo", "sft"))
    ratio = policy - reference
    margin = 0.3 * (ratio[:, 0] - ratio[:, 1])
    assert margin.abs().max() > 0.05
    assert_close(loss.value.double(), torch.log1p(torch.exp(-margin)).mean(), atol=1e-4, rtol=1e-4)
    assert loss.metrics["reward/margin"] == pytest.approx(margin.mean().item(), abs=1e-4)
    assert loss.metrics["reward/chosen"] == pytest.approx(0.3 * ratio[:, 0].mean().item(), abs=1e-4)
    assert loss.metrics["reward/rejected"] == pytest.approx(0.3 * ratio[:, 1].mean().item(), abs=1e-4)
    assert loss.metrics["reward/accuracy"] == pytest.approx((margin > 0).double().mean().item())
    held_out = algorithm.validate(ROWS)
    assert held_out["eval/loss"] == pytest.approx(loss.value.item(), abs=1e-5)
    assert held_out["eval/accuracy"] == pytest.approx(loss.metrics["reward/accuracy"])


@pytest.mark.parametrize("reference", ["sft", None])
def test_at_step_0_policy_and_reference_agree_and_the_loss_is_log_2(reference):
    algorithm = make(reference=reference)
    batch = algorithm.collect(ROWS)
    loss = algorithm.loss(batch, count=algorithm.count(batch))
    assert loss.value.item() == pytest.approx(math.log(2), abs=1e-5)
    assert loss.metrics["reward/margin"] == pytest.approx(0, abs=1e-4)


def test_the_reference_is_taken_once_and_does_not_move_with_the_policy():
    algorithm = make()
    before = algorithm.collect(ROWS).extras["reference_B"]
    tiny.fill(algorithm.actors.model, "dpo", seed=5)
    assert torch.equal(algorithm.collect(ROWS).extras["reference_B"], before)
    tiny.fill(algorithm.actors.model, "sft", seed=6)  # even a changed slot: the values are a snapshot
    assert torch.equal(algorithm.collect(ROWS).extras["reference_B"], before)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_micro_batches_of_1_2_and_5_pairs_give_the_same_gradients(smoothing):
    algorithm = make(smoothing=smoothing)
    tiny.fill(algorithm.actors.model, "dpo", seed=5)
    batch = algorithm.collect(ROWS)
    whole = tiny.gradients(algorithm, batch, 5)
    assert max(grad.abs().max() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_the_prompt_of_a_pair_passes_the_trunk_once_over_all_epochs():
    algorithm = make()
    for _ in range(3):
        batch = algorithm.collect(ROWS)
        algorithm.loss(batch, count=1.0)
    prompts = sum(len(algorithm.actors.template.encode_prompt(row.prompt)) for row in ROWS)
    expected = prompts + int(batch.tokens.counted_BT.sum())
    assert algorithm.actors.model.meter.tokens_in == algorithm.tokens_kept == expected


def test_a_few_steps_order_every_pair():
    algorithm = make()
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=1e-2)
    for _ in range(20):
        batch = algorithm.collect(ROWS)
        loss = algorithm.loss(batch, count=algorithm.count(batch))
        loss.value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.metrics["reward/accuracy"] == 1
    assert loss.value.item() < 0.3


def test_saved_weights_load_to_the_same_loss(tmp_path: Path):
    algorithm = make()
    tiny.fill(algorithm.actors.model, "dpo", seed=5)
    expected = algorithm.validate(ROWS)
    algorithm.save(tmp_path / "dpo")
    other = make()
    assert other.validate(ROWS) != expected
    other.load(tmp_path / "dpo")
    assert other.validate(ROWS) == expected
