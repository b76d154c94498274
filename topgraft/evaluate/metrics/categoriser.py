"""How well the categoriser (data/categories.py) tells of what sort a question is: a figure of the data, not of an arm.

It is fitted on the training rows and asked about the test rows.
"""

from topgraft.data import categories
from topgraft.errors import UserError
from topgraft.evaluate.classified import classified
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult, as_json
from topgraft.evaluate.statistics.intervals import share_interval


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Accuracy on the test questions and the confusion matrix; None where the rows have too few categories."""
    rows = {row.key: row for row in next(iter(evaluation.responses.values())) if row.category}
    if not rows:
        return None
    try:
        categoriser = categories.fit(evaluation.training)
    except UserError:
        return None
    truth = [row.category for row in rows.values()]
    said = [name for name, _ in categoriser([row.prompt for row in rows.values()])]
    hits = [float(one == other) for one, other in zip(truth, said, strict=True)]
    accuracy = share_interval(hits, [row.group for row in rows.values()])
    names = list(dict.fromkeys([*categoriser.categories, *truth]))
    return MetricResult(
        measures={},
        instrument={
            "held_out_accuracy": as_json(accuracy),
            "majority": max(map(truth.count, names)) / len(truth),
            "n": float(len(truth)),
        },
        classifiers={"categoriser": classified(truth, said, names)},
    )


CATEGORISER = Metric(
    "share of test questions whose category the categoriser names, fitted on the training questions",
    "higher",
    measure,
    compared=False,
)
