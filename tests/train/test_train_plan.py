"""Law: arms that would carry out a stage alike share it; every step comes after those that it needs."""

import pytest

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.train.plan import Plan
from topgraft.train.settings import RunSettings, settings_of


def plan(arms: dict | None = None, stages: tuple[str, ...] = (), **raw) -> Plan:
    return Plan(settings_of({"name": "test", "stages": stages, "arms": arms or {}, **raw}))


FULL = {"model": {"layers": "full"}}


def test_a_recipe_without_arms_has_its_stages_as_steps_and_its_policies_as_arms():
    made = plan(stages=("ppo", "sft", "pairs", "reward", "reward-check", "dpo"))
    assert list(made.steps) == ["sft", "pairs", "reward", "reward-check", "dpo", "ppo"]
    assert {name: step.start for name, step in made.steps.items() if step.start} == {"dpo": "sft", "ppo": "sft"}
    assert {name: arm.policy for name, arm in made.arms.items()} == {
        "base": None,
        "sft": "sft",
        "dpo": "dpo",
        "ppo": "ppo",
    }
    assert made.steps["ppo"].reward == "reward"
    assert made.steps["dpo"].pairs == made.steps["reward"].pairs == "pairs"


def test_arms_bring_the_stages_that_they_need_and_share_them():
    made = plan(
        {
            "dpo": {"train": ["sft", "dpo"]},
            "ppo": {"train": ["sft", "ppo"]},
            "strict": {"train": ["sft", "dpo"], "dpo": {"beta": 0.5}},
        }
    )
    assert list(made.steps) == ["sft", "pairs", "dpo", "reward", "ppo", "strict"]
    assert [made.steps[name].start for name in ("dpo", "ppo", "strict")] == ["sft"] * 3
    assert made.steps["strict"].settings.dpo.beta == 0.5
    assert made.steps["dpo"].settings.dpo.beta == 0.1


def test_other_blocks_have_stages_of_their_own_but_for_pairs_and_a_head_on_the_base():
    arms = {
        "sft": {"train": ["sft"]},
        "ppo": {"train": ["sft", "ppo"]},
        "ppo-full": {"train": ["sft", "ppo"], **FULL},
        "dpo-full": {"train": ["sft", "dpo"], **FULL},
    }
    shared = plan(arms, reward={"trains": "head"})
    assert list(shared.steps) == ["sft", "pairs", "reward", "ppo", "sft-of-ppo-full", "ppo-full", "dpo-full"]
    assert shared.steps["dpo-full"].start == shared.steps["ppo-full"].start == "sft-of-ppo-full"
    assert shared.steps["ppo-full"].reward == "reward"
    apart = plan(arms, reward={"trains": "branch"})
    assert apart.steps["ppo-full"].reward == "reward-of-ppo-full"
    assert apart.steps["reward-of-ppo-full"].pairs == "pairs"
    own, full = shared.groups()
    assert [step.name for step in own.steps] == ["sft", "pairs", "reward", "ppo"]
    assert [arm.name for arm in own.arms] == ["base", "sft", "ppo"]
    assert [step.name for step in full.steps] == ["sft-of-ppo-full", "ppo-full", "dpo-full"]
    assert [step.name for step in shared.needed(full.names)] == ["pairs", "reward", *(s.name for s in full.steps)]


def test_a_shared_stage_is_called_after_the_arm_that_is_that_stage():
    made = plan({"dpo-full": {"train": ["sft", "dpo"], **FULL}, "sft-full": {"train": ["sft"], **FULL}})
    assert made.steps["dpo-full"].start == "sft-full"


def test_arms_that_filter_or_are_constrained_have_no_step_of_their_own():
    arms = {
        "filter": {"train": ["sft"], "filter": 8},
        "constrained": {"train": ["sft"], "constrained": True},
        "constrained-base": {"constrained": True},
    }
    evaluate = {"clauses": {"short": {"use": "length", "options": {"high": 9}, "at_least": 0}}}
    made = plan(arms, stages=("sft",), constraint={"high": 9}, evaluate=evaluate)
    assert list(made.steps) == ["sft"]
    assert [made.arms[name].policy for name in arms] == ["sft", "sft", None]
    assert [made.arms[name].plain for name in ("base", "sft", *arms)] == [True, True, False, False, False]
    assert made.starts() == {"sft": "base", "filter": "sft", "constrained": "sft", "constrained-base": "base"}


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"filter": 8, "best_of": 2}, "best_of and filter are different ways to choose an answer"),
        ({"filter": 8}, r"\[arms.x\] filter = 8 has nothing to filter by"),
        ({"constrained": True}, r"\[arms.x\] constrained = true has no constraint"),
    ],
)
def test_arms_that_cannot_choose_are_refused(arm, said):
    with pytest.raises(UserError, match=said):
        plan({"x": arm}, stages=("sft",))


