"""Law: pairs are scored at their last token, ties count one half, and after training the chosen answers score 0."""

import math
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.algorithms.reward_model import Options, RewardModel
from topgraft.model.heads import ScalarHead
from topgraft.records import Comparison
from topgraft.rewards.learned import LearnedReward

ROWS = [
    Comparison(key=str(number), prompt=prompt, chosen=chosen, rejected=rejected)
    for number, (prompt, chosen, rejected) in enumerate(
        [
            ("one", "aa", "zzzz"),
            ("two", "aba", "z"),
            ("three?", "a", "zxz"),
            ("4", "aaaa", "xx"),
            ("5", "ab", "zy"),
            ("six", "baa", "yyzz"),
            ("7", "a!", "z!"),
            ("eight", "aab", "zzx"),
        ]
    )
]


KINDS = pytest.mark.parametrize("trains", ["branch", "head"])


def make(architecture: str = "llama", **options: str) -> RewardModel:
    torch.manual_seed(0)
    actors = tiny.actors(tiny.split(architecture), tiny.characters(), response=10)
    algorithm = RewardModel(actors, Options(**options), "reward")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@torch.no_grad()
def scores(algorithm: RewardModel) -> torch.Tensor:
    batch = algorithm.collect(ROWS)
    return algorithm.reward(batch.tokens, batch.trunk).view(-1, 2)


def learn(algorithm: RewardModel, steps: int = 30) -> list[dict[str, float]]:
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-3, eps=1e-5)
    seen = []
    for _ in range(steps):
        batch = algorithm.collect(ROWS)
        loss = algorithm.loss(batch, count=algorithm.count(batch))
        loss.value.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen.append(loss.metrics)
    return seen


def test_the_head_starts_with_the_papers_deviation_and_no_bias():
    made = tiny.split()
    heads = []
    for number in range(20):
        actors = tiny.actors(made, tiny.characters())
        heads.append(RewardModel(actors, Options(), f"reward{number}").head)
    drawn = torch.cat([head.linear.weight.flatten() for head in heads])
    assert drawn.std().item() == pytest.approx(1 / math.sqrt(33), rel=0.14)  # five standard errors of 640 draws
    assert all(head.linear.bias.item() == 0 for head in heads)


