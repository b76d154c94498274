"""Several runs side by side: what differs, what may be compared, means over seeds, pairs, the page and the command."""

import csv
import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scipy import stats
from typer.testing import CliRunner

from topgraft.cli import app
from topgraft.errors import UserError
from topgraft.experiments.compare import compare
from topgraft.experiments.replicates import over_seeds, seed_interval
from topgraft.recipe import to_toml
from topgraft.report.compare import write_comparison
from topgraft.report.compare_tables import rows_of
from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_json, write_whole
from topgraft.train.settings import settings_of

PROBLEMS = ("a", "a", "b", "b", "c", "c", "d", "d")


def entry(value):
    return {"value": value, "low": value - 0.5, "high": value + 0.5, "n": len(PROBLEMS)}


def make(
    path: Path,
    seed: int,
    *,
    rewards=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    bleu: float = 10.0,
    head: str = "same",
    sac: float = 0.9,
    prompt: str = "ask",
    recipe: dict | None = None,
) -> Path:
    """A run of two arms, whose PPO answers have the rewards `rewards` and whose reward model's file holds `head`."""
    run, mean = RunFolder(path), sum(rewards) / len(rewards)
    write_whole(
        run.recipe_file, to_toml(settings_of({"name": "try", "seed": seed, "stages": ["sft"], **(recipe or {})}))
    )
    write_json(
        path / "provenance.json", {"model": {"digest": "m1"}, "data": {"digest": "d1"}, "commit": "c1", "finished": "x"}
    )
    write_whole(run.stage("reward").checkpoints / "last" / "head.safetensors", head)
    for step in range(1, 5):
        run.stage("ppo").log(step, {"kl/token": 0.01 * step * seed, "eval/reward": mean})
    arms = {
        "base": {"metrics": {"bleu": entry(1.0), "reward": entry(-1.0)}},
        "ppo": {"metrics": {"bleu": entry(bleu), "reward": entry(mean), "sac": entry(0.5), "win_rate": entry(1.0)}},
    }
    gain = {"name": "reward", "arm": "ppo", "against": "base", **entry(mean + 1.0)}
    results = {"recipe": "try", "seed": seed, "arms": arms, "comparisons": [gain]}
    names = {"bleu": "higher", "reward": "higher", "sac": "higher", "win_rate": "higher", "length": "neutral"}
    instruments = {"sac": {"held_out_accuracy": sac}}
    write_json(run.results_file, {**results, "directions": names, "descriptions": {}, "instruments": instruments})
    for arm, values in (("base", [-1.0] * len(PROBLEMS)), ("ppo", rewards)):
        for place, (problem, value) in enumerate(zip(PROBLEMS, values, strict=True)):
            row = {"id": f"{problem}{place}", "problem": problem, "arm": arm, "prompt": f"{prompt} {place}"}
            text = "alike" if arm == "base" else f"{seed}: {value}"
            row |= {"response": text, "reference": "well", "reward": value, "sac": 0.5, "tokens": seed + place}
            append_line(run.responses_file, {**row, "correct": place < 6, "verdict": "correct", "ended": True})
    return path


def test_a_mean_over_seeds_has_students_interval():
    # 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 2 = 7; t at 0.975 with 2 degrees of freedom is 4.302653.
    found = seed_interval([1.0, 2.0, 6.0])
    half = 4.302652729911275 * math.sqrt(7 / 3)
    assert found == pytest.approx({"value": 3, "low": 3 - half, "high": 3 + half, "n": 3, "sd": math.sqrt(7)})
    low, high = stats.t.interval(0.95, 2, loc=3, scale=stats.sem([1.0, 2.0, 6.0]))
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    two = seed_interval([0.0, 2.0])  # 12.706 standard errors of 1
    assert two["high"] - two["value"] == pytest.approx(12.706204736174694)


