"""What a metric is: a name, a one-line definition, which direction is better, and one function."""

from collections.abc import Callable
from dataclasses import dataclass

from topgraft.evaluate.records import Evaluation, MetricResult


@dataclass(frozen=True)
class Metric:
    """`measure` returns None where the data cannot give it (no verdict labels, no reward model, ...)."""

    description: str
    direction: str
    measure: Callable[[Evaluation], MetricResult | None]
