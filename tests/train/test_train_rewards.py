"""Rewards in a run: a reward model on a base of its own, pairs of the data, arms and the best of several samples."""

import json

import pytest
from places import do, open_place, short_rows, steps
from rich.console import Console

from topgraft.errors import UserError
from topgraft.evaluate.records import Response
from topgraft.model.heads import ScalarHead
from topgraft.rewards.combination import Combination
from topgraft.rewards.learned import LearnedReward
from topgraft.train.checking import check
from topgraft.train.evaluation import answers_of
from topgraft.train.pairing import comparisons
from topgraft.train.plan import Plan
from topgraft.train.progress import Screen
from topgraft.train.settings import settings_of
from topgraft.train.stages import carry_out
from topgraft.train.workplace import prepare

DATA = {"max_prompt_tokens": 60, "max_response_tokens": 12, "split": [0.6, 0.2, 0.2]}
FEW = {"epochs": 1, "batch_size": 6}
PPO = {"steps": 2, "batch_size": 4, "minibatch_size": 4, "inner_epochs": 1, "evaluate_every": 1}
LETTERS = "def letters(prompt, response):\n    return sum(letter.isalpha() for letter in response)\n"


@pytest.fixture
def recipe(tmp_path) -> dict:
    data = {"source": str(short_rows(tmp_path / "rows.jsonl")), **DATA}
    return {"data": data, "samples_shown": 0, "sft": FEW, "reward": FEW, "ppo": PPO}


def test_a_reward_model_on_a_base_of_its_own_scores_texts_as_it_would_alone(tmp_path, model_folder, recipe):
    other = {"name": str(model_folder), "layers": [1]}  # the same files, split elsewhere
    recipe["reward"] = FEW | {"model": other}
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward", "ppo"], **recipe)
    do(place)
    beside = place.beside(place.settings.reward.model)
    assert beside.model is not place.model
    assert beside.model.split_layer == 1
    assert "reward" in beside.model.slots.names
    assert "reward" not in place.model.slots.names
    assert place.run.stage("reward").summary()["split_layer"] == 1
    asked = ["Q1?", "Q2?"], ["A 1.", "A 22."]
    scores = place.rewards["reward"](*asked)
    tokens, trunk = beside.cache.get(list(zip(*asked, strict=True)))
    head = ScalarHead(beside.model.hidden_size, init="normal")
    head.load(place.run.stage("reward").checkpoints / "last")
    found = LearnedReward(beside.model, "reward", head)(tokens, trunk)
    assert scores == pytest.approx(found.tolist(), abs=1e-5)
    assert len(set(scores)) == 2
    again = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward", "ppo"], **recipe)
    do(again, "reward")
    assert again.rewards["reward"](*asked) == pytest.approx(scores, abs=1e-5), "loaded as it was saved"


def test_an_arm_on_other_blocks_shares_a_reward_model_whose_own_base_is_the_recipes(tmp_path, model_folder, recipe):
    """The step is the recipe's; an arm's place holds another cut of the model and must not take it for its own."""
    own = {"name": str(model_folder), "layers": "last-2", "lora": {}}
    recipe |= {"reward": FEW | {"model": own}, "arms": {"wide": {"train": ["ppo"], "model": {"layers": "full"}}}}
    first = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward"], **recipe)
    do(first, "pairs", "reward")
    plan = Plan(first.settings)
    (group,) = (group for group in plan.groups() if group.settings.model.layers == "full")
    place = prepare(group.settings, first.run, first.screen)
    (step,) = plan.needed(["reward"])[-1:]
    carry_out(place, step)
    assert place.model.split_layer == 0
    assert "reward" not in place.model.slots.names
    asked = ["Q1?", "Q2?"], ["A 1.", "A 22."]
    tokens, trunk = first.cache.get(list(zip(*asked, strict=True)))
    assert place.rewards["reward"](*asked) == pytest.approx(first.rewards["reward"](tokens, trunk).tolist(), abs=1e-5)