@KINDS
@pytest.mark.parametrize("reads", ["last", "mean"])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_the_score_is_the_head_on_states_of_the_unsplit_model(architecture, reads, trains, tmp_path: Path):
    algorithm = make(architecture, trains=trains, reads=reads)
    if algorithm.branch_slot is not None:
        tiny.fill(algorithm.actors.model, algorithm.branch_slot)
    whole = tiny.unsplit(algorithm.actors.model, algorithm.branch_slot, tmp_path, architecture)
    decoder = whole.base_model.model.base_model if algorithm.branch_slot is not None else whole.base_model
    batch = algorithm.collect(ROWS)
    found = algorithm.reward(batch.tokens, batch.trunk)
    for row, length in enumerate(batch.tokens.lengths_B.tolist()):
        ids = batch.tokens.ids_BT[row : row + 1, :length]
        states_TH = decoder(input_ids=ids).last_hidden_state[0]
        response = int(batch.tokens.counted_BT[row].sum())
        read = states_TH[-1] if reads == "last" else sum(states_TH[-response:]) / response
        expected = read @ algorithm.head.linear.weight[0] + algorithm.head.linear.bias[0]
        assert_close(found[row], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_mixed_length_batch_scores_like_one_row_at_a_time():
    algorithm = make()
    tiny.fill(algorithm.actors.model, "reward")
    batch = algorithm.collect(ROWS)
    together = algorithm.reward(batch.tokens, batch.trunk)
    for row, expected in enumerate(together):
        index = torch.tensor([row])
        alone = algorithm.reward(batch.tokens.rows(index), batch.trunk.rows(index))
        assert_close(alone[0], expected, atol=1e-5, rtol=1e-5)


@KINDS
def test_micro_batches_of_1_2_and_8_pairs_give_the_same_gradients(trains):
    algorithm = make(trains=trains)
    if algorithm.branch_slot is not None:
        tiny.fill(algorithm.actors.model, algorithm.branch_slot)
    batch = algorithm.collect(ROWS)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max().item() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_with_trains_head_nothing_but_the_head_learns_and_each_row_passes_the_branch_once():
    algorithm = make(trains="head")
    assert {id(weight) for weight in algorithm.trainable()} == {id(weight) for weight in algorithm.head.parameters()}
    assert algorithm.actors.model.slots.names == []
    passes = []
    block = algorithm.actors.model.parts.blocks[-1]
    handle = block.register_forward_hook(lambda *_: passes.append(None))
    first = algorithm.collect(ROWS)
    before = len(passes)
    mixed = [2, 0, 5]
    again = algorithm.collect([ROWS[place] for place in mixed])
    handle.remove()
    assert before == len(passes) > 0
    wanted = [row for place in mixed for row in (2 * place, 2 * place + 1)]
    assert_close(again.extras["states_BH"], first.extras["states_BH"][wanted])
    with torch.no_grad():
        found = algorithm.head(first.extras["states_BH"])
    assert_close(found, algorithm.reward(first.tokens, first.trunk), atol=1e-5, rtol=1e-5)


def test_constant_scores_give_accuracy_one_half_and_loss_log_2():
    algorithm = make()
    with torch.no_grad():
        algorithm.head.linear.weight.zero_()
    found = algorithm.validate(ROWS)
    assert found["eval/accuracy"] == 0.5
    assert found["eval/loss"] == pytest.approx(math.log(2))
    batch = algorithm.collect(ROWS)
    assert algorithm.loss(batch, count=algorithm.count(batch)).metrics["reward/accuracy"] == 0.5


@pytest.mark.parametrize(("trains", "steps"), [("branch", 30), ("head", 300)])
def test_the_margin_grows_and_the_pairs_are_learned(trains, steps):
    algorithm = make(trains=trains)
    seen = learn(algorithm, steps)
    assert seen[-1]["reward/margin"] > seen[0]["reward/margin"] + 1
    assert algorithm.validate(ROWS)["eval/accuracy"] == 1.0
    assert algorithm.actors.model.meter.tokens_in == algorithm.actors.cache.distinct_tokens


def test_after_training_chosen_answers_have_mean_0_and_all_answers_deviation_1():
    algorithm = make()
    learn(algorithm, 10)
    ranks = scores(algorithm).flatten().argsort()
    algorithm.finish(ROWS)
    found = scores(algorithm)
    assert_close(found[:, 0].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    assert_close(found.std(correction=0), torch.tensor(1.0), atol=1e-5, rtol=0)
    assert torch.equal(found.flatten().argsort(), ranks)


def test_finishing_twice_is_the_same_as_once():
    algorithm = make()
    algorithm.finish(ROWS)
    once = scores(algorithm)
    algorithm.finish(ROWS)
    assert_close(scores(algorithm), once)


def test_saved_adapter_and_head_give_the_same_scores_on_a_fresh_model(tmp_path: Path):
    algorithm = make()
    learn(algorithm, 3)
    algorithm.finish(ROWS)
    algorithm.save(tmp_path / "best")
    batch = algorithm.collect(ROWS)
    again, head = tiny.split(), ScalarHead(32, init="zero")
    again.slots.load("judge", tmp_path / "best")
    head.load(tmp_path / "best")
    reloaded = LearnedReward(again, "judge", head)(batch.tokens, batch.trunk)
    assert_close(reloaded, scores(algorithm).flatten(), atol=1e-6, rtol=1e-6)


def test_a_saved_head_alone_gives_the_same_scores_on_a_fresh_model(tmp_path: Path):
    algorithm = make(trains="head")
    learn(algorithm, 3)
    algorithm.finish(ROWS)
    algorithm.save(tmp_path / "best")
    assert [file.name for file in (tmp_path / "best").iterdir()] == ["head.safetensors"]
    again = make(trains="head")
    again.load(tmp_path / "best")
    assert_close(scores(again), scores(algorithm), atol=1e-6, rtol=1e-6)
