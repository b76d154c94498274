"""Recipes are checked strictly, and their page in the docs is the one that the settings classes write."""

import tomllib
from pathlib import Path

import pytest
import tomli_w

from topgraft.errors import UserError
from topgraft.recipe import differences, overlay, parse_set, read_recipe, scales_of, shipped_recipes, to_toml
from topgraft.train.pipeline import open_folder
from topgraft.train.settings import settings_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ppo.step=5", ["Unknown key 'ppo.step'", "Did you mean 'steps'?"]),
        ("model.lora.rnk=5", ["Unknown key 'model.lora.rnk'", "Did you mean 'rank'?", "dropout"]),
        ("smapling.top_k=5", ["Unknown key 'smapling'", "Did you mean 'sampling'?"]),
        ("sft.beta=0.1", ["Unknown key 'sft.beta'", "learning_rate"]),
        ("ppo.kl.targt=0.03", ["Unknown key 'ppo.kl.targt'", "Did you mean 'target'?"]),
        ("grpo.kl_penalty=reward", ["'grpo.kl_penalty'", "k2|k3", "'reward'"]),
        ("ppo.steps=many", ["'ppo.steps'", "integer", "'many'"]),
        ("ppo.steps=0", ["'ppo.steps'", "greater than or equal to 1", "0"]),
        ("ppo.clip=-0.5", ["'ppo.clip'", "greater than 0", "-0.5"]),
        ("sft.schedule=linaer", ["'sft.schedule'", "linear", "'linaer'"]),
        ("ppo=7", ["'ppo'", "7"]),
        ("data.split=[0.5, 0.5]", ["'data.split"]),
        ('stages=["sft", "pops"]', ["unknown stage 'pops'", "reward-check"]),
        ('stages=["sft", "ppo"]', ["'ppo' needs stage 'reward'"]),
        ('stages=["reward"]', ["'reward' needs stage 'pairs'"]),
        ('stages=["sft", "rloo"]', ["'rloo' needs stage 'reward'"]),
        ('dpo={loss = "ipo", smoothing = 0.1}', ["[dpo] in recipe 'professor': smoothing acts"]),
        ("seed=1.5", ["'seed'", "1.5"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(text, words):
    with pytest.raises(UserError) as caught:
        settings_of(read_recipe("professor", sets=[text]))
    for word in words:
        assert word in str(caught.value)


def test_every_wrong_setting_is_named_at_once():
    with pytest.raises(UserError) as caught:
        settings_of(read_recipe("professor", sets=["ppo.steps=x", "sft.bach_size=3"]))
    assert "ppo.steps" in str(caught.value)
    assert "Did you mean 'batch_size'?" in str(caught.value)


@pytest.mark.parametrize("text", ["steps", "=5", " =5"])
def test_a_set_without_a_key_is_refused(text):
    with pytest.raises(UserError, match=r"section\.key=value"):
        parse_set(text)


def test_an_unknown_recipe_or_scale_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean 'professor'"):
        read_recipe("profesor")
    with pytest.raises(UserError, match="Did you mean 'tiny'"):
        read_recipe("professor", scale="tinny")


def test_every_scale_of_every_shipped_recipe_is_a_valid_recipe():
    for name in shipped_recipes():
        assert "tiny" in scales_of(name)
        plain = settings_of(read_recipe(name))
        for scale in scales_of(name):
            assert settings_of(read_recipe(name, scale=scale)) != plain


def test_a_set_wins_over_the_scale_and_the_scale_over_the_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "seed = 1\n[ppo]\nsteps = 7\nbeta = 0.1\nclip = 0.3\n[scale.small]\nppo.steps = 2\nppo.clip = 0.4\n"
    )
    made = settings_of(read_recipe(str(path), scale="small", sets=["ppo.clip=0.5"]))
    assert (made.name, made.seed) == ("mine", 1)
    assert (made.ppo.steps, made.ppo.beta, made.ppo.clip) == (2, 0.1, 0.5)
    assert settings_of(read_recipe(str(path))).ppo.steps == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=3", {"a": {"b": 3}}),
        ("a.b=3e-4", {"a": {"b": 3e-4}}),
        ("a.b=true", {"a": {"b": True}}),
        ("a.b=[1, 2]", {"a": {"b": [1, 2]}}),
        ("a.b=owner/name", {"a": {"b": "owner/name"}}),
        ('a.b="x = y"', {"a": {"b": "x = y"}}),
        ("a=", {"a": ""}),
    ],
)
def test_a_set_value_is_toml_or_else_text(text, value):
    assert parse_set(text) == value


def test_an_overlay_goes_table_by_table_and_leaves_both_as_they_were():
    below, above = {"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": 5}, "b": {"z": 1}}
    assert overlay(below, above) == {"a": {"x": 1, "y": 5}, "b": {"z": 1}}
    assert below == {"a": {"x": 1, "y": 2}, "b": 3}


def test_differences_name_every_setting_with_both_values():
    old = {"ppo": {"steps": 2, "clip": 0.2}, "seed": 1, "gone": {"x": 1}}
    new = {"ppo": {"steps": 3, "clip": 0.2}, "seed": 1, "more": "y"}
    assert differences(old, new) == ["gone.x: 1 -> None", "more: None -> 'y'", "ppo.steps: 2 -> 3"]


def test_a_run_may_go_on_with_its_states_kept_elsewhere_and_watched_otherwise_but_not_with_other_steps(tmp_path):
    raw = tomllib.loads(to_toml(settings_of(read_recipe("professor"))))
    del raw["cache"], raw["watch"]  # as in a run that began before there were these
    (tmp_path / "recipe.toml").write_text(tomli_w.dumps(raw))
    changed = settings_of(read_recipe("professor", sets=["cache.disk_gb=0", "cache.folder=elsewhere", "watch.kl=1"]))
    assert open_folder(changed, tmp_path, resume=True).path == tmp_path
    with pytest.raises(UserError, match=r"ppo\.steps: 20 -> 5\n"):
        open_folder(settings_of(read_recipe("professor", sets=["ppo.steps=5"])), tmp_path, resume=True)
    stops = settings_of(read_recipe("professor", sets=['watch.stop=["kl"]']))
    with pytest.raises(UserError, match=r"watch\.stop: \[\] -> \['kl'\]\n"):
        open_folder(stops, tmp_path, resume=True)


def test_settings_cannot_be_changed_after_the_check():
    made = settings_of(read_recipe("professor"))
    with pytest.raises(ValueError, match="frozen"):
        made.ppo.steps = 3


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_shipped_recipe_says_in_a_sentence_what_it_does(name):
    made = settings_of(read_recipe(name))
    assert made.name == name
    assert len(made.about.split()) > 3
    assert settings_of(tomllib.loads(to_toml(made))) == made


def test_the_page_of_settings_is_up_to_date():
    settings_doc = pytest.importorskip("tools.settings_doc", reason="the tools stand in a checkout only")
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert page == settings_doc.render(), "write it anew: python -m tools.settings_doc"
