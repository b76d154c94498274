"""Laws: a recipe that two processes carry out comes to what one makes of it, goes on with another number of processes
after a stop, and says an error once."""

import json
import signal
from pathlib import Path

import pytest
import torch
from commands import stopped, topgraft
from safetensors.torch import load_file


def answers(run: Path) -> list[tuple[str, str, str]]:
    lines = (run / "evaluation" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["arm"], row["id"], row["response"]) for row in map(json.loads, lines)]


@pytest.mark.parametrize(("before", "after"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.slow)])
def test_a_run_goes_on_with_another_number_of_processes(finished, tmp_path, before, after):
    words = ("run", *finished.words, "--out", "run", "--resume", "--processes")
    ppo = tmp_path / "run" / "stages" / "ppo"
    done = stopped(*words, before, cwd=tmp_path, when=(ppo / "metrics.jsonl").exists, by=signal.SIGTERM)
    assert done.code == 143, done.err + done.out
    assert list((ppo / "resume").glob("step-*.safetensors"))
    done = topgraft(*words, after, cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert "going on after step" in done.out
    assert done.out.count("going on after step") == 1  # one of them speaks
    weights = [path.relative_to(finished.run) for path in finished.run.glob("stages/*/checkpoints/last/*.safetensors")]
    assert len(weights) == 4
    for path in weights:
        one, other = load_file(finished.run / path), load_file(tmp_path / "run" / path)
        for name, weight in one.items():
            torch.testing.assert_close(other[name], weight, atol=1e-5, rtol=0)
    assert answers(tmp_path / "run") == answers(finished.run)
    drawn = [(path / "stages" / "ppo" / "metrics.jsonl").read_text() for path in (finished.run, tmp_path / "run")]
    assert [len(text.splitlines()) for text in drawn] == [6, 6]
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["processes"] == before


@pytest.mark.parametrize(
    ("divisor", "more", "said"),
    [
        ("1", "ppo.batch_size=1", "Raise ppo.batch_size, or start fewer processes."),  # all of them say it
        ("1 - int(os.environ['RANK'])", "ppo.batch_size=8", "ZeroDivisionError"),
    ],
)
def test_an_error_ends_all_processes_and_is_said_once(words, tmp_path, divisor, more, said):
    rule = f"import os\n\n\ndef own(prompt, response):\n    return 1 / ({divisor})\n"
    (tmp_path / "own.py").write_text(rule)
    sets = ('stages=["ppo"]', 'rewards.own={use="own.py:own"}', more)
    given = [word for text in sets for word in ("--set", text)]
    done = topgraft("run", *words, *given, "--out", "run", "--processes", "2", cwd=tmp_path)
    assert done.code == 2
    assert done.err.count("error:") == 1
    assert said in done.err
    assert "Traceback" not in done.err
    assert "elastic" not in done.err
