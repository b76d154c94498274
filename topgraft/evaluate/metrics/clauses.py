"""Constraints: which share of answers keeps to named clauses, and what an answer that keeps to all of them costs.

A clause is a rule of topgraft's or of one's own (docs/rewards.md) with the values that it must have.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from topgraft.errors import UserError
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Clause, Evaluation, Measure, MetricResult, Response
from topgraft.evaluate.statistics.intervals import interval
from topgraft.evaluate.statistics.measures import shares
from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.combination import rule


class ClauseSettings(Settings):
    """[evaluate.clauses.NAME]: what an answer must keep to: the value of a rule lies between two numbers.

    Example: use = "length", options = { low = 8, high = 15 }, at_least = 0: 8 to 15 words.
    """

    use: str
    """A rule of topgraft's (docs/rewards.md), or one of your own: "my_file.py:my_rule" or "package.module:my_rule"."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the rule."""
    at_least: float | None = None
    """Lowest value that is allowed."""
    at_most: float | None = None
    """Highest value that is allowed."""

    @model_validator(mode="after")
    def _can_fail(self) -> "ClauseSettings":
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("neither at_least nor at_most is given, so every answer would do. Give one of them")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least = {low} is above at_most = {high}, so no answer could do. Swap them")
        return self


def clauses_of(settings: Mapping[str, ClauseSettings], rows: Sequence[Demonstration]) -> dict[str, Clause]:
    """The clauses of a recipe; `rows` are those that rules may look up."""
    return {
        name: Clause(
            score=rule(f"[evaluate.clauses.{name}]", asked.use, asked.options, rows),
            low=-math.inf if asked.at_least is None else asked.at_least,
            high=math.inf if asked.at_most is None else asked.at_most,
        )
        for name, asked in settings.items()
    }


def kept(clause: Clause, name: str, rows: Sequence[Response]) -> list[float]:
    """1 for each answer that keeps to the clause, else 0. A rule that does not know a prompt is a UserError."""
    values = clause.score([row.prompt for row in rows], [row.response for row in rows])
    for row, value in zip(rows, values, strict=True):
        if math.isnan(value):
            raise UserError(
                f"[evaluate.clauses.{name}]: its rule has no value for row '{row.key}', which lacks what it looks up. "
                f"Take a rule that judges every row, or leave the clause out."
            )
    return [float(clause.low <= value <= clause.high) for value in values]


def keeps(clauses: Mapping[str, Clause], rows: Sequence[Response]) -> list[float]:
    """1 for each answer that keeps to all of the clauses, of which there is one at least, else 0."""
    found = [kept(clause, name, rows) for name, clause in clauses.items()]
    return [min(values) for values in zip(*found, strict=True)]


def _shares(evaluation: Evaluation, names: Sequence[str]) -> MetricResult | None:
    """Share of answers that keep to all the clauses called `names`."""
    if not names:
        return None
    asked = {name: evaluation.clauses[name] for name in names}
    return shares(evaluation, {arm: keeps(asked, rows) for arm, rows in evaluation.responses.items()})


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Share of answers that keep to every clause."""
    return _shares(evaluation, list(evaluation.clauses))


def parts(evaluation: Evaluation) -> dict[str, Metric]:
    """The share for each clause, where there are several."""
    return {name: _of_clause(name) for name in evaluation.clauses} if len(evaluation.clauses) > 1 else {}


def _of_clause(name: str) -> Metric:
    about = f"share of answers that keep to clause '{name}'"
    return Metric(about, "higher", lambda evaluation: _shares(evaluation, [name]))


def measure_acceptance(evaluation: Evaluation) -> MetricResult | None:
    """Answers that keep to every clause / answers drawn; None for greedy ones, of which there is nothing to choose."""
    found = measure(evaluation) if evaluation.drawn else None
    if found is None:
        return None
    chosen = {arm: rows for arm, rows in evaluation.responses.items() if any(row.draws > 1 for row in rows)}
    measures = {arm: _per_draw(rows, np.array(found.per_row[arm]), evaluation.seed) for arm, rows in chosen.items()}
    one_each = {arm: values for arm, values in found.per_row.items() if arm not in chosen}
    return MetricResult(measures={**found.measures, **measures}, per_row=one_each)


def _per_draw(rows: Sequence[Response], accepted: np.ndarray, seed: int) -> Measure:
    """Accepted answers per draw, of an arm that draws several."""
    drawn = np.array([row.draws for row in rows], dtype=float)

    def share(places: np.ndarray) -> float:
        return float(accepted[places].sum() / drawn[places].sum())

    return interval(share, [row.group for row in rows], seed=seed)


def measure_cost(evaluation: Evaluation) -> MetricResult | None:
    """Tokens decoded / answers that keep to every clause; an arm without such an answer has no figure."""
    found = measure(evaluation) if evaluation.drawn else None
    if found is None:
        return None
    measures, instrument = {}, {}
    for arm, accepted in found.per_row.items():
        instrument[f"accepted_{arm}"] = float(sum(accepted))
        if any(accepted):
            measures[arm] = _cost(evaluation.responses[arm], np.array(accepted), evaluation.seed)
    return MetricResult(measures=measures, instrument=instrument)


def _cost(rows: Sequence[Response], accepted: np.ndarray, seed: int) -> Measure:
    """Tokens per accepted answer. The interval is that of accepted answers per token, turned over; where some resamples
    hold none there is no upper end, and so no interval."""
    spent = np.array([row.generated for row in rows], dtype=float)

    def yielded(chosen: np.ndarray) -> float:
        return float(accepted[chosen].sum() / spent[chosen].sum())

    found = interval(yielded, [row.group for row in rows], seed=seed)
    ends = (1 / found.high, 1 / found.low) if found.low > 0 else (math.nan, math.nan)
    return Measure(value=1 / found.value, low=ends[0], high=ends[1], n=found.n)


COMPLIANCE = Metric("share of answers that keep to every clause of [evaluate.clauses]", "higher", measure, parts)
ACCEPTANCE = Metric(
    "share of drawn answers that keep to every clause: what generating and filtering keeps",
    "higher",
    measure_acceptance,
)
COST_PER_ACCEPTED = Metric("tokens decoded for each drawn answer that keeps to every clause", "lower", measure_cost)