def test_what_differs_is_named_and_what_agrees_is_not(tmp_path):
    one = make(tmp_path / "one", 1)
    two = make(tmp_path / "two", 1, recipe={"ppo": {"beta": 0.2}, "threads": 1})
    found = compare([one, two])
    assert set(found["settings"]) == {"ppo.beta", "threads"}
    assert found["settings"]["ppo.beta"] == [0.05, 0.2]
    assert found["made_with"] == {}
    assert found["groups"] == found["seeds"] == {}
    assert found["cautions"] == []
    assert list(found["arms"]) == ["one / base", "one / ppo", "two / base", "two / ppo"]


def test_runs_that_differ_in_the_seed_alone_have_means(tmp_path):
    paths = [make(tmp_path / str(seed), seed, bleu=bleu) for seed, bleu in ((1, 10.0), (2, 11.0), (3, 15.0))]
    other = make(tmp_path / "far", 1, bleu=99.0, recipe={"ppo": {"beta": 0.2}})
    found = compare([*paths, other])
    assert found["groups"] == {"1 and 2 more": ["1", "2", "3"]}
    mean = found["seeds"]["1 and 2 more"]["arms"]["ppo"]["metrics"]["bleu"]
    assert mean == pytest.approx(seed_interval([10.0, 11.0, 15.0]))
    header, *rows = rows_of(found)
    assert header == ["Arm", "Metric", "mean of 3 seeds (1, 2, 3)", "1", "2", "3", "far"]
    assert next(row for row in rows if row[:2] == ["ppo", "BLEU ↑"])[2].startswith("12.00 [5.43, 18.57], sd 2.65")


def test_the_same_seed_twice_is_no_second_seed(tmp_path):
    found = compare([make(tmp_path / "a", 1), make(tmp_path / "b", 1)])
    assert found["seeds"] == {}
    assert "a, b agree in all settings" in found["cautions"][-1]


def test_rewards_of_different_reward_models_are_not_compared(tmp_path):
    found = compare([make(tmp_path / "a", 1, head="one"), make(tmp_path / "b", 2, head="other", sac=0.8)])
    assert found["own_instruments"] == ["reward", "sac", "win_rate"]
    (models, style) = found["cautions"]
    assert "reward, win_rate are not comparable between runs" in models
    assert "SAC" in style
    (content,) = found["seeds"].values()
    assert set(content["arms"]["ppo"]["metrics"]) == {
        "bleu",
        "sac",
        "win_rate",
    }  # shares have a unit, rewards have none
    (gain,) = content["gains"]
    assert (gain["values"], gain["above"], gain["n"], "value" in gain) == ([1.0, 1.0], 2, 2, False)
    assert {one["name"] for one in found["comparisons"]} == {"length", "ended", "ca"}


def test_a_reward_model_without_its_files_counts_as_another_one(tmp_path):
    paths = [make(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 2))]
    assert "reward" not in compare(paths)["own_instruments"]
    for path in paths:
        shutil.rmtree(path / "stages" / "reward" / "checkpoints")
    assert "reward" in compare(paths)["own_instruments"]


def test_rules_alone_are_one_instrument_while_they_agree(tmp_path):
    def rule(minimum):
        return {"rewards": {"brief": {"use": "length", "options": {"minimum": minimum, "maximum": 50}}}}

    alike = [make(tmp_path / f"a{seed}", seed, head=str(seed), recipe=rule(5)) for seed in (1, 2)]
    assert compare(alike)["own_instruments"] == []
    other = make(tmp_path / "b", 1, recipe=rule(9))
    found = compare([alike[0], other])
    assert found["own_instruments"] == ["reward", "win_rate"]
    assert "different rewards" in found["cautions"][0]


def test_runs_are_paired_over_problems_on_the_same_rows(tmp_path):
    gains = (1.0, 0.0, 2.0, 1.0, 0.0, 0.0, 3.0, 1.0)
    found = compare([make(tmp_path / "a", 1), make(tmp_path / "b", 2, rewards=gains)])
    (reward,) = [one for one in found["comparisons"] if one["name"] == "reward"]
    assert (reward["arm"], reward["against"], reward["n"]) == ("b / ppo", "a / ppo", 8)
    assert reward["value"] == 1.0
    # Of problems with means 0.5, 1.5, 0 and 2, a resample has a mean between 0 and 2.
    assert 0 <= reward["low"] < 0.5 < 1.5 < reward["high"] <= 2
    (length,) = [one for one in found["comparisons"] if one["name"] == "length"]
    assert (length["value"], length["low"], length["high"]) == (1.0, 1.0, 1.0)  # seed 2 - seed 1 in every row
    (right,) = [one for one in found["comparisons"] if one["name"] == "ca"]
    assert right["value"] == 0.0
    assert not [one for one in found["comparisons"] if "base" in one["arm"]]  # the same answers


