"""Law: the SFT loss is the library's own loss with prompts masked, cut into any micro-batches, and it memorises."""

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.algorithms.sft import SFT, Options
from topgraft.records import Demonstration
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample

ROWS = [
    Demonstration(key=str(number), group="g", prompt=prompt, response=response)
    for number, (prompt, response) in enumerate(
        [
            ("one", "uno"),
            ("two", "dos"),
            ("a longer prompt", "x"),
            ("q", "seven!"),
            ("r", ""),
            ("s", "so"),
            ("t", "to"),
            ("uv", "w"),
        ]
    )
]


def make(architecture: str = "llama", response: int = 10) -> SFT:
    algorithm = SFT(tiny.actors(tiny.split(architecture), tiny.characters(), response=response), Options(), "sft")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_the_loss_is_the_librarys_own_with_prompt_labels_at_minus_100(architecture):
    algorithm = make(architecture)
    batch = algorithm.collect(ROWS)
    ours = algorithm.loss(batch, count=algorithm.count(batch)).value
    tokens = batch.tokens
    labels = torch.where(tokens.counted_BT, tokens.ids_BT, -100)
    with torch.no_grad():
        theirs = tiny.model(architecture)(
            input_ids=tokens.ids_BT, attention_mask=tokens.real_BT.long(), labels=labels
        ).loss
    assert_close(ours.detach(), theirs, atol=1e-5, rtol=1e-5)


def test_the_count_is_response_tokens_with_their_end():
    algorithm = make()
    assert algorithm.count(algorithm.collect(ROWS)) == sum(len(row.response) + 1 for row in ROWS)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_micro_batches_of_1_2_and_8_give_the_same_gradients(architecture):
    algorithm = make(architecture)
    tiny.fill(algorithm.actors.model, "sft")
    batch = algorithm.collect(ROWS)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max().item() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_metrics_of_micro_batches_add_up_to_the_loss_of_the_batch():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    count = algorithm.count(batch)
    parts = [algorithm.loss(batch.rows(part), count=count).metrics["loss/total"] for part in torch.arange(8).split(3)]
    assert sum(parts) == pytest.approx(algorithm.loss(batch, count=count).value.item(), rel=1e-5)


def test_the_validation_loss_is_the_training_loss_of_those_rows():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    expected = algorithm.loss(batch, count=algorithm.count(batch)).value.item()
    assert algorithm.validate(ROWS)["eval/loss"] == pytest.approx(expected, rel=1e-5)


def test_sft_memorises_two_rows_end_token_included():
    algorithm = make()
    rows, actors = ROWS[:2], algorithm.actors
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-2, eps=1e-5)
    for _ in range(80):
        batch = algorithm.collect(rows)
        loss = algorithm.loss(batch, count=algorithm.count(batch)).value
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.5  # a random, frozen output matrix cannot say anything with certainty
    prompts = [actors.template.encode_prompt(row.prompt) for row in rows]
    with actors.model.slots.use("sft"):
        rollouts = sample(actors.model, actors.template, prompts, greedy(actors.sampling), actors.generator)
    assert rollouts.texts == ["uno", "dos"]
    assert rollouts.ended_B.all()
    assert actors.model.meter.tokens_in == actors.cache.distinct_tokens + rollouts.trunk.distinct_tokens


def test_training_leaves_the_base_and_the_other_slots_bit_for_bit_as_they_were():
    algorithm = make()
    algorithm.actors.model.slots.add("other", copy_of="sft")
    own = {id(weight) for weight in algorithm.trainable()}
    before = {name: weight.detach().clone() for name, weight in algorithm.actors.model.model.named_parameters()}
    optimizer = torch.optim.SGD(algorithm.actors.model.model.parameters(), lr=1.0)
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    batch = algorithm.collect(ROWS)
    algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
    optimizer.step()
    moved = 0
    for name, weight in algorithm.actors.model.model.named_parameters():
        if id(weight) in own:
            moved += int(not torch.equal(weight, before[name]))
        else:
            assert torch.equal(weight, before[name]), name
    assert moved > 0
