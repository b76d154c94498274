"""Carry a sweep out: claim a trial, run it, write down what it came to, until none is left."""

import functools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console

from topgraft.errors import Diverged, UserError
from topgraft.experiments.common import lock, shared
from topgraft.experiments.folder import Sweep
from topgraft.experiments.space import points, words
from topgraft.experiments.study import Study, database
from topgraft.report import write_report
from topgraft.report.sweep import write_sweep
from topgraft.runs.writing import write_json
from topgraft.train.pipeline import run
from topgraft.train.progress import Screen

STATES = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.FAIL: "failed",
}
"""A trial's state in the study -> in trials.json."""


@dataclass
class Worker:
    """One process that carries trials of a sweep out."""

    sweep: Sweep
    screen: Screen
    seconds: list[float] = field(default_factory=list)
    """How long each of its trials took."""

    def work(self) -> Path:
        """Take part until every trial is finished; the page's path.

        Raises UserError where a trial cannot run at all (its model or its data, not its values): it stays unfinished.
        """
        with database(self.sweep.path):
            return self._work(Study(self.sweep))

    def _work(self, study: Study) -> Path:
        for trial in study.claims():
            began = time.monotonic()
            self._do(study, trial)
            self.seconds.append(time.monotonic() - began)
            self._tell(study, trial)
            self.write(study)
        return self.write(study)

    def write(self, study: Study) -> Path:
        """Write trials.json, the table and the page as things stand."""
        with lock(self.sweep.path, "page"):
            write_json(self.sweep.path / "trials.json", [_record(self.sweep, trial) for trial in study.trials()])
            return write_sweep(self.sweep.path)

    def _do(self, study: Study, trial: Trial) -> None:
        number, values = trial.number + 1, _values(self.sweep, trial.params)
        log = self.sweep.path / "logs" / f"{number}.txt"
        log.parent.mkdir(exist_ok=True)
        self.screen.say(f"trial {number}: {words(values)}  ({log})")
        folder = self.sweep.run(number)
        try:
            plan = self.sweep.plan(values)
        except UserError as error:  # values that are allowed one by one, but not together
            study.fail(trial, str(error))
            return
        with open(log, "a", encoding="utf-8") as file:
            said, around = Screen(Console(file=file, width=120)), functools.partial(shared, self.sweep.path)
            try:
                done = run(plan.settings, folder.path, resume=True, screen=said, around=around)
                write_report(done)
                study.finish(trial, self.sweep.objective.value(done, plan))
            except Diverged as error:
                study.fail(trial, str(error))
            except UserError as error:
                raise UserError(f"Trial {number} ({words(values)}): {error}") from None

    def _tell(self, study: Study, trial: Trial) -> None:
        """How far the sweep is, what is best so far, how long it may take."""
        trials, metric = study.trials(), self.sweep.objective.metric
        ended = [other for other in trials if other.state.is_finished()]
        mine, best = trials[trial.number], _best(self.sweep, ended)
        came = f"{metric} {mine.value:.4g}" if mine.value is not None else f"failed: {mine.user_attrs.get('error')}"
        line = f"{len(ended)}/{self.sweep.trials}  trial {trial.number + 1}: {came}"
        if best is not None:
            line += f"; best {best.value:.4g} (trial {best.number + 1})"
        left = self.sweep.trials - len(ended)
        if left:
            at_work = 1 + sum(other.state == TrialState.RUNNING for other in trials)
            minutes = left * sum(self.seconds) / len(self.seconds) / min(left, at_work) / 60
            line += f"; about {max(1, round(minutes))} min left"
        self.screen.say(line)


def _values(sweep: Sweep, params: dict[str, Any]) -> dict[str, Any]:
    """A trial's values as settings; those that it does not have yet are left out."""
    return {item.key: item.read(params[item.key]) for item in sweep.dimensions if item.key in params}


def _best(sweep: Sweep, trials: list[FrozenTrial]) -> FrozenTrial | None:
    found = [(trial.value, trial) for trial in trials if trial.value is not None]
    if not found:
        return None
    return (min if sweep.objective.lower else max)(found, key=lambda item: item[0])[-1]


def _record(sweep: Sweep, trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number + 1,
        "state": STATES[trial.state],
        "values": points(sweep.dimensions)[trial.number] if sweep.grid else _values(sweep, trial.params),
        "metric": trial.value,
        "error": trial.user_attrs.get("error"),
    }