def test_other_test_rows_are_said_and_nothing_is_paired(tmp_path):
    found = compare([make(tmp_path / "a", 1), make(tmp_path / "b", 2, prompt="other")])
    assert found["comparisons"] == []
    assert "The test rows differ (a 8, b 8; 0 in common)" in found["cautions"][-1]


def test_an_unfinished_run_stands_beside_the_others(tmp_path):
    begun = make(tmp_path / "begun", 2)
    shutil.rmtree(begun / "evaluation")
    found = compare([make(tmp_path / "done", 1), begun])
    assert found["cautions"][0] == "begun has not been evaluated: it has settings and curves only."
    assert over_seeds({"a": {}, "b": {}}, set()) == {"arms": {}, "gains": []}
    write_json(tmp_path / "out" / "results.json", found)
    assert "has not been evaluated" in write_comparison(tmp_path / "out").read_text(encoding="utf-8")


def test_names_are_as_long_as_it_takes_to_tell_runs_apart(tmp_path):
    found = compare([make(tmp_path / "x" / "run", 1), make(tmp_path / "y" / "run", 2)])
    assert [run["name"] for run in found["runs"]] == ["x/run", "y/run"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["one"], "cannot be compared. Give two"),
        (["one", "none"], "holds no run"),
        (["one", "one/../one"], "given more than once"),
        (["one", "swept"], "is a sweep"),
    ],
)
def test_what_cannot_be_compared_at_all_is_refused(tmp_path, names, words):
    make(tmp_path / "one", 1)
    write_json(tmp_path / "swept" / "sweep.json", {})
    with pytest.raises(UserError, match=words):
        compare([tmp_path / name for name in names])


class Reader(HTMLParser):
    """The text of a page, and its ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.ids = list[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.text.append(data)


def test_the_command_writes_page_tables_and_figures(tmp_path):
    hostile = {"about": "<script>alert(1)</script>"}
    paths = [
        make(tmp_path / name, seed, head=name, recipe=hostile | {"seed": seed}) for name, seed in (("a", 1), ("b", 2))
    ]
    out = tmp_path / "out"
    asked = CliRunner().invoke(app, ["compare", *map(str, paths), "--out", str(out)], env={"COLUMNS": "160"})
    assert asked.exit_code == 0, asked.output
    for word in (
        "differs   seed: 1, 2",
        "caution   Each run has reward models of its own",
        "mean of 2 seeds",
        "ppo  BLEU ↑",
    ):
        assert word in asked.output
    page = Reader((out / "compare.html").read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))
    for word in ("They differ in the seed alone", "Gains within each run", "better in 2 of 2", "Paired between runs"):
        assert word in "".join(page.text)
    stems = {path.stem for path in (out / "figures").glob("*.svg")}
    assert stems == {path.stem for path in (out / "figures").glob("*.pdf")}
    assert {"values-bleu", "values-reward", "ppo-kl-token", "ppo-eval-reward"} == stems - {
        "values-sac",
        "values-win-rate",
    }
    with open(out / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["value"] for row in rows if row["arm"] == "b / ppo" and row["metric"] == "bleu"] == ["10.0"]
    kept = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert kept["runs"][0]["path"] == str(paths[0])
    again = CliRunner().invoke(app, ["compare", *map(str, paths), "--out", str(out)])
    assert again.exit_code == 0
    full = CliRunner().invoke(app, ["compare", *map(str, paths), "--out", str(paths[0])])
    assert isinstance(full.exception, UserError)
