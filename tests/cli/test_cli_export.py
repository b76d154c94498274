"""`topgraft export` by command: the check in a process of its own, and `generate` and `chat` on what it wrote."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment, forked, snapshot, stopped
from conftest import Tiny, write_rows
from huggingface_hub import metadata_load


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def merged(finished: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy of `ppo`, merged. Read only."""
    folder = tmp_path_factory.mktemp("exported")
    before = snapshot(finished.run)
    done = forked("export", finished.run, "--arm", "ppo", "--out", "merged", "--merge", cwd=folder)
    assert done.code == 0, done.err
    assert "read again by transformers alone, logits differ by up to" in done.out
    assert "written   merged: merged weights of arm ppo in float32" in done.out
    assert snapshot(finished.run) == before
    assert [path.name for path in folder.iterdir()] == ["merged"]
    return folder / "merged"


def test_generate_and_chat_answer_from_an_exported_folder_as_the_run_did(finished, merged, tmp_path):
    rows = [row for row in lines(finished.run / "evaluation" / "responses.jsonl") if row["arm"] == "ppo"]
    questions = write_rows(tmp_path / "questions.jsonl", [{"prompt": row["prompt"]} for row in rows])
    done = forked("generate", merged, "--data", questions, "--out", "answers.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    found = lines(tmp_path / "answers.jsonl")
    assert [row["response"] for row in found] == [row["response"] for row in rows]
    assert {row["arm"] for row in found} == {"ppo"}
    talked = forked("chat", merged, cwd=tmp_path, given="".join(f"{row['prompt']}\n" for row in rows))
    assert talked.code == 0, talked.err
    assert talked.out.splitlines() == [" ".join(row["response"].split()) for row in rows]


def test_the_card_has_the_runs_figures(finished, merged):
    text = (merged / "README.md").read_text(encoding="utf-8")
    head = metadata_load(merged / "README.md")
    assert head == {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["topgraft", "lora"]}
    results = json.loads((finished.run / "evaluation" / "results.json").read_text(encoding="utf-8"))
    assert "| Figure" in text
    header = next(line for line in text.splitlines() if line.startswith("| Figure"))
    assert [cell.strip() for cell in header.strip("|").split("|")] == ["Figure", "base", "sft", "ppo", "n"]
    reward = next(line for line in text.splitlines() if line.startswith("| Reward  "))
    assert f"{results['arms']['ppo']['metrics']['reward']['value']:.2f}".replace("-", "\u2212") in reward
    assert str(finished.model.parent) not in text
    assert "Training data rows.jsonl: not stated in the recipe" in " ".join(text.split())


def test_the_code_of_the_card_runs_without_topgraft(finished, merged, tmp_path):
    """Copied out of the card as a reader would, in a process whose path has no topgraft."""
    text = (merged / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0].replace('"FOLDER"', repr(str(merged)))
    code += "\nimport sys; assert 'topgraft' not in sys.modules\n"
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_stopped_it_leaves_nothing_behind(finished, tmp_path):
    words = ("export", finished.run, "--out", "stopped")

    def begun() -> bool:
        return any(path.name.startswith(".stopped.") for path in tmp_path.iterdir())

    done = stopped(*words, cwd=tmp_path, when=begun, by=signal.SIGTERM)
    assert (done.code, "Stopped. Nothing was written to stopped." in done.out) == (143, True), done.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said_in_a_sentence(finished, merged, tmp_path):
    for words, said in (
        (("export", finished.run, "--out", merged), "is there already. Give a new folder with --out."),
        (("export", finished.run, "--out", "x", "--arm", "pop"), "has no arm 'pop'. Did you mean 'ppo'?"),
        (("export", finished.run, "--out", "x", "--dtype", "float"), "--dtype float is not understood."),
        (("export", tmp_path, "--out", "x"), "holds no run"),
        (("generate", merged), "brings no prompts of its own. Give --data FILE or --prompt TEXT."),
        (("generate", merged, "--prompt", "a", "--arm", "sft"), "has no arm 'sft'."),
        (("chat", merged, "--scores"), "nothing to score its answers with"),
    ):
        done = forked(*words, cwd=tmp_path)
        assert done.code == 2, words
        assert said in done.err
        assert done.err.startswith("error: ")
    assert snapshot(tmp_path) == {}
