"""All metrics of all arms, with the comparisons between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from topgraft.evaluate.categories import by_category
from topgraft.evaluate.metric import named
from topgraft.evaluate.records import Evaluation, MetricResult, as_json
from topgraft.evaluate.statistics.comparing import compare


def measure_all(
    evaluation: Evaluation, names: Sequence[str], starts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run the metrics `names`; what evaluation/results.json holds, less the recipe's name and seed.

    `starts` maps an arm to the arm that its training started from, where that one is measured too.
    """
    starts = dict(starts or {})
    metrics = {_short(name): named(name) for name in names}
    for name, metric in list(metrics.items()):
        metrics |= {f"{name}/{part}": found for part, found in metric.parts(evaluation).items()}
    results: dict[str, MetricResult] = {}
    for name, metric in metrics.items():
        result = metric.measure(evaluation)
        if result is not None:
            results[name] = result
    arms: dict[str, Any] = {
        arm: {
            "metrics": {
                name: as_json(result.measures[arm]) for name, result in results.items() if arm in result.measures
            }
        }
        for arm in evaluation.responses
    }
    directions = {name: metrics[name].direction for name in results}
    compared = {name: result for name, result in results.items() if metrics[name].compared}
    return {
        "arms": arms,
        "starts": starts,
        "comparisons": compare(evaluation, compared, directions, starts),
        "instruments": {name: dict(result.instrument) for name, result in results.items() if result.instrument},
        "directions": directions,
        "descriptions": {name: metrics[name].description for name in results},
        "not_measured": [name for name in metrics if name not in results],
        "categories": {
            arm: {
                category: {name: as_json(measure) for name, measure in found.items()}
                for category, found in categories.items()
            }
            for arm, categories in by_category(evaluation, results).items()
        },
        "classifiers": {name: found for result in results.values() for name, found in result.classifiers.items()},
        "per_row": {name: result.per_row for name, result in results.items() if result.per_row},
    }


def _short(name: str) -> str:
    """What results call a metric: "my_metrics.py:QUESTIONS" is "questions"."""
    return name.rpartition(":")[2].lower() if ":" in name else name
