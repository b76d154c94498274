"""What the reward models say: mean reward, the same under a second reward model, and the win rate against Base."""

from topgraft.evaluate.intervals import mean_interval
from topgraft.evaluate.metric import Metric
from topgraft.records import Evaluation, MetricResult, Response


def _values(rows: list[Response], name: str) -> list[float] | None:
    values = [getattr(row, name) for row in rows]
    return None if any(value is None for value in values) else values


def _mean_of(name: str, evaluation: Evaluation) -> MetricResult | None:
    per_row = {arm: values for arm, rows in evaluation.responses.items() if (values := _values(rows, name)) is not None}
    if not per_row:
        return None
    groups = [row.group for row in next(iter(evaluation.responses.values()))]
    measures = {arm: mean_interval(values, groups, seed=evaluation.seed) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row)


def measure_reward(evaluation: Evaluation) -> MetricResult | None:
    """Mean score by the reward model in use."""
    return _mean_of("reward", evaluation)


def measure_check(evaluation: Evaluation) -> MetricResult | None:
    """Mean score by the reward model of another seed."""
    return _mean_of("reward_check", evaluation)


def wins(scores: list[float], base: list[float]) -> list[float]:
    """1 where an arm's answer scores above Base's to the same prompt, 1/2 for a tie, else 0."""
    return [1.0 if own > other else 0.5 if own == other else 0.0 for own, other in zip(scores, base, strict=True)]


def measure_wins(evaluation: Evaluation) -> MetricResult | None:
    """Share of prompts on which the reward model prefers the arm's answer to Base's; Base itself has none."""
    rewards = _mean_of("reward", evaluation)
    if rewards is None or "base" not in rewards.per_row:
        return None
    base = rewards.per_row["base"]
    per_row = {arm: wins(values, base) for arm, values in rewards.per_row.items() if arm != "base"}
    groups = [row.group for row in evaluation.responses["base"]]
    measures = {arm: mean_interval(values, groups, seed=evaluation.seed) for arm, values in per_row.items()}
    return MetricResult(measures=measures, per_row=per_row)


REWARD = Metric(
    'mean score by the reward model (reference answers of the training rows score 0, unless reward.normalise = "none")',
    "higher",
    measure_reward,
)
REWARD_CHECK = Metric("mean score by a second reward model, trained with another seed", "higher", measure_check)
WIN_RATE = Metric(
    "share of prompts where the reward model that PPO learned from prefers the answer to Base's; ties count 1/2",
    "higher",
    measure_wins,
)
