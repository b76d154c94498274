"""Signals from outside: the step ends, a checkpoint is written, the exit code says which it was."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import logged, loop, ppo

from topgraft.runs import StageFolder
from topgraft.train.interrupt import Stopped, noting, obey, stoppable

OPTIONS = {"steps": 6, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "learning_rate": 1e-2}
BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


def signalled(algorithm: Any, number: signal.Signals, calls: set[int], wait: float = 0) -> Any:
    """The algorithm, of whose calls of `loss` some send the signal to this process, as a terminal or a system does;
    `wait` seconds later where the call before did."""
    plain, count = algorithm.loss, iter(range(1, 1000))

    def loss(*words: Any, **more: Any) -> Any:
        call = next(count)
        if call in calls:
            if call - 1 in calls:
                time.sleep(wait)
            os.kill(os.getpid(), number)
        return plain(*words, **more)

    algorithm.loss = loss
    return algorithm


def newest(folder: Path) -> int:
    return max(int(path.name.split("-")[1]) for path in StageFolder(folder).resume.glob("step-*"))


@BOTH
def test_a_signal_ends_the_step_and_keeps_it(tmp_path, number, code):
    whole = ppo(**OPTIONS)
    loop(whole, tmp_path / "whole")
    with pytest.raises(Stopped) as stopped:
        loop(signalled(ppo(**OPTIONS), number, {10}), tmp_path / "cut")  # four losses a step: in the third one
    assert stopped.value.code == code
    assert [row["step"] for row in logged(tmp_path / "cut")] == [1, 2, 3]
    assert newest(tmp_path / "cut") == 3
    again = ppo(**OPTIONS)
    loop(again, tmp_path / "cut")
    assert len(logged(tmp_path / "cut")) == 6
    for one, two in zip(whole.trainable(), again.trainable(), strict=True):
        torch.testing.assert_close(two.detach(), one.detach(), rtol=0, atol=0)


@BOTH
def test_a_second_signal_stops_at_once(tmp_path, number, code):
    with pytest.raises(Stopped) as stopped:
        loop(signalled(ppo(**OPTIONS), number, {10, 11}, wait=1.05), tmp_path)
    assert stopped.value.code == code
    assert [row["step"] for row in logged(tmp_path)] == [1, 2]


@BOTH
def test_a_signal_that_comes_by_two_ways_is_one(tmp_path, number, code):
    with pytest.raises(Stopped) as stopped:
        loop(signalled(ppo(**OPTIONS), number, {10, 11}), tmp_path)
    assert stopped.value.code == code
    assert [row["step"] for row in logged(tmp_path)] == [1, 2, 3]
    assert newest(tmp_path) == 3


@BOTH
def test_outside_of_training_a_signal_stops_at_once_and_says_how_to_go_on(number, code):
    said: list[str] = []

    def work() -> None:
        with stoppable(said.append, lambda: "All is kept."):
            os.kill(os.getpid(), number)
            signal.pause()

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == code
    assert said == ["\nStopped. All is kept."]


def interrupt() -> None:
    """As a library does that was waiting in C++."""
    raise KeyboardInterrupt from None


def let_go() -> None:
    """As a library does whose lock was just being taken."""
    threading.Lock().release()


@BOTH
@pytest.mark.parametrize("instead", [interrupt, let_go])
def test_a_library_may_put_an_error_of_its_own_in_the_place_of_a_stop(number, code, instead):
    said: list[str] = []

    def work() -> None:
        with stoppable(said.append, lambda: "All is kept."):
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            except Stopped:
                instead()

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == code
    assert said == ["\nStopped. All is kept."]


def test_an_error_of_the_work_stays_one():
    with pytest.raises(RuntimeError, match="unlocked"), stoppable(print, lambda: ""):
        let_go()


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with noting(print, "Stopping.") as asked:
        assert asked.number is None
        obey(asked.number)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
