"""What a metric is: a name, a one-line definition, which direction is better, and one function."""

from collections.abc import Callable
from dataclasses import dataclass, field

from topgraft.evaluate.records import Evaluation, MetricResult


@dataclass(frozen=True)
class Metric:
    """`measure` returns None where the data cannot give it (no verdict labels, no reward model, ...). `compared` is
    False where two arms' values say different things, so that their difference says nothing."""

    description: str
    direction: str
    measure: Callable[[Evaluation], MetricResult | None]
    compared: bool = field(default=True, kw_only=True)
