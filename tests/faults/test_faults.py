"""A short part of the fault harness, the same each time: `make faults` and `make faults-full` do the rest."""

import random
from pathlib import Path

import pytest
from harness import Bench
from jobs import JUDGE, jobs
from judge_server import Server
from material import rows, write_rows

OTHERS = ("grpo", "dpo", "generate", "judge", "sweep")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, model_folder: Path):
    folder = tmp_path_factory.mktemp("faults")
    with Server(**JUDGE) as judge:
        yield Bench(folder, jobs(model_folder, write_rows(folder / "rows.jsonl", rows()), judge), judge)


@pytest.mark.parametrize("name", ["professor", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_a_job_killed_at_random_moments_comes_to_the_same(bench, name):
    trial = bench.killed(name, "killed", random.Random(7), most=2)
    assert trial.wrong == []


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_write_that_fails_loses_nothing(bench, seed):
    if bench.library is None:
        pytest.skip("no compiler (cc) for the library that makes writes fail")
    trial = bench.failing("professor", f"failing-{seed}", random.Random(seed))
    assert trial.wrong == []


@pytest.mark.parametrize("seed", range(1))
def test_a_job_that_runs_out_of_memory_goes_on_later(bench, seed):
    trial = bench.starved("professor", f"starved-{seed}", random.Random(seed))
    assert trial.wrong == []


def test_a_server_that_vanishes_loses_no_reply(bench):
    trial = bench.dropped("judge", "dropped", random.Random(3))
    assert trial.wrong == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_harmed_file_is_noticed_or_made_again(bench, seed):
    trial = bench.harmed("professor", f"harmed-{seed}", random.Random(seed))
    assert trial.wrong == []
