"""Bad input: exit code 2, one clear message on standard error, no traceback, nothing written and nothing lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
from commands import Done, forked, snapshot, topgraft
from material import rows, write_rows

SETS = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]", "data.max_rows=20"]


@pytest.fixture
def refused(tmp_path, model_folder, tiny_data) -> Callable[..., str]:
    """Run `topgraft run professor` with more --sets, see that it is refused without a trace, and give the message."""

    def run(*sets: str, recipe: str = "professor", start: Callable[..., Done] = forked) -> str:
        before = snapshot(tmp_path)
        settings = [f"model.name={model_folder}", f"data.source={tiny_data}", *SETS, *sets]
        words = [word for text in settings for word in ("--set", text)]
        done = start("run", recipe, "--out", "out", *words, cwd=tmp_path)
        assert done.code == 2, done.out + done.err
        assert done.err.startswith("error: ")
        assert done.err.count("error: ") == 1
        assert "Traceback" not in done.out + done.err
        assert len(done.err.splitlines()) <= 3
        assert len(done.err) < 900
        assert "'' in" not in done.err
        assert not (tmp_path / "out").exists()
        assert snapshot(tmp_path) == before
        return done.err

    return run


def changed(folder: Path, change: Callable[[list[dict]], None]) -> Path:
    """The tiny data with something wrong in it."""
    records = rows()
    change(records)
    return write_rows(folder / "bad.jsonl", records)


def test_a_broken_json_line_is_named(tmp_path, refused):
    path = write_rows(tmp_path / "bad.jsonl", rows())
    text = path.read_text().splitlines()
    text[6] = text[6][:-9]
    path.write_text("\n".join(text) + "\n")
    message = refused("data.source=bad.jsonl")
    assert "bad.jsonl, line 7 is not JSON" in message


def test_a_row_without_the_column_is_named(tmp_path, refused):
    changed(tmp_path, lambda records: records[4].pop("prompt"))
    message = refused("data.source=bad.jsonl")
    assert "bad.jsonl, line 5 has no 'prompt'" in message


def test_a_misnamed_column_gets_the_name_to_write(tmp_path, refused):
    write_rows(tmp_path / "bad.jsonl", [{"question": row["prompt"], "response": row["response"]} for row in rows()])
    message = refused("data.source=bad.jsonl", "data.prompt=prompt")
    assert "bad.jsonl has columns question, response; data.prompt = 'prompt' is not among them" in message
    assert "--set data.prompt=question" in message
    assert "'promt' is not among them. Did you mean 'prompt'?" in refused("data.prompt=promt")


def test_a_file_without_a_response_is_refused(tmp_path, refused):
    write_rows(tmp_path / "bad.jsonl", [{"prompt": row["prompt"], "text": row["response"]} for row in rows()])
    message = refused("data.source=bad.jsonl")
    assert "20 of 20 rows of bad.jsonl are prompts without an answer" in message
    assert "Name their column with data.response" in message


@pytest.mark.parametrize(("column", "value"), [("prompt", ""), ("prompt", "  "), ("response", ""), ("prompt", None)])
def test_an_empty_text_is_named(tmp_path, refused, column, value):
    changed(tmp_path, lambda records: records[2].update({column: value}))
    assert f"bad.jsonl, line 3: '{column}' is empty" in refused("data.source=bad.jsonl")


def test_a_doubled_id_is_named_with_both_places(tmp_path, refused):
    changed(tmp_path, lambda records: records[9].update(id="row-1"))
    message = refused("data.source=bad.jsonl")
    assert "bad.jsonl, line 10: the id 'row-1' was used before (bad.jsonl, line 2)" in message


@pytest.mark.parametrize("name", ["bad.jsonl", "bad.json", "bad.csv"])
def test_a_file_without_rows_is_refused(tmp_path, refused, name):
    (tmp_path / name).write_text({"bad.jsonl": "\n\n", "bad.json": "[]", "bad.csv": "prompt,response\n"}[name])
    assert f"{name} has no rows" in refused(f"data.source={name}")


def test_another_encoding_is_named_with_its_line(tmp_path, refused):
    changed(tmp_path, lambda records: None)
    text = (tmp_path / "bad.jsonl").read_text().replace("Is 5 even?", "Ist 5 übrig?")
    (tmp_path / "bad.jsonl").write_bytes(text.encode("latin-1"))
    message = refused("data.source=bad.jsonl")
    assert "bad.jsonl is not UTF-8 text: byte 0xfc" in message
    assert "(line 6)" in message
    (tmp_path / "bad.jsonl").write_bytes(text.encode("utf-16"))
    assert "UTF-16" in refused("data.source=bad.jsonl")


def test_a_file_that_is_not_there_gets_the_nearest_name(tmp_path, refused):
    changed(tmp_path, lambda records: None)
    assert "Did you mean 'bad.jsonl'?" in refused("data.source=bod.jsonl")


def test_too_few_problems_for_the_split_are_refused(tmp_path, refused):
    write_rows(tmp_path / "bad.jsonl", rows(4))
    assert "leaves the validation part empty" in refused("data.source=bad.jsonl", "data.split=[0.7, 0.2, 0.1]")


def test_prompts_that_do_not_fit_are_refused_where_they_are_the_most(tmp_path, refused):
    changed(tmp_path, lambda records: [row.update(prompt=row["prompt"] * 20) for row in records])
    assert "20 of 20 prompts do not fit 80 tokens" in refused("data.source=bad.jsonl")


def test_too_long_can_be_an_error(tmp_path, refused):
    changed(tmp_path, lambda records: records[3].update(response="a long response " * 9))
    message = refused("data.source=bad.jsonl", "data.too_long=error", "data.max_response_tokens=40")
    assert "over data.max_response_tokens = 40" in message


@pytest.fixture
def broken_model(tmp_path, model_folder) -> Path:
    """A copy of the tiny model that may be damaged."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_a_model_folder_without_weights_is_refused(broken_model, refused):
    (broken_model / "model.safetensors").unlink()
    assert "has no weights: expected model.safetensors" in refused(f"model.name={broken_model}")


