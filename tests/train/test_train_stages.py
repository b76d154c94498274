"""Stages of a run: what a stage draws depends on its own seed alone, and what is finished is reloaded."""

import io
import json
import shutil

import pytest
import torch
from places import do, open_place, short_rows, wide
from rich.console import Console

from topgraft.algorithms.sft import SFT
from topgraft.errors import UserError
from topgraft.rollout.cache import TrunkCache
from topgraft.train.evaluation import answers_of, evaluate
from topgraft.train.measuring import _evaluation
from topgraft.train.pairing import comparisons
from topgraft.train.plan import Plan
from topgraft.train.settings import NOT_POLICIES, POLICIES
from topgraft.train.workplace import stage_seed

DATA = {"max_prompt_tokens": 60, "max_response_tokens": 12, "split": [0.6, 0.2, 0.2]}
SMALL = {
    "reward": {"epochs": 1, "batch_size": 6},
    "ppo": {"steps": 2, "batch_size": 4, "minibatch_size": 4, "inner_epochs": 1, "learning_rate": 1e-2},
    "samples_shown": 0,
}


@pytest.fixture
def recipe(tmp_path) -> dict:
    return {"data": {"source": str(short_rows(tmp_path / "rows.jsonl")), **DATA}, **SMALL}


def figures(place, stage: str) -> list[dict]:
    return [{key: row[key] for key in row if key != "cost/seconds"} for row in place.run.stage(stage).metrics()]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_ppo_from_the_base_model_is_the_same_after_a_resume(tmp_path, model_folder, recipe, dropout):
    stages = ["pairs", "reward", "ppo"]
    recipe |= {"lora": {"dropout": dropout}}
    whole = open_place(tmp_path / "whole", model_folder, stages=stages, **recipe)
    do(whole)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / "stages" / "ppo")
    resumed = open_place(tmp_path / "cut", model_folder, stages=stages, **recipe)
    do(resumed)
    assert figures(resumed, "ppo") == figures(whole, "ppo")


def test_dropout_in_front_of_the_adapters_acts_while_they_learn_and_not_while_they_are_measured(
    tmp_path, model_folder, recipe
):
    logs = []
    for dropout in (0.0, 0.5):
        recipe |= {"lora": {"dropout": dropout}, "sft": {"epochs": 3, "batch_size": 6, "learning_rate": 1e-2}}
        place = open_place(tmp_path / str(dropout), model_folder, stages=["sft"], **recipe)
        do(place)
        logs.append([row["loss/total"] for row in figures(place, "sft")])
        algorithm = SFT(place.actors("again"), place.settings.sft, "again")
        place.model.slots.load("again", place.run.stage("sft").checkpoints / "last")
        assert algorithm.validate(place.splits.test) == algorithm.validate(place.splits.test)
    assert logs[0][0] == logs[1][0], "an adapter begins without effect, with or without dropout"
    assert logs[0][2:] != logs[1][2:]


def test_leaving_a_stage_out_does_not_change_the_others(tmp_path, model_folder, recipe):
    logs = []
    for name, stages in (("with", ["pairs", "reward", "reward-check", "ppo"]), ("without", ["pairs", "reward", "ppo"])):
        place = open_place(tmp_path / name, model_folder, stages=stages, **recipe)
        do(place)
        logs.append({stage: figures(place, stage) for stage in ("reward", "ppo")})
    assert logs[0] == logs[1]


