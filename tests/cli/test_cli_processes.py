"""Laws: a recipe that two processes carry out comes to what one makes of it, goes on with another number of processes
after a stop, and says an error once."""

import json
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
import torch
from commands import forked, stopped, topgraft
from safetensors.torch import load_file


def answers(run: Path) -> list[tuple[str, str, str]]:
    lines = (run / "evaluation" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["arm"], row["id"], row["response"]) for row in map(json.loads, lines)]


def same_weights(one: Path, other: Path, *, atol: float) -> int:
    """Compare all weights that two runs left; in how many files."""
    found = [path.relative_to(one) for path in one.glob("stages/*/checkpoints/last/**/*.safetensors")]
    for path in found:
        here, there = load_file(one / path), load_file(other / path)
        assert here.keys() == there.keys()
        for name, weight in here.items():
            torch.testing.assert_close(there[name], weight, atol=atol, rtol=0)
    return len(found)


@pytest.mark.parametrize(
    ("before", "after", "sharded", "by"),
    [
        (2, 1, True, SIGINT),
        pytest.param(2, 1, False, SIGTERM, marks=pytest.mark.slow),
        pytest.param(1, 2, False, SIGTERM, marks=pytest.mark.slow),
        pytest.param(1, 2, True, SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_with_another_number_of_processes(finished, tmp_path, before, after, sharded, by):
    shares = ("--set", f"model.sharded={json.dumps(sharded)}")
    words = ("run", *finished.words, *shares, "--out", "run", "--resume", "--processes")
    ppo = tmp_path / "run" / "stages" / "ppo"
    done = stopped(*words, before, cwd=tmp_path, when=(ppo / "metrics.jsonl").exists, by=by)
    assert done.code == 128 + by, done.err + done.out
    assert "elastic" not in done.err
    assert list((ppo / "resume").glob("step-*.safetensors"))
    done = forked(*words, after, cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert "going on after step" in done.out
    assert done.out.count("going on after step") == 1  # one of them speaks
    assert same_weights(finished.run, tmp_path / "run", atol=1e-5) == 5
    assert answers(tmp_path / "run") == answers(finished.run)
    drawn = [(path / "stages" / "ppo" / "metrics.jsonl").read_text() for path in (finished.run, tmp_path / "run")]
    assert [len(text.splitlines()) for text in drawn] == [6, 6]
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["processes"] == before


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_every_weight_in_shares_is_trained_and_goes_on_with_another_number_of_processes(words, tmp_path, before, after):
    sets = ("model.layers=full", "model.sharded=true", "ppo.learning_rate=1e-3", "ppo.value=branch")
    run = ("run", *words, *(word for text in sets for word in ("--set", text)), "--resume", "--out")
    ppo = tmp_path / "run" / "stages" / "ppo"
    done = stopped(*run, "run", "--processes", before, cwd=tmp_path, when=(ppo / "metrics.jsonl").exists, by=SIGTERM)
    assert done.code == 143, done.err + done.out
    done = topgraft(*run, "run", "--processes", after, cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert "going on after step" in done.out
    done = topgraft(*run, "alone", cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert same_weights(tmp_path / "alone", tmp_path / "run", atol=1e-4) == 6
    assert answers(tmp_path / "run") == answers(tmp_path / "alone")


@pytest.mark.parametrize(
    ("divisor", "more", "said"),
    [
        pytest.param(  # all of them say it
            *("1", "ppo.batch_size=1", "Raise ppo.batch_size, or start fewer processes."), marks=pytest.mark.slow
        ),
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


@pytest.mark.slow
def test_processes_finish_a_long_step_before_they_stop(words, tmp_path):
    rule = (
        "import pathlib\nimport time\n\nscoring = pathlib.Path('scoring')\n\n\ndef own(prompt, response):\n"
        "    if not scoring.exists():\n        scoring.touch()\n        time.sleep(40)\n    return len(response)\n"
    )
    (tmp_path / "own.py").write_text(rule)
    sets = ('stages=["ppo"]', 'rewards.own={use="own.py:own"}')
    given = [word for text in sets for word in ("--set", text)]
    run = ("run", *words, *given, "--out", "run", "--processes", "2")
    done = stopped(*run, cwd=tmp_path, when=(tmp_path / "scoring").exists, by=SIGTERM)
    assert done.code == 143, done.err + done.out
    ppo = tmp_path / "run" / "stages" / "ppo"
    (step,) = map(json.loads, (ppo / "metrics.jsonl").read_text().splitlines())
    assert step["cost/seconds"] > 35  # torch's launcher would have killed them after 30
    assert len(list((ppo / "resume").glob("step-0000001-*.safetensors"))) == 1
