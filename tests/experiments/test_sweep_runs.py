"""Whole sweeps, by the command line: real trials in real processes."""

import csv
import itertools
import signal
from pathlib import Path

import pytest
import tomli_w
from commands import forked, stopped
from safetensors.torch import load_file
from sweeps import lines, recipe, settings, summary

from topgraft.experiments.folder import ask, open_folder
from topgraft.experiments.space import parse_search
from topgraft.experiments.study import Study
from topgraft.experiments.sweep import Worker
from topgraft.train.progress import Screen

GRID = ("--grid", "dpo.beta=0.1,0.5", "--grid", "dpo.learning_rate=1e-3,1e-2")
METRIC = ("--metric", "eval/accuracy")
POINTS = set(itertools.product(("0.1", "0.5"), ("0.001", "0.01")))


def write(path: Path, model: Path, **changes: object) -> Path:
    path.write_text(tomli_w.dumps(recipe(model, path.parent, **changes)))
    return path


def table(path: Path) -> list[dict[str, str]]:
    with open(path / "sweep.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> tuple[Path, str]:
    """A finished grid of four points, by two workers, and what was said."""
    folder = tmp_path_factory.mktemp("swept")
    write(folder / "small.toml", model_folder)
    done = forked("sweep", "small.toml", *GRID, *METRIC, "--workers", 2, "--out", folder / "sweep", cwd=folder)
    assert done.code == 0, done.err + done.out
    return folder / "sweep", done.out


def test_every_point_of_a_grid_is_carried_out_once(swept):
    path, _ = swept
    rows = table(path)
    assert [(row["trial"], row["state"]) for row in rows] == [(str(number), "finished") for number in (1, 2, 3, 4)]
    assert {(row["dpo.beta"], row["dpo.learning_rate"]) for row in rows} == POINTS
    assert len(rows) == len(POINTS)
    steps = [[line["step"] for line in lines(path / f"trials/{n}/stages/dpo/metrics.jsonl")] for n in (1, 2, 3, 4)]
    assert steps == [[1, 2]] * 4, "a trial that is begun twice would log its steps twice"


def test_two_workers_share_the_trials_and_what_they_say_is_whole(swept):
    _, out = swept
    begun = [line for line in out.splitlines() if line.startswith("trial ")]
    assert sorted(line.split(":")[0] for line in begun) == [f"trial {number}" for number in (1, 2, 3, 4)]
    assert "4/4  trial" in out
    assert "best      trial" in out


def test_stages_in_common_are_made_once_and_taken_by_the_other_trials(swept):
    path, _ = swept
    for stage in ("sft", "pairs"):
        made = [number for number in (1, 2, 3, 4) if summary(path, number, stage)["seconds"] > 0]
        assert len(made) == 1, stage
        assert len(list((path / "common").glob(f"{stage}-*"))) == 1
        taken = [summary(path, number, stage) for number in (1, 2, 3, 4) if number not in made]
        (common,) = (path / "common").glob(f"{stage}-*")
        assert {found["loaded_from"] for found in taken} == {str(common)}
    weights = [load_file(next((path / f"trials/{n}/stages/sft").rglob("adapter_model.safetensors"))) for n in (1, 4)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert all(summary(path, number, "dpo")["seconds"] > 0 for number in (1, 2, 3, 4))


def test_a_trial_is_an_ordinary_run_with_the_settings_of_its_point(swept):
    path, _ = swept
    for row in table(path):
        run = path / "trials" / row["trial"]
        text = (run / "recipe.toml").read_text(encoding="utf-8")
        assert f"beta = {row['dpo.beta']}\n" in text.split("[dpo]")[1]
        assert f"learning_rate = {row['dpo.learning_rate']}\n" in text.split("[dpo]")[1]
        assert (run / "report" / "index.html").stat().st_size > 1000
        found = summary(path, int(row["trial"]), "dpo")
        assert float(row["validation eval/accuracy"]) == found["metrics"]["eval/accuracy"]
        assert float(row["test length"]) == pytest.approx(8, abs=8)


def test_the_table_and_the_page_are_there_and_the_page_links_to_the_trials(swept):
    path, _ = swept
    page = (path / "index.html").read_text(encoding="utf-8")
    assert all(f'href="trials/{number}/report/index.html"' in page for number in (1, 2, 3, 4))
    assert "eval/accuracy on validation rows" in page
    assert {file.name for file in (path / "figures").glob("*.svg")} == {
        "against-dpo-beta.svg",
        "against-dpo-learning-rate.svg",
    }


def test_the_same_command_on_a_finished_sweep_runs_nothing(swept):
    path, _ = swept
    before = {file: file.stat().st_mtime_ns for file in path.rglob("stage.json")}
    done = forked("sweep", "small.toml", *GRID, *METRIC, "--out", path, cwd=path.parent)
    assert done.code == 0, done.err + done.out
    assert "trial 1:" not in done.out
    assert {file: file.stat().st_mtime_ns for file in path.rglob("stage.json")} == before


def test_the_page_is_made_again_from_the_folder_alone(swept):
    path, _ = swept
    before = (path / "index.html").read_bytes()
    (path / "index.html").unlink()
    assert forked("report", path, cwd=path).code == 0
    assert (path / "index.html").read_bytes() == before


def test_a_trial_that_was_killed_goes_on_where_it_stood(tmp_path, model_folder):
    write(tmp_path / "small.toml", model_folder, dpo={"epochs": 20, "patience": 20})
    words = ("sweep", "small.toml", "--grid", "dpo.beta=0.1,0.5", *METRIC, "--out", "sweep")
    stages = tmp_path / "sweep" / "trials" / "1" / "stages"
    log = stages / "dpo" / "metrics.jsonl"
    stopped(*words, cwd=tmp_path, when=log.exists, by=signal.SIGKILL)
    assert not (stages / "dpo" / "stage.json").exists(), "it was killed in the middle of the stage"
    before = {name: (stages / name / "stage.json").stat().st_mtime_ns for name in ("sft", "pairs")}
    done = forked(*words, cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert {name: (stages / name / "stage.json").stat().st_mtime_ns for name in before} == before
    assert [(row["trial"], row["state"], row["dpo.beta"]) for row in table(tmp_path / "sweep")] == [
        ("1", "finished", "0.1"),
        ("2", "finished", "0.5"),
    ]
    assert [line["step"] for line in lines(log)] == list(range(1, 41))


FRAGILE = {"optimizer": "sgd", "max_grad_norm": 1e30, "skip_limit": 0}


def test_a_search_goes_on_with_more_trials_and_a_trial_that_diverges_is_one_of_them(tmp_path, model_folder):
    asked = settings(model_folder, tmp_path, stages=["sft"], sft=FRAGILE)
    vary = [parse_search("sft.learning_rate=1e-3,1e30"), parse_search("sft.epochs=int:2:3")]
    for trials in (1, 3):
        sweep = ask(asked, tmp_path / "sweep", vary, trials=trials)
        open_folder(sweep)
        Worker(sweep, Screen()).work()
        found = Study(sweep).trials()
        assert len(found) == trials
        assert all(trial.state.is_finished() for trial in found)
    rows = table(tmp_path / "sweep")
    for row in rows:
        diverges = row["sft.learning_rate"] == "1e+30"
        assert row["state"] == ("failed" if diverges else "finished")
        assert ("diverged" in row["error"]) == diverges
    assert {row["sft.learning_rate"] for row in rows} == {"0.001", "1e+30"}
