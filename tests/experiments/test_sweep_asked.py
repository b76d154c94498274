"""What a sweep is asked: how settings and values are written, and what is refused before a trial runs."""

import os

import pytest
from commands import ROOT, topgraft
from sweeps import grid, search, settings

from topgraft.cli.sweep import command
from topgraft.errors import UserError
from topgraft.experiments.common import identity
from topgraft.experiments.folder import ask, open_folder
from topgraft.experiments.objective import choose
from topgraft.experiments.space import Dimension, at, once, parse_grid, parse_search, points, words
from topgraft.train.plan import Plan


@pytest.fixture
def asked(model_folder, tmp_path):
    return settings(model_folder, tmp_path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ppo.clip=0.1,0.2", (0.1, 0.2)),
        ("sft.schedule=linear, cosine", ("linear", "cosine")),
        ("model.layers=[20, 21],last-4,'a,b'", ([20, 21], "last-4", "a,b")),
        ("x.y={a = 1, b = [2, 3]},4", ({"a": 1, "b": [2, 3]}, 4)),
        ("data.left=true,false", (True, False)),
        ("ppo.learning_rate=5e-7", (5e-7,)),
    ],
)
def test_values_stand_between_commas_that_are_in_no_brackets(text, values):
    found = parse_grid(text)
    assert found.kind == "choice"
    assert found.values == values
    assert [type(value) for value in found.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("ppo.beta=log:0.01:0.3", "log", (0.01, 0.3)),
        ("ppo.inner_epochs=int:1:4", "int", (1, 4)),
        ("ppo.clip=float:0.1:0.4", "float", (0.1, 0.4)),
        ("sft.load=runs/a:b,c", "choice", ("runs/a:b", "c")),
    ],
)
def test_a_search_takes_ranges_and_choices(text, kind, values):
    assert parse_search(text) == Dimension(text.partition("=")[0], kind, values)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_grid, "ppo.clip", "--grid ppo.clip is not understood"),
        (parse_grid, "=1,2", "is not understood"),
        (parse_grid, "ppo.clip=0.1,0.10", "0.1 stands there twice"),
        (parse_grid, "ppo.clip=0.1,,0.2", "a value is empty"),
        (parse_search, "ppo.beta=log:0.1", "is not understood. Write values"),
        (parse_search, "ppo.beta=log:0:1", "must be above 0"),
        (parse_search, "ppo.inner_epochs=int:1.5:2", "is not understood"),
        (parse_search, "ppo.beta=float:2:1", "below the second"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_write(parse, text, message):
    with pytest.raises(UserError, match=message):
        parse(text)


def test_points_are_all_combinations_and_change_nothing_else():
    found = points([Dimension("a.b", "choice", (1, 2)), Dimension("c", "choice", ("x", "y"))])
    expected = [{"a.b": 1, "c": "x"}, {"a.b": 1, "c": "y"}, {"a.b": 2, "c": "x"}, {"a.b": 2, "c": "y"}]
    assert found == expected
    assert at({"a": {"b": 0, "d": 5}, "c": "z"}, found[3]) == {"a": {"b": 2, "d": 5}, "c": "y"}
    assert words({"a.b": 0.0123456, "c": "x"}) == "a.b = 0.01235, c = x"
    with pytest.raises(UserError, match="'c' is varied twice"):
        once([Dimension("c", "choice", (1,)), Dimension("c", "int", (1, 2))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dpo.betta=0.1,0.2", "Unknown key 'dpo.betta'.*Did you mean 'beta'"),
        ("dpoo.beta=0.1,0.2", "Unknown key 'dpoo'.*Did you mean 'dpo'"),
        ("dpo.beta=0.1,-0.2", r"dpo.beta = -0.2.*greater than 0 \(it is -0.2\)"),
        ("dpo.epochs=1,2.5", "dpo.epochs = 2.5"),
        ("ppo.clip=0.1,0.2", "Nothing that 'dpo' is made of depends on ppo.clip"),
        ("evaluate.other_voices=a,b", "Nothing that 'dpo' is made of"),
        ("stages=['sft'],['pairs']", "cannot run"),
    ],
)
def test_a_setting_or_a_value_that_cannot_be_is_refused_before_anything_is_written(asked, tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        grid(asked, tmp_path / "sweep", text)
    assert not (tmp_path / "sweep").exists()


def test_settings_that_exclude_one_another_are_refused_as_points(asked, tmp_path):
    with pytest.raises(UserError, match=r"dpo.loss = ipo, dpo.smoothing = 0.1\b.*smoothing acts with"):
        grid(asked, tmp_path / "sweep", "dpo.loss=sigmoid,ipo", "dpo.smoothing=0.0,0.1")


def test_settings_that_fit_only_together_are_tried_together(model_folder, tmp_path):
    asked = settings(model_folder, tmp_path, dpo={"smoothing": 0.1})
    assert grid(asked, tmp_path / "sweep", "dpo.loss=ipo", "dpo.smoothing=0.0", "dpo.beta=0.1,0.2").trials == 2


def test_the_objective_is_the_last_arms_first_validation_metric(model_folder, tmp_path):
    def chosen(stages: list[str], arm: str | None = None, metric: str | None = None) -> tuple[str, str, bool]:
        found = choose(Plan(settings(model_folder, tmp_path, stages=stages)), arm, metric)
        return found.arm, found.metric, found.lower

    assert chosen(["sft", "pairs", "dpo"]) == ("dpo", "eval/loss", True)
    assert chosen(["sft", "pairs", "dpo"], "sft") == ("sft", "eval/loss", True)
    assert chosen(["sft", "pairs", "dpo"], metric="eval/accuracy") == ("dpo", "eval/accuracy", False)
    assert chosen(["sft", "pairs", "reward", "ppo"]) == ("ppo", "eval/reward", False)
    assert chosen(["sft", "pairs", "reward", "ppo"], "reward") == ("reward", "eval/loss", True)
    assert chosen(["pairs", "reward"]) == ("reward", "eval/loss", True)
    with pytest.raises(UserError, match=r"has no arm 'dpa'\. Did you mean 'dpo'"):
        chosen(["sft", "pairs", "dpo"], "dpa")
    with pytest.raises(UserError, match="has no arm 'base'"):
        chosen(["sft"], "base")
    with pytest.raises(UserError, match=r"no 'reward' on validation rows\. Test metrics .* Did you mean 'eval/reward'"):
        chosen(["sft", "pairs", "reward", "ppo"], metric="reward")
    with pytest.raises(UserError, match="trains nothing"):
        chosen(["pairs"])


@pytest.mark.parametrize(
    ("text", "stages", "metric", "cautioned"),
    [
        ("dpo.beta=0.1,0.2", ["sft", "pairs", "dpo"], "eval/loss", True),
        ("dpo.beta=0.1,0.2", ["sft", "pairs", "dpo"], "eval/accuracy", False),
        ("dpo.learning_rate=0.1,0.2", ["sft", "pairs", "dpo"], "eval/loss", False),
        ("data.split_seed=1,2", ["sft"], "eval/loss", True),
        ("reward.margin=0.5,1.0", ["pairs", "reward"], "eval/loss", True),
        ("reward.margin=0.5,1.0", ["pairs", "reward"], "eval/accuracy", False),
        ("reward.reads='last','mean'", ["pairs", "reward"], "eval/loss", False),
        ("reward.epochs=1,2", ["pairs", "reward", "ppo"], "eval/reward", True),
        ("ppo.beta=0.1,0.2", ["pairs", "reward", "ppo"], "eval/reward", False),
    ],
)
def test_a_setting_that_changes_what_the_metric_measures_is_named(
    model_folder, tmp_path, text, stages, metric, cautioned
):
    asked = settings(model_folder, tmp_path, stages=stages)
    sweep = ask(asked, tmp_path / "sweep", [parse_grid(text)], trials=None, metric=metric)
    key = text.partition("=")[0]
    assert [caution.split()[0] for caution in sweep.cautions] == ([key] if cautioned else [])


def test_a_step_is_known_by_all_that_it_depends_on(model_folder, tmp_path):
    def of(step: str, **changes: object) -> str:
        return identity(Plan(settings(model_folder, tmp_path, **changes)).steps[step])

    assert of("sft") == of("sft", dpo={"beta": 0.7}) == of("sft", evaluate={"metrics": ["bleu"]})
    others = [
        {"seed": 1},
        {"sft": {"epochs": 3}},
        {"data": {"max_response_tokens": 9}},
        {"model": {"layers": "last-1"}},
    ]
    assert len({of("sft", **change) for change in [{}, *others]}) == 5
    assert of("pairs") == of("pairs", model={"layers": "last-1"}), "the base model samples them"
    base = [{"model": {"name": "other"}}, {"model": {"dtype": "float32"}}, {"data": {"split_seed": 3}}]
    assert len({of("pairs", **change) for change in [{}, *base]}) == 4
    assert of("dpo") != of("dpo", dpo={"beta": 0.7})


def test_a_folder_is_joined_by_the_same_sweep_and_by_no_other(asked, tmp_path):
    path = tmp_path / "sweep"
    grid(asked, path, "dpo.beta=0.1,0.2")
    grid(asked.model_copy(update={"samples_shown": 3, "about": "x"}), path, "dpo.beta=0.1,0.2")
    with pytest.raises(UserError, match=r"another sweep.*\n.*what varies.*0.3"):
        grid(asked, path, "dpo.beta=0.1,0.3")
    with pytest.raises(UserError, match="seed: 42 -> 7"):
        grid(asked.model_copy(update={"seed": 7}), path, "dpo.beta=0.1,0.2")
    with pytest.raises(UserError, match="metric: eval/loss -> eval/accuracy"):
        grid(asked, path, "dpo.beta=0.1,0.2", metric="eval/accuracy")
    other = tmp_path / "search"
    search(asked, other, "dpo.beta=log:0.1:1", trials=3)
    search(asked, other, "dpo.beta=log:0.1:1", trials=5)
    with pytest.raises(UserError, match="trials: 5 -> 4"):
        search(asked, other, "dpo.beta=log:0.1:1", trials=4)


def test_a_folder_with_something_else_in_it_is_refused(asked, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    for path, message in ((tmp_path / "full", "holds no sweep"), (tmp_path / "full" / "notes.txt", "is a file")):
        with pytest.raises(UserError, match=message):
            open_folder(ask(asked, path, [parse_grid("dpo.beta=0.1,0.2")], trials=None))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Give --grid or --search"),
        ({"grid": ["dpo.beta=1,2"], "search": ["dpo.beta=log:1:2"]}, "Give --grid or --search"),
        ({"grid": ["dpo.beta=1,2"], "trials": 5}, "leave --trials 5 out"),
        ({"grid": ["dpo.beta=1,2"], "recipe": "profesor"}, "Did you mean 'professor'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        command(**{"recipe": "professor", **given})


def test_without_optuna_the_message_says_what_to_install(tmp_path):
    (tmp_path / "optuna.py").write_text("raise ImportError(\"No module named 'optuna'\")\n")
    words = ("sweep", "professor", "--grid", "ppo.clip=0.1,0.2", "--out", "out")
    done = topgraft(*words, cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.code == 2
    assert 'pip install "topgraft[sweep]"' in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