def test_weights_as_pickle_are_refused_and_never_read(broken_model, refused):
    (broken_model / "model.safetensors").unlink()
    torch.save({"marker": torch.zeros(1)}, broken_model / "pytorch_model.bin")
    message = refused(f"model.name={broken_model}")
    assert "pickle (pytorch_model.bin)" in message
    assert "safe_serialization=True" in message


@pytest.mark.parametrize("kind", ["bert", "t5", "no-such-architecture"])
def test_an_architecture_that_is_no_decoder_is_refused(broken_model, refused, kind):
    config = {"model_type": kind, "vocab_size": tiny.VOCABULARY}
    (broken_model / "config.json").write_text(json.dumps(config))
    (broken_model / "generation_config.json").unlink(missing_ok=True)
    message = refused(f"model.name={broken_model}")
    assert str(broken_model) in message


def test_damaged_weights_are_refused(broken_model, refused):
    whole = (broken_model / "model.safetensors").read_bytes()
    (broken_model / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut short" in refused(f"model.name={broken_model}")


def test_a_model_folder_that_is_not_there_is_refused(refused):
    assert "There is no model folder ./nowhere" in refused("model.name=./nowhere")


def test_an_unknown_recipe_gets_the_nearest_name(refused):
    message = refused(recipe="profesor", start=topgraft)
    assert "There is no recipe 'profesor'. Did you mean 'professor'?" in message


def test_a_recipe_file_with_an_unknown_key_gets_the_nearest_name(tmp_path, refused):
    (tmp_path / "mine.toml").write_text("[ppo]\nstpes = 3\n")
    message = refused(recipe="mine.toml")
    assert "Unknown key 'ppo.stpes' in recipe 'mine'. Did you mean 'steps'?" in message


def test_a_recipe_file_that_is_no_toml_is_refused(tmp_path, refused):
    (tmp_path / "mine.toml").write_text("[ppo\nsteps = 3\n")
    assert "mine.toml is not a TOML file" in refused(recipe="mine.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ppo.stpes=3", "Unknown key 'ppo.stpes' in recipe 'professor'. Did you mean 'steps'?"),
        ("pop.steps=3", "Unknown key 'pop'"),
        ("ppo.steps", "--set ppo.steps is not understood"),
        ("ppo.steps=none", "'ppo.steps' in recipe 'professor'"),
        ("model.layers=last-9", "asks for 9 of 4 blocks"),
        ("model.lora.targets=['q_prj']", "Did you mean 'q_proj'?"),
        ("data.template=no place for it", "has no {prompt} in it"),
        ("data.max_response_tokens=125", "leaves no room for a prompt"),
        ("sampling.temperature=0", "needs random responses: set sampling.temperature above 0"),
        ("evaluate.metrics=['blue']", "Unknown metric 'blue'. Did you mean 'bleu'?"),
        ("evaluate.metrics=['no_such_module:X']", "Cannot import metric 'no_such_module:X'"),
        ("evaluate.other_voices=no-such-file", "evaluate.other_voices = 'no-such-file'"),
        ("sft.load=no/such/stage", "no finished stage"),
    ],
)
def test_a_wrong_set_is_refused_before_anything_is_trained(refused, text, words):
    assert words in refused(text)


def test_an_unknown_scale_gets_the_nearest_name(tmp_path):
    done = forked("run", "professor", "--scale", "tinny", cwd=tmp_path)
    assert done.code == 2
    assert "no scale 'tinny'. Did you mean 'tiny'?" in done.err
    assert snapshot(tmp_path) == {}


def test_an_unknown_stage_gets_the_nearest_name(tmp_path):
    done = forked("train", "rewrad", cwd=tmp_path)
    assert done.code == 2
    assert "There is no stage 'rewrad'. Did you mean 'reward'?" in done.err


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_folder_that_holds_other_files_is_left_alone(words, tmp_path, resume):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("years of work")
    before = snapshot(tmp_path)
    done = forked("run", *words, "--out", folder, *resume, cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "is not empty and holds no run" in done.err
    assert snapshot(tmp_path) == before


def test_an_output_that_is_a_file_is_left_alone(words, tmp_path):
    (tmp_path / "out").write_text("a file")
    done = forked("run", *words, "--out", "out", cwd=tmp_path)
    assert done.code == 2
    assert "out is a file" in done.err
    assert (tmp_path / "out").read_text() == "a file"


def test_check_and_inspect_refuse_the_same_input(tmp_path, words):
    changed(tmp_path, lambda records: records[2].update(prompt=""))
    done = forked("check", *words, "--set", "data.source=bad.jsonl", cwd=tmp_path)
    assert (done.code, "line 3: 'prompt' is empty" in done.err) == (2, True)
    done = forked("data", "inspect", "bad.jsonl", cwd=tmp_path)
    assert (done.code, "line 3: 'prompt' is empty" in done.err) == (2, True)
