"""Laws: several processes come to what one does; which of them works on what changes nothing that is learned."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from commands import environment
from each_learner import EVERY_WEIGHT, LEARNERS
from learners import logged
from safetensors.torch import load_file

from topgraft.errors import UserError
from topgraft.processes import Processes
from topgraft.runs import StageFolder

SCRIPT = Path(__file__).with_name("each_learner.py")


TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
FIRST = ("dpo", "ppo", f"ppo{EVERY_WEIGHT}")
"""Learners that are tried each time, with the model whole in both; all else among the slow tests."""
GROUPS = {"first": FIRST, "rest": tuple(name for name in LEARNERS if name not in FIRST)}
WAYS: dict[str, tuple[list[str], str, float]] = {
    "alone": ([], "whole", 0.0),
    "two": (TWO, "whole", 1e-5),
    "in-shares": (TWO, "in-shares", 1e-4),
}
"""How they are started, how they hold the model, and how far weights may be from those of one process: sums in another
order, and other kernels."""
BY_TWO = [
    pytest.param(name, way, group, marks=[pytest.mark.slow] if (way, group) != ("two", "first") else [])
    for way in ("two", "in-shares")
    for group, names in GROUPS.items()
    for name in names
]
SAMPLING_BY_TWO = [case for case in BY_TWO if "steps" in LEARNERS[str(case.values[0])][1]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of what one of the ways has come to with one of the groups."""

    @cache
    def by(way: str, group: str) -> Path:
        folder = tmp_path_factory.mktemp(f"{way}-{group}")
        start, held, _ = WAYS[way]
        command = [sys.executable, *start, str(SCRIPT), str(folder), held, *GROUPS[group]]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr
        return folder

    return by


@pytest.mark.parametrize(("name", "way", "group"), BY_TWO)
def test_two_processes_learn_the_weights_that_one_does(trained, name, way, group):
    alone = load_file(trained("alone", group) / f"{name}-0.safetensors")
    for rank in range(2):
        shared = load_file(trained(way, group) / f"{name}-{rank}.safetensors")
        assert shared.keys() == alone.keys()
        for number, weight in shared.items():
            torch.testing.assert_close(weight, alone[number], atol=WAYS[way][2], rtol=0)


@pytest.mark.parametrize(("name", "way", "group"), BY_TWO)
def test_two_processes_log_what_one_does(trained, name, way, group):
    alone, shared = (logged(trained(by, group) / name) for by in ("alone", way))
    assert len(alone) == len(shared) > 10
    for one, other in zip(alone, shared, strict=True):
        names = [key for key in one if not key.startswith(("cost/", "rollout/logprob_gap"))]
        assert one.keys() == other.keys()
        assert [other[key] for key in names] == pytest.approx([one[key] for key in names], abs=2e-4)


@pytest.mark.parametrize(("name", "way", "group"), SAMPLING_BY_TWO)
def test_rollouts_do_not_depend_on_the_number_of_processes(trained, name, way, group):
    alone, shared = (StageFolder(trained(by, group) / name).rollouts() for by in ("alone", way))
    assert [(row["key"], row["response"]) for row in shared] == [(row["key"], row["response"]) for row in alone]
    assert len(alone) >= 120


def test_items_go_to_processes_in_succession():
    shares = Processes(3).blocks(7)
    assert shares.owners == (0, 0, 0, 1, 1, 2, 2)
    assert shares.rows(2).owners[:8] == (0, 0, 0, 0, 0, 0, 1, 1)
    assert shares.of([6, 0, 3]).owners == (2, 0, 1)


def test_items_go_to_processes_by_their_sizes():
    shares = Processes(2).even([5, 1, 9, 4])  # 9 to the first; 5 and then 4 to the second, which both have 9 now
    assert shares.owners == (1, 0, 0, 1)


@pytest.mark.parametrize("processes", [Processes(1), Processes(4)])
def test_where_there_is_not_one_for_each_all_take_all(processes):
    for shares in (processes.blocks(3), processes.even([4, 4, 4])):
        assert shares.mine == [0, 1, 2]
        assert not shares.cut
        torch.testing.assert_close(shares.all(torch.tensor([5, 6, 7])), torch.tensor([5, 6, 7]))
        assert shares.records(["a", "b", "c"]) == ["a", "b", "c"]


def test_a_batch_that_leaves_a_process_idle_is_refused():
    Processes(4).refuse_idle("ppo", 4)
    with pytest.raises(UserError, match=r"ppo\.batch_size"):
        Processes(4).refuse_idle("ppo", 3)