def test_a_later_run_on_the_same_rows_runs_no_trunk_over_them_and_learns_the_same(tmp_path, model_folder, recipe):
    logs, passes, tokens = [], [], []
    for name in ("first", "later"):
        recipe |= {"sft": {"epochs": 2, "batch_size": 6}, "evaluate": {"metrics": ["length"]}, "cache": {}}
        place = open_place(tmp_path / name, model_folder, stages=["sft", "pairs", "reward"], **recipe)
        do(place)
        logs.append([row for stage in ("sft", "reward") for row in figures(place, stage)])
        summaries = [place.run.stage(stage).summary() for stage in ("sft", "reward")]
        passes.append([summary["trunk_passes_per_token"] for summary in summaries])
        tokens.append([summary["tokens"] for summary in summaries])
        plan = Plan(place.settings)
        evaluate(place, plan, answers_of(place, plan, list(plan.arms.values())))
    assert all(row.pop("cost/trunk_passes_per_token", 1.0) == 1.0 for row in logs[0])
    assert logs[0] == logs[1]
    assert passes == [[1.0, 1.0], [0.0, 0.0]]
    assert min(tokens[0]) > max(tokens[1]) == 0
    last = TrunkCache(place.model, place.template, place.settings.cache)
    before = place.model.meter.tokens_in
    last.get([(row.prompt, row.response) for rows in place.splits.parts().values() for row in rows])
    assert place.model.meter.tokens_in == before, "the evaluation left its rows too"


def test_two_reward_models_have_seeds_of_their_own(tmp_path, model_folder, recipe):
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward", "reward-check"], **recipe)
    do(place)
    heads = [place.rewards[name].head.linear.weight for name in ("reward", "reward-check")]
    assert not torch.equal(*heads)
    seeds = {stage_seed(seed, stage) for seed in range(5) for stage in (*NOT_POLICIES, *POLICIES)}
    assert len(seeds) == 5 * len((*NOT_POLICIES, *POLICIES))


def test_every_row_but_the_test_rows_gets_its_pairs(tmp_path, model_folder, recipe):
    recipe |= {"pairs": {"samples_per_prompt": 2}}
    place = open_place(tmp_path / "run", model_folder, stages=["pairs"], **recipe)
    do(place)
    found = comparisons(place.run, "pairs")
    answers = {row.key: row.response for row in [*place.splits.train, *place.splits.validation]}
    assert {row.key for row in found} == set(answers)
    assert all(row.chosen == answers[row.key] for row in found)
    assert len({row.rejected for row in found}) > len(answers), "every pair has a sample of its own"
    assert all(row.rejected.strip() for row in found)


def test_ties_are_for_the_reward_model_and_left_out_where_a_policy_learns_from_pairs(tmp_path, model_folder, recipe):
    recipe |= {"dpo": {"epochs": 1, "batch_size": 6}}
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward", "dpo"], **recipe)
    do(place, "pairs")
    path = place.run.stage("pairs").path / "pairs.jsonl"
    records = [json.loads(line) | {"strength": float(number % 3)} for number, line in enumerate(path.open())]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [row.strength for row in comparisons(place.run, "pairs")[:4]] == [0, 1, 2, 0]
    place.screen.console = Console(record=True, width=200, file=io.StringIO())
    do(place, "reward", "dpo")
    said = place.screen.console.export_text()
    keys = {row.key for row in place.splits.train}
    train = [row for row in comparisons(place.run, "pairs") if row.key in keys]
    ties = sum(row.strength == 0 for row in comparisons(place.run, "pairs"))
    clear = sum(row.strength > 0 for row in train)
    assert 0 < clear < len(train)
    assert f"{ties} ties are left out" in said
    assert [line.split(", ")[1] for line in said.splitlines() if "training items" in line] == [
        f"{len(train)} training items",
        f"{clear} training items",
    ]


def test_a_stage_is_loaded_from_another_run_or_refused(tmp_path, model_folder, recipe):
    first = open_place(tmp_path / "first", model_folder, stages=["sft"], **recipe)
    do(first)
    sft = {"load": str(tmp_path / "first" / "stages" / "sft")}
    second = open_place(tmp_path / "second", model_folder, stages=["sft"], sft=sft, **recipe)
    do(second)
    for one, two in zip(first.model.slots.weights("sft"), second.model.slots.weights("sft"), strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=0)
    assert second.run.stage("sft").summary()["loaded_from"] == sft["load"]
    with pytest.raises(UserError, match="is no finished stage"):
        open_place(tmp_path / "third", model_folder, stages=["sft"], sft={"load": str(tmp_path)}, **recipe)


