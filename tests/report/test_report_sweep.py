"""The page, the table and the figures of a sweep, from a folder alone."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_run import FORMULA, SCRIPT, entry

from topgraft.errors import UserError
from topgraft.report.figures.sweep import draw_sweep, efficient
from topgraft.report.sweep import write_sweep
from topgraft.report.words.trials import read_trials, setting, table
from topgraft.runs.writing import write_json

VARY = [
    {"key": "ppo.beta", "kind": "log", "values": [0.01, 1.0]},
    {"key": "ppo.inner_epochs", "kind": "int", "values": [1, 4]},
    {"key": "model.layers", "kind": "choice", "values": ["last-4", [20, 21]]},
]
TRIALS = {1: (0.4, [0.02, 1, "last-4"]), 2: (0.9, [0.5, 4, [20, 21]]), 3: (None, [0.1, 2, "last-4"])}
"""Number -> (metric, values)."""


def build(path: Path, *, lower: bool = False, error: str = "the gradient's norm is inf") -> Path:
    """A search of five trials: two finished, one failed, one running, one not begun."""
    asked = {"recipe": "professor", "grid": False, "vary": VARY, "arm": "ppo", "metric": "eval/reward", "lower": lower}
    write_json(path / "sweep.json", {**asked, "trials": 5, "cautions": [], "settings": {}})
    keys = [item["key"] for item in VARY]
    records = [
        {
            "number": number,
            "state": "failed" if metric is None else "finished",
            "values": dict(zip(keys, values, strict=True)),
            "metric": metric,
            "error": error if metric is None else None,
        }
        for number, (metric, values) in TRIALS.items()
    ]
    records.append({"number": 4, "state": "running", "values": {"ppo.beta": 0.3}, "metric": None, "error": None})
    write_json(path / "trials.json", records)
    for number, (kl, reward) in {1: (2.0, 0.25), 2: (5.5, 0.75)}.items():
        run = path / "trials" / str(number)
        metrics = {"kl": entry(kl, 0.5, 40), "reward": entry(reward, 0.125, 40)}
        write_json(
            run / "evaluation" / "results.json", {"arms": {"ppo": {"metrics": metrics}, "base": {"metrics": {}}}}
        )
        write_json(run / "stages" / "ppo" / "stage.json", {"seconds": 10.5 * number})
        write_json(run / "stages" / "sft" / "stage.json", {"seconds": 1.0})
    return path


def test_rows_stand_by_the_metric_with_those_that_have_none_at_the_end(tmp_path):
    assert [row.number for row in read_trials(build(tmp_path / "higher")).rows] == [2, 1, 3, 4]
    assert [row.number for row in read_trials(build(tmp_path / "lower", lower=True)).rows] == [1, 2, 3, 4]
    trials = read_trials(tmp_path / "higher")
    assert [row.seconds for row in trials.rows] == [22.0, 11.5, 0.0, 0.0]
    assert trials.left == 2
    labels, rows = table(trials, ["reward"])
    assert labels == ["Reward"]
    assert [cell.text for cell in rows[0][2]] == ["0.900", "0.75 [0.62, 0.88]"]
    assert rows[0][1] == ["0.5", "4", "[20, 21]"]
    assert rows[3][1] == ["0.3", "", ""]
    assert [cell.text for cell in rows[3][2]] == ["–", "–"]


def test_the_table_has_a_line_for_every_trial_at_full_precision(tmp_path):
    write_sweep(build(tmp_path, error=FORMULA))
    with open(tmp_path / "sweep.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "running"]
    assert (rows[1]["validation eval/reward"], rows[1]["test reward"], rows[1]["test kl high"]) == (
        "0.9",
        "0.75",
        "6.0",
    )
    assert rows[2]["validation eval/reward"] == rows[2]["test reward"] == ""
    assert rows[2]["error"] == f"'{FORMULA}"


def test_the_page_says_what_was_chosen_by_and_shows_no_text_as_markup(tmp_path):
    page = write_sweep(build(tmp_path, error=SCRIPT)).read_text(encoding="utf-8")
    assert "Best so far by eval/reward: trial 2 with ppo.beta = 0.5, ppo.inner_epochs = 4" in page
    assert "<strong>2 trials not finished.</strong>" in page
    assert SCRIPT not in page
    assert "alert(1)" in page
    assert "The choice is made by eval/reward on validation rows" in page


def test_figures_show_every_finished_trial(tmp_path):
    drawn = {drawing.name: drawing for drawing in draw_sweep(read_trials(build(tmp_path)))}
    assert set(drawn) == {"against-ppo-beta", "against-ppo-inner-epochs", "against-model-layers", "frontier"}
    for drawing in drawn.values():
        ElementTree.fromstring(drawing.svg)
        assert drawing.pdf.startswith(b"%PDF")
        assert "trial 1: " in drawing.alt
        assert "trial 2: " in drawing.alt
        assert "mathdefault" not in drawing.svg
    assert "trial 2: 0.5 gives 0.900" in drawn["against-ppo-beta"].alt
    assert ">[20, 21]<" in drawn["against-model-layers"].svg


def test_a_sweep_whose_trials_are_not_finished_has_a_page_without_figures(tmp_path):
    build(tmp_path)
    write_json(tmp_path / "trials.json", [])
    assert "None is finished yet" in write_sweep(tmp_path).read_text(encoding="utf-8")
    assert not (tmp_path / "figures").exists()
    with pytest.raises(UserError, match="holds no sweep"):
        write_sweep(tmp_path / "trials")


def test_efficient_pairs_are_those_that_none_beats_in_both():
    assert efficient([(1, 2), (2, 1), (3, 4)]) == [(1, 2), (3, 4)]
    assert efficient([(2, 5), (1, 1), (2, 3), (3, 5), (4, 6)]) == [(1, 1), (2, 5), (4, 6)]
    assert efficient([]) == []


def test_settings_are_shown_short():
    shown = [setting(value) for value in (0.0123456, 5e-7, 0.1, 3, True, "linear", [20, 21])]
    assert shown == ["0.0123", "5e-07", "0.1", "3", "true", "linear", "[20, 21]"]
    assert json.loads(setting([1])) == [1]
