"""Claims on trials: each by one worker at a time, none lost with a worker that dies, none drawn twice."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace

import pytest
from filelock import Timeout
from optuna.trial import TrialState
from rich.console import Console
from sweeps import grid, search, settings

from topgraft.errors import UserError
from topgraft.experiments.common import lock, shared
from topgraft.experiments.space import Dimension
from topgraft.experiments.study import Study
from topgraft.experiments.sweep import Worker
from topgraft.runs import RunFolder
from topgraft.train.plan import Plan
from topgraft.train.progress import Screen

VARIED = ("dpo.beta=log:0.01:1.0", "dpo.epochs=int:1:50", "sft.schedule=linear,cosine")


@pytest.fixture
def asked(model_folder, tmp_path):
    return settings(model_folder, tmp_path)


def claim_and_wait(sweep) -> None:
    for _ in Study(sweep).claims():
        (sweep.path / "claimed").touch()
        time.sleep(600)


def test_a_trial_is_its_workers_as_long_as_that_lives_and_then_another_ones(asked, tmp_path):
    sweep = search(asked, tmp_path / "sweep", *VARIED, trials=2)
    worker = multiprocessing.get_context("fork").Process(target=claim_and_wait, args=(sweep,))
    worker.start()
    try:
        end = time.monotonic() + 60
        while not (sweep.path / "claimed").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        study = Study(sweep)
        before = study.trials()[0].params
        assert len(before) == 3
        claims = study.claims()
        second = next(claims)
        assert second.number == 1, "the first is the living worker's"
        study.finish(second, 1.0)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        first = next(claims)
        assert (first.number, first.params) == (0, before)
        study.finish(first, 2.0)
        assert list(claims) == []
    finally:
        worker.kill()
        worker.join()
    assert [trial.state for trial in study.trials()] == [TrialState.COMPLETE] * 2


def test_a_search_that_stops_and_goes_on_draws_what_it_would_have_drawn(asked, tmp_path):
    drawn = []
    for name, stops in (("whole", ()), ("stopped", (3, 12))):
        study = Study(search(asked, tmp_path / name, *VARIED, trials=16))
        claims, found = study.claims(), []
        for number in range(16):
            if number in stops:
                claims.close()
                study = Study(study.sweep)
                claims = study.claims()
            trial = next(claims)
            found.append(trial.params)
            study.finish(trial, trial.params["dpo.beta"])
        assert list(claims) == []
        drawn.append(found)
    assert drawn[0] == drawn[1]
    assert len({point["dpo.beta"] for point in drawn[0]}) == 16, "no point is drawn twice"
    assert all(0.01 <= point["dpo.beta"] <= 1 and 1 <= point["dpo.epochs"] <= 50 for point in drawn[0])


def test_a_grid_whose_first_start_was_cut_off_gets_the_points_that_are_missing(asked, tmp_path):
    sweep = grid(asked, tmp_path / "sweep", "dpo.beta=0.1,0.2,0.3")
    Study(replace(sweep, dimensions=(Dimension("dpo.beta", "choice", (0.1,)),)))  # as if it had come so far
    study = Study(sweep)
    assert [trial.system_attrs["fixed_params"]["dpo.beta"] for trial in study.trials()] == ["0.1", "0.2", "0.3"]
    assert len(Study(sweep).trials()) == 3


def test_a_failed_trial_counts_and_is_not_tried_again(asked, tmp_path):
    study = Study(search(asked, tmp_path / "sweep", *VARIED, trials=2))
    for trial in study.claims():
        study.fail(trial, "diverged")
    assert [trial.state for trial in study.trials()] == [TrialState.FAIL] * 2
    assert list(Study(study.sweep).claims()) == []


def test_a_step_is_made_under_its_lock_and_taken_whole_by_the_next_trial(asked, tmp_path):
    step = Plan(asked).steps["sft"]
    first, second = (RunFolder(tmp_path / "trials" / name) for name in "12")
    with shared(tmp_path, first, step):
        assert not first.stage("sft").finished, "nobody has made it yet"
        (name,) = (path.stem for path in (tmp_path / "locks").iterdir())
        with pytest.raises(Timeout):
            lock(tmp_path, name).acquire(blocking=False)
        first.stage("sft").log(1, {"loss/total": 2.5})
        first.stage("sft").finish({"stage": "sft", "seconds": 3.0, "start": None, "metrics": {"eval/loss": 2.0}})
    second.stage("sft").log(1, {"loss/total": 9.0})  # what a trial that was cut off left
    with shared(tmp_path, second, step):
        assert second.stage("sft").finished
    assert second.stage("sft").metrics() == [{"step": 1, "loss/total": 2.5}]
    assert second.stage("sft").summary()["seconds"] == 0
    assert second.stage("sft").summary()["metrics"] == {"eval/loss": 2.0}
    assert first.stage("sft").summary()["seconds"] == 3
    assert len(list((tmp_path / "common").iterdir())) == 1


def test_a_database_that_cannot_be_read_is_one_message(tmp_path, model_folder):
    made = grid(settings(model_folder, tmp_path), tmp_path / "sweep", "sft.epochs=1,2")
    (made.path / "study.db").write_bytes(b"no database")
    with pytest.raises(UserError, match=r"study\.db: .*not a database.*the same command goes on"):
        Worker(made, Screen(Console(quiet=True))).work()