def test_a_reward_model_with_another_head_is_refused_by_the_setting(tmp_path, model_folder, recipe):
    recipe["reward"] |= {"head": "mlp", "trains": "head"}
    first = open_place(tmp_path / "first", model_folder, stages=["pairs", "reward"], **recipe)
    do(first)
    reward = {"load": str(tmp_path / "first" / "stages" / "reward"), "trains": "head"}
    same = open_place(
        tmp_path / "same", model_folder, stages=["reward"], **recipe | {"reward": reward | {"head": "mlp"}}
    )
    do(same)
    saved = (place.rewards["reward"].head.state_dict() for place in (first, same))
    torch.testing.assert_close(*saved, rtol=0, atol=0)
    other = open_place(tmp_path / "other", model_folder, stages=["reward"], **recipe | {"reward": reward})
    with pytest.raises(UserError, match="made with head = mlp, this run has linear"):
        do(other)


def test_a_stage_without_rows_is_refused(tmp_path, model_folder, recipe):
    place = open_place(tmp_path / "run", model_folder, stages=["pairs", "reward"], **recipe)
    do(place, "pairs")
    (place.run.stage("pairs").path / "pairs.jsonl").write_text("")
    with pytest.raises(UserError, match="'reward' has no training rows"):
        do(place, "reward")


@pytest.mark.parametrize("with_pairs", [False, True])
def test_the_style_classifier_never_sees_a_text_of_a_test_problem(tmp_path, model_folder, with_pairs):
    stages = ["pairs"] if with_pairs else ["sft"]
    data = {"source": "feedback-200", "max_prompt_tokens": 1000, "max_response_tokens": 700}
    evaluate = {"other_voices": "other-voices"}
    place = open_place(
        tmp_path / "run", wide(model_folder, tmp_path), stages=stages, data=data, evaluate=evaluate, **SMALL
    )
    parts = place.splits.parts()
    groups = {name: {row.group for row in rows} for name, rows in parts.items()}
    if with_pairs:
        pairs = [
            {
                "key": row.key,
                "prompt": row.prompt,
                "chosen": row.response,
                "rejected": f"sample {row.key}",
                "rejected_ids": [5],
            }
            for rows in parts.values()
            for row in rows
        ]
        path = place.run.stage("pairs").path / "pairs.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    found = _evaluation(place.run, Plan(place.settings), place.splits, {})
    fitted = [*found.target_texts, *found.other_texts]
    held = [*found.held_out_target, *found.held_out_other]
    assert len(found.target_texts) == 140
    assert len(found.other_texts) == 140 * (3 if with_pairs else 2)
    assert len(found.held_out_other) == 20 * (3 if with_pairs else 2)
    assert {group for group, _ in fitted} == groups["train"]
    assert {group for group, _ in held} == groups["validation"]
    test_texts = {row.response for row in parts["test"]}
    assert not test_texts & {text for _, text in fitted}
    assert all(f"sample {row.key}" not in {text for _, text in [*fitted, *held]} for row in parts["test"])
    assert {len(found.verdict_texts[voice]) for voice in ("reference", "neutral")} == {200}
    assert sum(len(texts) for texts in found.verdict_texts.values()) == 600


def test_a_stage_is_watched_with_the_thresholds_of_the_recipe_and_the_weights_of_its_reward(
    tmp_path, model_folder, recipe
):
    rewards = {"brief": {"use": "length", "weight": -1.0, "options": {"high": 3}}, "same": {"use": "repetition"}}
    watch = {"baseline": 1, "window": 1, "kl": 1e-9, "length": 0}
    place = open_place(tmp_path / "run", model_folder, stages=["ppo"], rewards=rewards, watch=watch, **recipe)
    place.run.stage("ppo").warn({"sign": "of a stage that was cut off"})
    do(place)
    first, second = figures(place, "ppo")
    assert second["kl/token"] > 1e-9
    assert "kl" in (signs := [warning["sign"] for warning in place.run.stage("ppo").warnings()])
    assert not {"length", "of a stage that was cut off"} & set(signs)
    assert {"rollout/repetition", "reward/std", "reward/std/brief", "reward/std/same"} <= first.keys() & second.keys()
