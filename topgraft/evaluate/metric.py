"""What a metric is: a name, a one-line definition, which direction is better, and one function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from topgraft.evaluate.records import Evaluation, MetricResult


@dataclass(frozen=True)
class Metric:
    """`measure` returns None where the data cannot give it (no verdict labels, no reward model, ...). `parts` are
    metrics that follow it under names of their own, NAME/PART: the parts of a reward, the clauses of a constraint."""

    description: str
    direction: str
    measure: Callable[[Evaluation], MetricResult | None]
    parts: Callable[[Evaluation], "Mapping[str, Metric]"] = lambda evaluation: {}