def test_the_best_of_several_is_an_arm_without_a_step_of_its_own():
    made = plan({"best-of-8": {"train": ["sft"], "best_of": 8}, "best-of-base": {"best_of": 2}}, stages=("sft",))
    assert list(made.steps) == ["sft", "pairs", "reward"]
    best, base = made.arms["best-of-8"], made.arms["best-of-base"]
    assert (best.policy, best.reward, best.best_of) == ("sft", "reward", 8)
    assert (base.policy, base.reward) == (None, "reward")


def test_rules_alone_need_no_reward_model():
    rules = {"length": {"use": "my_file.py:length"}}
    made = plan({"best": {"train": ["sft"], "best_of": 2}}, stages=("sft", "ppo"), rewards=rules)
    assert list(made.steps) == ["sft", "ppo"]
    assert made.steps["ppo"].reward is made.arms["best"].reward is None
    mixed = plan({"both": {"train": ["sft", "ppo"], "rewards": {"learned": {}}}}, stages=("sft", "ppo"), rewards=rules)
    assert mixed.steps["both"].reward == "reward"
    assert list(mixed.steps["both"].settings.mix) == ["length", "learned"]


def test_a_policy_may_go_through_several_stages_or_start_from_the_base():
    made = plan({"all": {"train": ["sft", "dpo", "ppo"]}, "alone": {"train": ["ppo"]}})
    assert made.steps["all"].start == "dpo"
    assert made.steps["dpo"].start == "sft"
    assert made.steps["alone"].start is None
    assert made.start_of(made.arms["all"]) == "dpo"
    assert [step.name for step in made.needed(["alone"])] == ["pairs", "reward", "alone"]


def test_every_step_comes_after_those_that_it_needs():
    kinds = ["dpo", "orpo", "kto", "ppo", "grpo", "rloo"]
    arms = {
        f"{kind}-{layers}": {"train": ["sft", kind], "model": {"layers": layers}}
        for layers in ("full", "last-2")
        for kind in kinds
    }
    made = plan(arms, stages=("pairs", "reward", "reward-check"))
    seen: set[str] = set()
    for name, step in made.steps.items():
        assert set(step.needs) <= seen
        seen.add(name)
    assert set(made.arms) == {"base", *arms}


def test_an_arm_is_measured_against_the_arm_it_starts_from():
    made = plan(
        {
            "sft": {"train": ["sft"]},
            "dpo": {"train": ["sft", "dpo"]},
            "best": {"train": ["sft", "dpo"], "best_of": 4},
            "best-of-base": {"best_of": 4},
            "orpo": {"train": ["orpo"]},
            "ppo-full": {"train": ["sft", "ppo"], **FULL},
        }
    )
    wanted = {"sft": "base", "dpo": "sft", "best": "dpo", "best-of-base": "base", "orpo": "base"}
    assert made.starts() == wanted, "the SFT that ppo-full starts from is no arm"


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"train": ["sft", "dop"]}, r"\[arms.x\] train: no policy comes of 'dop'. Did you mean 'dpo'"),
        ({"train": ["reward"]}, "no policy comes of 'reward'"),
        ({"train": ["sft", "sft"]}, "names a stage twice"),
        ({"train": ["sft"], "data": {"source": "x"}}, "cannot set 'data'"),
        ({"trian": ["sft"]}, "cannot set 'trian'. Did you mean 'train'"),
        ({"train": ["sft"], "model": {"name": "other"}}, "cannot set model.name: arms of a run share the base model"),
        ({"train": ["sft"], "sft": {"epoch": 1}}, r"Unknown key 'sft.epoch' in \[arms.x\] of recipe 'test'"),
        ({"train": ["sft"], "best_of": 0}, "'arms.x.best_of'"),
    ],
)
def test_what_is_wrong_with_an_arm_is_said(arm, said):
    with pytest.raises(UserError, match=said):
        plan({"x": arm})


@pytest.mark.parametrize("name", ["base", "reward", "a.b", "a/b", "", "-a"])
def test_names_that_could_not_be_folders_or_mean_something_else_are_refused(name):
    with pytest.raises(UserError, match="An arm cannot be called"):
        plan({name: {"train": ["sft"]}})


def test_an_arm_cannot_take_the_name_of_another_policy():
    same = plan({"sft": {"train": ["sft"]}}, stages=("sft",))
    assert list(same.steps) == ["sft"]
    with pytest.raises(UserError, match="is another policy than the arm 'sft'"):
        plan({"sft": {"train": ["sft"], "sft": {"epochs": 3}}}, stages=("sft",))


def test_settings_of_an_arm_are_the_recipes_with_its_changes():
    raw = {"name": "test", "dpo": {"beta": 0.3}, "arms": {"x": {"train": ["dpo"], "dpo": {"epochs": 2}}}}
    made = Plan(settings_of(raw))
    assert (made.arms["x"].settings.dpo.beta, made.arms["x"].settings.dpo.epochs) == (0.3, 2)
    assert build(RunSettings, raw).arms["x"].changes == {"dpo": {"epochs": 2}}
