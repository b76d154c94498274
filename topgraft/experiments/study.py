"""The trials of a sweep, in Optuna's study: each is carried out once, whoever comes and goes.

A worker claims a trial under the sweep's lock and holds a lock of the trial's own as long as it lives. A trial that is
begun and whose lock is free was cut off: the next worker takes it, with the same values and in the same folder.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import optuna
from filelock import Timeout
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from topgraft.errors import UserError
from topgraft.experiments.common import lock
from topgraft.experiments.folder import Sweep
from topgraft.experiments.space import points

POLL_SECONDS = 0.5
"""Between two looks at trials that other workers have in hand."""
NAME, FILE = "sweep", "study.db"
Claim = tuple[Trial, AbstractContextManager[object]]


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """Inside, a database that cannot be read or written is a UserError."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"{folder / FILE}: {str(cause).splitlines()[0]}. What is done is kept in {folder}; when that is mended, "
            f"the same command goes on."
        ) from None


class Study:
    """The study of a sweep's folder, made where it is not there yet."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        address, waits = f"sqlite:///{(sweep.path / FILE).as_posix()}", {"connect_args": {"timeout": 60}}
        with lock(sweep.path, "study"):
            self.study = optuna.create_study(
                storage=optuna.storages.RDBStorage(address, engine_kwargs=waits),
                study_name=NAME,
                direction="minimize" if sweep.objective.lower else "maximize",
                load_if_exists=True,
            )
            if sweep.grid:  # trial n is point n; a start that was cut off has left the first ones
                for point in points(sweep.dimensions)[len(self.trials()) :]:
                    choices = {item.key: item.stored(point[item.key]) for item in sweep.dimensions}
                    self.study.enqueue_trial(choices)

    def trials(self) -> list[FrozenTrial]:
        """All trials, in the order in which they were begun."""
        return self.study.get_trials(deepcopy=False)

    def claims(self) -> Iterator[Trial]:
        """Trials for this worker, until all are finished; while others have the last ones in hand, wait for them."""
        while True:
            with lock(self.sweep.path, "study"):
                claim = self._claim()
            if claim is not None:
                trial, held = claim
                with held:
                    yield trial
            elif self._running():
                time.sleep(POLL_SECONDS)
            else:
                return

    def finish(self, trial: Trial, value: float) -> None:
        """The trial came to `value`."""
        self.study.tell(trial, value)

    def fail(self, trial: Trial, why: str) -> None:
        """The trial came to nothing; it is not tried again."""
        trial.set_user_attr("error", why)
        self.study.tell(trial, state=TrialState.FAIL)

    def _claim(self) -> Claim | None:
        for frozen in self._running():
            held = self._hold(frozen.number)
            if held is not None:
                return self._opened(Trial(self.study, frozen._trial_id), held)
        waiting = any(trial.state == TrialState.WAITING for trial in self.trials())
        if not waiting and len(self.trials()) >= self.sweep.trials:
            return None
        trial = self.study.ask()
        held = self._hold(trial.number)
        assert held is not None, "a trial that was not begun has no holder"
        return self._opened(trial, held)

    def _opened(self, trial: Trial, held: AbstractContextManager[object]) -> Claim:
        self._seed(trial.number)
        for dimension in self.sweep.dimensions:  # in the study before anyone else may claim
            dimension.suggest(trial)
        return trial, held

    def _seed(self, number: int) -> None:
        """Every trial draws from a seed of its own: neither a stop nor a second worker repeats draws."""
        seed = (self.sweep.settings["seed"] + number) % 2**32
        self.study.sampler = optuna.samplers.TPESampler(seed=seed)

    def _hold(self, number: int) -> AbstractContextManager[object] | None:
        try:
            return lock(self.sweep.path, f"trial-{number + 1}").acquire(blocking=False)
        except Timeout:
            return None

    def _running(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if trial.state == TrialState.RUNNING]
