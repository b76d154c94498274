"""A stage that is cut off goes on from its newest checkpoint, and comes to the same bits as one that never was."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import dpo, grpo, kto, logged, loop, orpo, ppo, reward_model, rloo, sft
from rich.console import Console

from topgraft.errors import UserError
from topgraft.runs import StageFolder
from topgraft.train import checkpoint
from topgraft.train.checkpoint import KEPT, read_state, refuse_full_disk, size_of, write_state
from topgraft.train.progress import Screen

OFFLINE = {"epochs": 3, "batch_size": 3, "learning_rate": 1e-2, "patience": 9}
SAMPLING = {"steps": 5, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 2}
SAMPLING |= {"learning_rate": 1e-2, "kl": {"target": 0.01, "horizon": 8}}
LEARNERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sft": (sft, OFFLINE),
    "sft-sgd": (sft, OFFLINE | {"optimizer": "sgd"}),
    "reward": (reward_model, OFFLINE),
    "reward-head": (reward_model, OFFLINE | {"trains": "head", "head": "mlp"}),
    "dpo": (dpo, OFFLINE),
    "orpo": (orpo, OFFLINE),
    "kto": (kto, OFFLINE),
    "grpo": (grpo, SAMPLING),
    "rloo": (rloo, SAMPLING),
    "ppo": (ppo, SAMPLING),
    "ppo-branch": (ppo, SAMPLING | {"value": "branch"}),
}
MOMENTS = {
    "collecting": ("collect", 3),
    "learning": ("loss", 4),
    "evaluating": ("validate", 2),
    "ending": ("finish", 1),
}


@pytest.fixture(autouse=True)
def after_every_step(monkeypatch):
    """Steps this short would hardly ever be worth a checkpoint."""
    monkeypatch.setattr(checkpoint, "PATIENCE", 0.0)


class Cut(Exception):
    """What takes the place of a power cut."""


def cut_at(algorithm: Any, method: str, call: int) -> None:
    """Have a call of one of the algorithm's functions be its last."""
    original, calls = getattr(algorithm, method), itertools.count(1)

    def counted(*words: Any, **more: Any) -> Any:
        if next(calls) == call:
            raise Cut
        return original(*words, **more)

    setattr(algorithm, method, counted)


def weights(algorithm: Any) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in algorithm.trainable()]


def same(folder: Path, other: Path) -> None:
    """Both logs and all that was sampled are the same to the last digit."""
    assert [without_cost(row) for row in logged(folder)] == [without_cost(row) for row in logged(other)]
    for name in ("rollouts.jsonl", "training_metrics.csv"):
        assert (folder / name).exists() == (other / name).exists()
        if (folder / name).exists():
            assert (folder / name).read_bytes() == (other / name).read_bytes()


def without_cost(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith("cost/")}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_cut_off_at_any_moment_comes_to_the_same_bits(tmp_path, name, moment):
    learner, options = LEARNERS[name]
    whole = learner(**options)
    expected = loop(whole, tmp_path / "whole", seed=3)
    cut = learner(**options)
    cut_at(cut, *MOMENTS[moment])
    with pytest.raises(Cut):
        loop(cut, tmp_path / "cut", seed=3)
    again = learner(**options)
    outcome = loop(again, tmp_path / "cut", seed=3)
    same(tmp_path / "whole", tmp_path / "cut")
    for one, two in zip(weights(whole), weights(again), strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=0)
    found = {key: value for key, value in outcome.metrics.items() if not key.startswith("cost/")}
    assert found == {key: value for key, value in expected.metrics.items() if not key.startswith("cost/")}
    assert (outcome.steps, outcome.best_step) == (expected.steps, expected.best_step)
    assert outcome.tokens_in == outcome.tokens_kept


def test_dropout_goes_on_where_it_was(tmp_path):
    options = OFFLINE | {"trains": "head", "head": "mlp"}  # its layers drop by PyTorch's own generator
    whole, cut, again = (reward_model(**options) for _ in range(3))
    torch.manual_seed(5)
    loop(whole, tmp_path / "whole")
    torch.manual_seed(5)
    cut_at(cut, "collect", 5)
    with pytest.raises(Cut):
        loop(cut, tmp_path / "cut")
    step = int(checkpoints(tmp_path / "cut")[0].name.split("-")[1])
    assert step > 1
    torch.manual_seed(12345)
    loop(again, tmp_path / "cut")
    same(tmp_path / "whole", tmp_path / "cut")


def checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(StageFolder(folder).resume.glob("step-*"), reverse=True)


def begun(folder: Path) -> dict[str, Any]:
    """A stage that was cut off in its fifth step, with its options."""
    algorithm = ppo(**SAMPLING)
    cut_at(algorithm, "collect", 5)
    with pytest.raises(Cut):
        loop(algorithm, folder)
    return SAMPLING


def test_a_damaged_checkpoint_is_noticed_and_the_one_before_it_taken(tmp_path, capsys):
    whole = ppo(**SAMPLING)
    loop(whole, tmp_path / "whole")
    begun(tmp_path / "cut")
    newest, older = checkpoints(tmp_path / "cut")
    assert len(checkpoints(tmp_path / "cut")) == KEPT
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    again = ppo(**SAMPLING)
    loop(again, tmp_path / "cut", screen=Screen(Console(width=200)))
    said = capsys.readouterr().out
    assert f"{newest.name} is damaged" in said
    assert f"going on after step {int(older.name.split('-')[1])}" in said
    same(tmp_path / "whole", tmp_path / "cut")
    for one, two in zip(weights(whole), weights(again), strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=0)


@pytest.mark.parametrize("harm", ["all-damaged", "all-cut", "log-lost", "log-shorter"])
def test_where_no_checkpoint_is_whole_the_stage_starts_over(tmp_path, capsys, harm):
    loop(ppo(**SAMPLING), tmp_path / "whole")
    begun(tmp_path / "cut")
    for path in checkpoints(tmp_path / "cut"):
        if harm == "all-damaged":
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        elif harm == "all-cut":
            path.write_bytes(path.read_bytes()[:100])
    log = tmp_path / "cut" / "metrics.jsonl"
    if harm == "log-lost":
        log.unlink()
    elif harm == "log-shorter":
        log.write_bytes(log.read_bytes()[:10])
    loop(ppo(**SAMPLING), tmp_path / "cut", screen=Screen(Console(width=200)))
    assert "going on after" not in capsys.readouterr().out
    same(tmp_path / "whole", tmp_path / "cut")


def test_half_a_line_and_steps_after_the_checkpoint_are_cut_away(tmp_path):
    loop(ppo(**SAMPLING), tmp_path / "whole")
    begun(tmp_path / "cut")
    with open(tmp_path / "cut" / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 77, "loss/total": 1}\n{"step": 78, "lo')
    with open(tmp_path / "cut" / "rollouts.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 77}\n')
    (tmp_path / "cut" / "warnings.jsonl").write_text('{"step": 77, "sign": "kl"}\n', encoding="utf-8")
    loop(ppo(**SAMPLING), tmp_path / "cut")
    same(tmp_path / "whole", tmp_path / "cut")
    assert not (tmp_path / "cut" / "warnings.jsonl").exists()


def test_what_a_killed_process_had_begun_to_write_is_cleared_away(tmp_path):
    begun(tmp_path)
    (tmp_path / "resume" / ".step-0000009.part").write_bytes(b"half")
    loop(ppo(**SAMPLING), tmp_path)
    assert [path.name for path in (tmp_path / "resume").iterdir() if path.name.startswith(".")] == []


def test_a_disk_without_room_is_told_of_beforehand(tmp_path):
    algorithm = sft(**OFFLINE)
    bytes_of_weights = sum(weight.numel() * 4 for weight in algorithm.trainable())
    assert size_of(algorithm.trainable(), algorithm.options) == 4 * bytes_of_weights
    refuse_full_disk(tmp_path / "stages" / "sft", bytes_of_weights)
    with pytest.raises(UserError, match=r"stage 'sft' need 1000000000.00 GB, and .* free. Make room"):
        refuse_full_disk(tmp_path / "stages" / "sft", 10**18)


def test_a_tree_comes_back_as_it_was(tmp_path):
    tree = {
        "numbers": [1, 2.5, float("inf"), None, True, "text"],
        "deep": {"tensors": [torch.arange(6).view(2, 3).t(), torch.tensor(0.1)], "none": []},
        "bytes": torch.get_rng_state(),
    }
    path = write_state(tmp_path, "step-1", tree)
    found = read_state(path)
    assert found["numbers"] == tree["numbers"]
    assert found["deep"]["none"] == []
    torch.testing.assert_close(found["deep"]["tensors"], tree["deep"]["tensors"], rtol=0, atol=0)
    assert torch.equal(found["bytes"], tree["bytes"])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert json.loads(json.dumps(found["numbers"][0])) == 1