def test_pairs_of_the_data_are_taken_as_they_are(tmp_path, model_folder, recipe):
    rows = [
        {"id": f"r{n}", "problem": f"p{n // 2}", "prompt": f"Q{n}?", "response": "Yes."}
        | {"rejected": f"No {n}.", "strength": n % 3}
        for n in range(20)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward"], **recipe)
    do(place, "pairs")
    found = {row.key: row for row in comparisons(place.run, "pairs")}
    kept = [row for part in (place.splits.train, place.splits.validation) for row in part]
    assert set(found) == {row.key for row in kept}
    assert all((found[row.key].rejected, found[row.key].strength) == (row.rejected, row.strength) for row in kept)
    assert place.model.meter.tokens_in == 0, "nothing was sampled"
    sampled = open_place(tmp_path / "other", model_folder, stages=["pairs"], pairs={"rejected": "sampled"}, **recipe)
    do(sampled)
    assert not {row.rejected for row in comparisons(sampled.run, "pairs")} & {row.rejected for row in kept}


def test_pairs_of_data_that_bring_none_are_refused(tmp_path, model_folder, recipe):
    place = open_place(tmp_path / "run", model_folder, stages=["pairs"], pairs={"rejected": "data"}, **recipe)
    with pytest.raises(UserError, match="no row brings a rejected answer"):
        do(place)


def test_the_best_of_several_samples_is_the_one_with_the_highest_reward(tmp_path, model_folder, recipe):
    (tmp_path / "own.py").write_text(LETTERS)
    rewards = {"letters": {"use": f"{tmp_path / 'own.py'}:letters"}}
    arms = {f"best-of-{count}": {"train": [], "best_of": count} for count in (2, 8)}
    place = open_place(tmp_path / "run", model_folder, stages=[], arms=arms, rewards=rewards, **recipe)
    plan = Plan(place.settings)
    found: dict[str, list[Response]] = answers_of(place, plan, list(plan.arms.values()))
    letters = {arm: [sum(map(str.isalpha, row.response)) for row in rows] for arm, rows in found.items()}
    assert sum(letters["best-of-8"]) > sum(letters["best-of-2"])
    assert [row.key for row in found["best-of-8"]] == [row.key for row in place.splits.test]
    assert all(row.kl_response is None for row in found["best-of-8"])
    again = answers_of(place, plan, [plan.arms["best-of-8"]])
    assert [row.ids for row in again["best-of-8"]] == [row.ids for row in found["best-of-8"]]
    assert isinstance(place.reward(None), Combination)


def test_several_samples_to_a_prompt_stand_in_succession_with_what_was_decoded_for_them(tmp_path, model_folder, recipe):
    (tmp_path / "own.py").write_text(LETTERS)
    raw = {
        "stages": [],
        "rewards": {"letters": {"use": f"{tmp_path / 'own.py'}:letters"}},
        "arms": {"best": {"train": [], "best_of": 4}},
        "evaluate": {"decoding": "sampled", "samples": 3},
    }
    place = open_place(tmp_path / "run", model_folder, **raw, **recipe)
    plan = Plan(place.settings)
    found = answers_of(place, plan, list(plan.arms.values()))
    for rows in found.values():
        assert [(row.key, row.sample) for row in rows] == [(row.key, n) for row in place.splits.test for n in range(3)]
    base = found["base"]
    assert all(row.generated == row.tokens == len(row.ids) for row in base)
    assert all(row.generated >= row.tokens + 3 for row in found["best"])
    assert any(base[place].response != base[place + 1].response for place in range(0, len(base), 3))


def test_check_says_what_a_reward_model_on_another_base_costs(tmp_path, model_folder, recipe, capsys):
    recipe["reward"] = FEW | {"model": {"name": str(model_folder), "layers": [1]}}
    raw = {"name": "test", "stages": ["pairs", "reward"], "model": {"name": str(model_folder), "layers": "last-2"}}
    check(settings_of({**raw, "cache": {"disk_gb": 0}, **recipe}), Screen(Console(width=200)))
    said = capsys.readouterr().out
    assert f"external  reward stands on {model_folder}" in said
    assert "M weights more in memory" in said


def test_learned_rewards_of_the_same_base_share_its_trunk(tmp_path, model_folder, recipe):
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward"], **recipe)
    do(place)
    assert isinstance(place.rewards["reward"], LearnedReward)
    assert not place.others
    assert list(steps(place)) == ["pairs", "reward"]
