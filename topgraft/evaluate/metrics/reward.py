"""What the rewards say: the mean reward and its parts, the same under a second reward model, the win rate over Base."""

import math
from collections.abc import Callable

import numpy as np

from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult, Response
from topgraft.evaluate.statistics.intervals import mean_interval
from topgraft.evaluate.statistics.jackknife import left_out
from topgraft.evaluate.statistics.measures import means, shares


def _mean_of(read: Callable[[Response], float | None], evaluation: Evaluation) -> MetricResult | None:
    """The mean over rows of what `read` finds, for the arms that have it in every row."""
    found = {arm: [read(row) for row in rows] for arm, rows in evaluation.responses.items()}
    per_row = {arm: [value for value in values if value is not None] for arm, values in found.items()}
    per_row = {arm: values for arm, values in per_row.items() if len(values) == len(found[arm])}
    if not per_row:
        return None
    return means(evaluation, per_row)


def measure_reward(evaluation: Evaluation) -> MetricResult | None:
    """Mean reward."""
    return _mean_of(lambda row: row.reward, evaluation)


def measure_check(evaluation: Evaluation) -> MetricResult | None:
    """Mean reward by the reward model of another seed."""
    return _mean_of(lambda row: row.reward_check, evaluation)


def parts(evaluation: Evaluation) -> dict[str, Metric]:
    """A metric for each part of the reward, where there are several."""
    names = list(next(iter(evaluation.responses.values()))[0].parts)
    return {name: _part(name) for name in names} if len(names) > 1 else {}


def _part(name: str) -> Metric:
    return Metric(
        f"part '{name}' of the reward, before its weight",
        "neutral",
        lambda evaluation: _mean_of(lambda row: row.parts.get(name), evaluation),
    )


def measure_gain(evaluation: Evaluation) -> MetricResult | None:
    """Mean of an arm's reward less Base's for an answer to the same prompt; Base itself has none."""
    rewards = measure_reward(evaluation)
    if rewards is None or "base" not in rewards.per_row:
        return None
    base = rewards.per_row["base"]
    per_row = {
        arm: [own - other for own, other in zip(values, base, strict=True)]
        for arm, values in rewards.per_row.items()
        if arm != "base"
    }
    return means(evaluation, per_row)


def measure_margin(evaluation: Evaluation) -> MetricResult | None:
    """How much further an arm sets the preferred of two given answers above the other than Base does; Base has none."""
    base = [row for row in evaluation.responses.get("base", []) if row.preference is not None]
    if not base:
        return None
    before, groups = [row.preference or 0.0 for row in base], [row.group for row in base]
    measures, without = {}, {}
    for arm, rows in evaluation.responses.items():
        after = [row.preference for row in rows if row.preference is not None]
        if arm != "base" and len(after) == len(base):
            gained = [own - other for own, other in zip(after, before, strict=True)]
            measures[arm] = mean_interval(gained, groups, seed=evaluation.seed)
            known = _mean_where_known(np.array([row.preference for row in rows], dtype=float))
            without[arm] = left_out(known, evaluation.groups)
    return MetricResult(measures=measures, left_out=without)


def _mean_where_known(values: np.ndarray) -> Callable[[np.ndarray], float]:
    """The mean of the values in the given rows that are numbers; not a number where none is."""

    def mean(rows: np.ndarray) -> float:
        found = values[rows][np.isfinite(values[rows])]
        return float(found.mean()) if len(found) else math.nan

    return mean


def wins(scores: list[float], base: list[float]) -> list[float]:
    """1 where an arm's answer scores above Base's to the same prompt, 1/2 for a tie, else 0."""
    return [1.0 if own > other else 0.5 if own == other else 0.0 for own, other in zip(scores, base, strict=True)]


def measure_wins(evaluation: Evaluation) -> MetricResult | None:
    """Share of prompts on which the reward prefers the arm's answer to Base's; Base itself has none."""
    rewards = measure_reward(evaluation)
    if rewards is None or "base" not in rewards.per_row:
        return None
    base = rewards.per_row["base"]
    per_row = {arm: wins(values, base) for arm, values in rewards.per_row.items() if arm != "base"}
    return shares(evaluation, per_row)


REWARD = Metric(
    "mean of the reward that policies learn from (a learned one gives the reference answers of the training rows 0)",
    "higher",
    measure_reward,
    parts,
)
REWARD_GAIN = Metric("reward less that of Base's answer to the same prompt", "higher", measure_gain, compared=False)
REWARD_CHECK = Metric("the same with a second reward model, trained with another seed", "higher", measure_check)
MARGIN = Metric(
    "log p(preferred answer) - log p(rejected answer) of the data's own pairs, less what it is under Base, nats",
    "higher",
    measure_margin,
)
WIN_RATE = Metric(
    "share of prompts where the reward that policies learn from is higher than Base's; ties count 1/2",
    "higher",
    measure_wins,
)
