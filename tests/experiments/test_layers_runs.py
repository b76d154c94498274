"""A whole discovery by the command line: stopped, gone on with, taken by "auto"."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import tiny
import tomli_w
from commands import Done, forked, snapshot, stopped
from sweeps import lines, recipe
from transformers import PreTrainedTokenizerFast

from topgraft.recipe import read_toml

AUTO = ("run", "small.toml", "--set", "model.layers=auto", "--out", "run", "--resume")
SMALL = {"stages": ["sft"], "arms": {"own": {"train": ["sft"], "model": {"layers": "auto", "lora": {"rank": 2}}}}}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast) -> tuple[Path, list[str], Done]:
    """A run with "auto" on two blocks, killed while it measures and gone on with; the lines of the book at the kill."""
    folder = tmp_path_factory.mktemp("layers")
    tiny.model("llama", num_hidden_layers=2).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / "small.toml").write_text(tomli_w.dumps(recipe(folder / "model", folder, **SMALL)))
    book = folder / "run" / "layers" / "measures.jsonl"
    stopped(*AUTO, cwd=folder, when=lambda: book.exists() and len(lines(book)) >= 14, by=signal.SIGKILL)
    before = book.read_text(encoding="utf-8").splitlines()
    done = forked(*AUTO, cwd=folder)
    assert done.code == 0, done.err + done.out
    return folder, before, done


def test_what_was_measured_before_a_kill_is_not_measured_again(found):
    folder, before, done = found
    book = folder / "run" / "layers" / "measures.jsonl"
    assert book.read_text(encoding="utf-8").splitlines()[: len(before)] == before
    names = [(one["kind"], tuple(one["blocks"]), one["seed"]) for one in lines(book)]
    assert len(set(names)) == len(names)
    # Base; then for each seed: probe, gradient, all and thin blocks; two windows of one block, a random one, two alone.
    assert len(names) == 1 + 3 * (4 + 2 + 1 + 2)
    assert f"{len(names)}, of which {len(before)} were finished before" in done.out


def test_the_run_takes_the_recommended_blocks_and_says_where_they_come_from(found):
    folder, _, done = found
    results = json.loads((folder / "run" / "layers" / "results.json").read_text(encoding="utf-8"))
    blocks = results["recommendation"]["blocks"]
    assert len(blocks) == results["window"] == 1
    made = read_toml(folder / "run" / "recipe.toml")
    assert made["model"]["layers"] == blocks
    assert made["arms"]["own"]["model"] == {"layers": blocks, "lora": {"rank": 2}}
    stage = json.loads((folder / "run" / "stages" / "sft" / "stage.json").read_text(encoding="utf-8"))
    assert stage["trained_layers"] == blocks
    assert f'"auto": block {blocks[0]}, from run/layers/results.json' in done.out
    page = (folder / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert ">Layers</h2>" in page
    auto = "layers = &#34;auto&#34;"
    assert f"This run asked for model.{auto} and arms.own.model.{auto} and took block {blocks[0]} from here" in page


def test_shares_and_losses_come_from_the_book(found):
    folder, _, _ = found
    book = lines(folder / "run" / "layers" / "measures.jsonl")
    results = json.loads((folder / "run" / "layers" / "results.json").read_text(encoding="utf-8"))
    (base,) = [one for one in book if one["kind"] == "base"]
    tokens, start = sum(base["tokens"]["validation"]), sum(base["validation"])
    ends = {(one["kind"], one["seed"]): sum(one["validation"]) for one in book if one["kind"] in ("all", "thin")}
    mean = sum(end for (kind, _), end in ends.items() if kind == "all") / 3
    (thin,) = [one for one in results["windows"] if one["kind"] == "thin"]
    assert thin["loss"] == pytest.approx([ends["thin", seed] / tokens for seed in (42, 43, 44)])
    assert thin["share"] == pytest.approx([(start - ends["thin", seed]) / (start - mean) for seed in (42, 43, 44)])
    sizes = {one["kind"]: one["trainable"] for one in results["windows"]}
    assert sizes["window"] == sizes["random"] == sizes["thin"] == sizes["all"] / 2
    steps = {one["steps"] for one in book if "steps" in one}
    assert len(steps) == 1, "every training takes as many steps"


def test_weights_of_measured_trainings_are_dropped_and_their_logs_stay(found):
    folder, _, _ = found
    stages = folder / "run" / "layers" / "stages"
    assert len(list(stages.glob("*/metrics.jsonl"))) == 3 * (1 + 2 + 1 + 1 + 2)
    assert not list(stages.rglob("*.safetensors"))


def test_the_verb_shows_what_is_there_without_measuring(found):
    folder, _, _ = found
    before = snapshot(folder / "run" / "layers" / "stages")
    done = forked("layers", "small.toml", "--out", "run", cwd=folder)
    assert done.code == 0, done.err + done.out
    assert "measures  28, of which 28 were finished before" in done.out
    assert "Recommended: block " in done.out
    assert "random-1" in done.out
    assert snapshot(folder / "run" / "layers" / "stages") == before
    for ending in ("svg", "pdf"):
        assert (folder / "run" / "layers" / "figures" / f"layer-impact.{ending}").stat().st_size > 1000


def test_measurements_of_other_data_or_with_other_settings_are_refused(found, tmp_path):
    folder, _, _ = found
    for part in ("model", "run/layers"):
        shutil.copytree(folder / part, tmp_path / part)
    for name in ("small.toml", "rows.jsonl"):
        text = (folder / name).read_text().replace(str(folder), str(tmp_path))
        (tmp_path / name).write_text(text.replace("A 3.", "Another 3."))
    done = forked(*AUTO, cwd=tmp_path)
    assert done.code == 2
    assert "run/layers/results.json was measured with data " in done.err
    assert not (tmp_path / "run" / "recipe.toml").exists()
    done = forked("layers", "small.toml", "--out", folder / "run", "--epochs", 7, cwd=folder)
    assert done.code == 2
    assert "epochs: 3 -> 7" in done.err
    done = forked("layers", "small.toml", "--out", tmp_path / "new", "--window", 2, cwd=folder)
    assert done.code == 2
    assert "--window 2 does not fit 2 blocks. Give a number from 1 to 1." in done.err


def test_auto_measures_nothing_for_a_run_that_cannot_begin(found):
    folder, _, _ = found
    done = forked(*AUTO[:-1], cwd=folder)  # without --resume
    assert done.code == 2
    assert "already holds a run" in done.err
