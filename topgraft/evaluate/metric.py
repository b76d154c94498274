"""What a metric is: a name, a one-line definition, which direction is better, and one function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from topgraft.errors import UserError
from topgraft.evaluate import METRICS
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.lookup import resolve


@dataclass(frozen=True)
class Metric:
    """`measure` returns None where the data cannot give it (no verdict labels, no reward model, ...). `parts` are
    metrics that follow it under names of their own, NAME/PART: the parts of a reward, the clauses of a constraint.
    `compared` is False where two arms' values say different things, so that their difference says nothing."""

    description: str
    direction: str
    measure: Callable[[Evaluation], MetricResult | None]
    parts: Callable[[Evaluation], "Mapping[str, Metric]"] = lambda evaluation: {}
    compared: bool = field(default=True, kw_only=True)


def named(name: str) -> Metric:
    """The metric of a recipe's name. Raises UserError for one that is unknown or is no metric."""
    found = resolve("metric", name, METRICS)
    if not isinstance(found, Metric):
        raise UserError(f"'{name}' is {found!r:.60}, not a metric. See CONTRIBUTING.md on writing one.")
    return found
