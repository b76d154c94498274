"""Law: pairs are scored at their last token, equal scores count one half and ties not at all, and after training the
chosen answers score 0."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.algorithms.reward_model import Options, RewardModel
from topgraft.errors import UserError
from topgraft.model.heads import ScalarHead
from topgraft.recipe import build
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


GRADED = [replace(row, strength=strength) for row, strength in zip(ROWS, [0, 2, 1, 0.5, 0, 1, 0, 3], strict=True)]
"""The same pairs, three of them ties."""


def make(architecture: str = "llama", **options: object) -> RewardModel:
    torch.manual_seed(0)
    actors = tiny.actors(tiny.split(architecture), tiny.characters(), response=10)
    algorithm = RewardModel(actors, Options(**options), "reward")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@torch.no_grad()
def scores(algorithm: RewardModel, rows: list[Comparison] = ROWS) -> torch.Tensor:
    batch = algorithm.collect(rows)
    return algorithm.reward(batch.tokens, batch.trunk).view(-1, 2)


def learn(algorithm: RewardModel, steps: int = 30, rows: list[Comparison] = ROWS) -> list[dict[str, float]]:
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-3, eps=1e-5)
    seen = []
    for _ in range(steps):
        batch = algorithm.collect(rows)
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


def hinge(difference: float, margin: float, tie: bool) -> float:
    return abs(difference) if tie else max(0, margin - difference)


def logistic(difference: float, margin: float, tie: bool) -> float:
    order, turned = (math.log(1 + math.exp(margin - sign * difference)) for sign in (1, -1))
    return (order + turned) / 2 if tie else order


@pytest.mark.parametrize(
    ("options", "formula", "margin"),
    [
        ({}, logistic, 0),
        ({"margin": 1.5}, logistic, 1.5),
        ({"loss": "margin"}, hinge, 1),
        ({"loss": "margin", "margin": 0.5}, hinge, 0.5),
    ],
)
def test_every_loss_is_its_formula_on_the_scores_in_training_and_in_validation(options, formula, margin):
    algorithm = make(**options)
    tiny.fill(algorithm.actors.model, "reward")
    differences = [chosen - rejected for chosen, rejected in scores(algorithm).tolist()]
    assert min(differences) < 0 < max(differences)
    strengths = [row.strength for row in GRADED]
    wanted = [formula(found, margin * s, s == 0) for found, s in zip(differences, strengths, strict=True)]
    batch = algorithm.collect(GRADED)
    for number, value in enumerate(wanted):
        found = algorithm.loss(batch.rows(torch.tensor([number])), count=1.0)
        assert found.value.item() == pytest.approx(value, abs=1e-4)
    assert algorithm.loss(batch, count=8.0).value.item() == pytest.approx(sum(wanted) / 8, abs=1e-4)
    assert algorithm.validate(GRADED)["eval/loss"] == pytest.approx(sum(wanted) / 8, abs=1e-4)


def test_a_tie_has_no_part_in_accuracy_and_margin_however_the_pairs_are_cut():
    algorithm = make()
    tiny.fill(algorithm.actors.model, "reward")
    differences = [chosen - rejected for chosen, rejected in scores(algorithm).tolist()]
    clear = [found for found, row in zip(differences, GRADED, strict=True) if row.strength]
    accuracy, margin = sum(found > 0 for found in clear) / 5, sum(clear) / 5
    assert accuracy != sum(found > 0 for found in differences) / 8
    batch = algorithm.collect(GRADED)
    for size in (1, 3, 8):
        sums = {"reward/accuracy": 0.0, "reward/margin": 0.0}
        for part in torch.arange(8).split(size):
            for name, value in algorithm.loss(batch.rows(part), count=8.0).metrics.items():
                sums[name] = sums.get(name, 0.0) + value
        assert sums["reward/accuracy"] == pytest.approx(accuracy)
        assert sums["reward/margin"] == pytest.approx(margin, abs=1e-4)
    assert algorithm.validate(GRADED)["eval/accuracy"] == pytest.approx(accuracy)


def test_ties_alone_have_a_loss_and_no_accuracy():
    algorithm, ties = make(), [replace(row, strength=0.0) for row in ROWS]
    batch = algorithm.collect(ties)
    assert set(algorithm.loss(batch, count=8.0).metrics) == {"loss/total"}
    assert set(algorithm.validate(ties)) == {"eval/loss"}


@pytest.mark.parametrize("loss", ["bradley-terry", "margin"])
def test_the_scores_of_ties_are_drawn_together_and_those_of_clear_pairs_apart(loss):
    algorithm = make(loss=loss)
    tiny.fill(algorithm.actors.model, "reward")
    rows = [*ROWS[:4], *(replace(row, strength=0.0) for row in ROWS[4:])]
    before = scores(algorithm, rows)[4:]
    learn(algorithm, 60, rows)
    clear, ties = scores(algorithm, rows).split(4)
    assert (clear[:, 0] - clear[:, 1]).min() > 0.5
    assert (ties[:, 0] - ties[:, 1]).abs().max() < 0.3 < (before[:, 0] - before[:, 1]).abs().max()


@pytest.mark.parametrize("strength", [-1.0, math.nan, math.inf])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(UserError, match=rf"Pair '3' has strength {strength}.*0 for a tie"):
        make().collect([*ROWS[:3], replace(ROWS[3], strength=strength)])


def test_a_margin_of_0_is_refused_where_equal_scores_would_then_cost_nothing():
    with pytest.raises(UserError, match="set margin above 0"):
        build(Options, {"loss": "margin", "margin": 0})
    with pytest.raises(UserError, match=r"'margin'.*greater than or equal to 0"):
        build(Options, {"margin": -1})
    assert build(Options, {"margin": 0}).margin == 0


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


def test_states_of_the_head_stay_whole_where_the_longest_row_has_as_many_tokens_as_a_state_has_numbers():
    algorithm = make(trains="head")
    rows = [Comparison(key="long", prompt="a" * 24, chosen="aa", rejected="z"), *ROWS[:3]]
    batch = algorithm.collect(rows)
    missing = 32 - batch.tokens.ids_BT.shape[1]
    rows[0] = Comparison(key="long", prompt="a" * (24 + missing), chosen="aa", rejected="z")
    batch = algorithm.collect(rows)
    assert batch.tokens.ids_BT.shape[1] == batch.extras["states_BH"].shape[1] == 32
    part = batch.rows(torch.tensor([2, 3]))
    assert part.tokens.ids_BT.shape[1] < 32
    assert_close(part.extras["states_BH"], batch.extras["states_BH"][4:8], atol=0, rtol=0)


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


@pytest.mark.parametrize("trains", ["branch", "head"])
@torch.no_grad()
def test_dropout_of_an_mlp_head_acts_in_the_loss_alone(trains):
    algorithm = make(trains=trains, head="mlp")
    batch = algorithm.collect(ROWS)
    with_dropout = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        with_dropout.append(algorithm.loss(batch, count=8.0).value.item())
    assert with_dropout[0] == with_dropout[1] != with_dropout[2]
    found = [algorithm.validate(ROWS)["eval/loss"] for _ in range(2)]
    assert found[0] == found[1] not in with_dropout
    assert torch.equal(scores(algorithm), scores(algorithm))


@pytest.mark.parametrize(
    ("trains", "head", "steps"),
    [("branch", "linear", 30), ("head", "linear", 300), ("branch", "mlp", 30), ("head", "mlp", 60)],
)
def test_the_margin_grows_and_the_pairs_are_learned(trains, head, steps):
    algorithm = make(trains=trains, head=head)
    seen = learn(algorithm, steps)
    assert seen[-1]["reward/margin"] > seen[0]["reward/margin"] + 1
    assert algorithm.validate(ROWS)["eval/accuracy"] == 1.0
    assert algorithm.actors.model.meter.tokens_in == algorithm.actors.cache.distinct_tokens


@KINDS
@pytest.mark.parametrize("normalise", ["answers", "references"])
def test_after_training_chosen_answers_have_mean_0_and_all_answers_or_they_deviation_1(normalise, trains):
    algorithm = make(normalise=normalise, trains=trains)
    learn(algorithm, 10)
    raw = scores(algorithm).double()
    algorithm.finish(ROWS)
    found = scores(algorithm).double()
    chosen = found[:, 0].tolist()
    over = found.flatten().tolist() if normalise == "answers" else chosen
    assert sum(chosen) / 8 == pytest.approx(0, abs=1e-5)
    assert math.sqrt(sum((x - sum(over) / len(over)) ** 2 for x in over) / len(over)) == pytest.approx(1, abs=1e-5)
    steps = (raw - raw[0, 0]) / (raw[0, 1] - raw[0, 0])
    assert_close(
        (found - found[0, 0]) / (found[0, 1] - found[0, 0]), steps, atol=1e-4, rtol=1e-4
    )  # scale and shift only


def test_without_normalising_the_scores_are_those_that_were_learned():
    algorithm = make(normalise="none")
    learn(algorithm, 10)
    raw = scores(algorithm)
    algorithm.finish(ROWS)
    assert torch.equal(scores(algorithm), raw)


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


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_saved_head_alone_gives_the_same_scores_on_a_fresh_model(head, tmp_path: Path):
    algorithm = make(trains="head", head=head)
    learn(algorithm, 3)
    algorithm.finish(ROWS)
    algorithm.save(tmp_path / "best")
    assert [file.name for file in (tmp_path / "best").iterdir()] == ["head.safetensors"]
    again = make(trains="head", head=head)
    again.load(tmp_path / "best")
    assert_close(scores(again), scores(algorithm), atol=1e-6, rtol=1e-6)
