"""Which pairs of arms are compared, and what each comparison shows once the others are allowed for."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topgraft.evaluate.records import Evaluation, Measure, MetricResult, as_json
from topgraft.evaluate.statistics.intervals import mean_interval, members, problem_means
from topgraft.evaluate.statistics.jackknife import around, contributions
from topgraft.evaluate.statistics.paired import LEVEL, holm, problems_needed, signed_rank, standardised

EVERY_PAIR = 4
"""Up to so many arms besides Base, every two are compared."""

Pair = tuple[str, str]
"""An arm and the one that it is compared with."""


def compare(
    evaluation: Evaluation,
    results: Mapping[str, MetricResult],
    directions: Mapping[str, str],
    starts: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The comparisons of results.json, metric by metric: first arm minus second, with the numbers of
    `topgraft.evaluate.statistics.paired`.

    "separated" needs both: an interval without 0 and an adjusted p below 0.05. "needed" has a number where it is not.
    """
    arms = list(evaluation.responses)
    groups = evaluation.groups
    found: list[dict[str, Any]] = []
    for name, result in results.items():
        values = _Values(result, groups, evaluation.seed)
        known = [arm for arm in arms if arm in values.arms and arm in result.measures]
        if len(arms) <= EVERY_PAIR + 1:
            families = [[(arm, before) for before, arm in itertools.combinations(known, 2)]]
        else:
            families = _families(known, arms[0], result, directions[name], starts)
        pairs = list(dict.fromkeys(itertools.chain.from_iterable(families)))
        found += _entries(name, {pair: values.difference(*pair) for pair in pairs}, families, len(set(groups)))
    return found


class _Values:
    """One metric's values of all arms, ready to be subtracted."""

    def __init__(self, result: MetricResult, groups: Sequence[str], seed: int) -> None:
        self.rows, self.groups, self.seed = result.per_row, groups, seed
        self.left_out = {} if self.rows else dict(result.left_out)
        self.arms = self.rows or self.left_out
        problems = len(members(groups)[1])
        blocks = max((len(found) - 1 for found in self.left_out.values()), default=problems)
        self.shrink = math.sqrt(max(1, blocks) / problems)

    def difference(self, arm: str, against: str) -> tuple[Measure, np.ndarray, float | None]:
        """The difference of two arms, that of every problem (or block of problems), and d_z over problems."""
        if self.rows:
            gains = [new - old for new, old in zip(self.rows[arm], self.rows[against], strict=True)]
            measure = mean_interval(gains, self.groups, seed=self.seed)
            gain_G = problem_means(gains, self.groups)
        else:
            both = self.left_out[arm] - self.left_out[against]
            measure, gain_G = around(both, self.groups), contributions(both)
        gain_G = gain_G[np.isfinite(gain_G)]
        effect = standardised(gain_G)
        return measure, gain_G, effect if effect is None else effect * self.shrink


def _families(
    known: list[str], base: str, result: MetricResult, direction: str, starts: Mapping[str, str]
) -> list[list[Pair]]:
    """The pairs of many arms, question by question, since what answers one question is corrected together: what beats
    Base, what its last stage added to each, and whether the best value is better than every other."""
    sign = -1 if direction == "lower" else 1
    values = {arm: sign * result.measures[arm].value for arm in known if not math.isnan(result.measures[arm].value)}
    best = max(values, key=lambda arm: values[arm], default=base)
    questions = [
        [(arm, base) for arm in known if arm != base and base in known],
        [(arm, starts[arm]) for arm in known if starts.get(arm) in known],
        [(best, arm) for arm in values if arm != best],
    ]
    taken = {frozenset(pair): pair for pair in reversed([pair for pairs in questions for pair in pairs])}
    return [[taken[frozenset(pair)] for pair in pairs] for pairs in questions if pairs]


def _entries(
    name: str,
    differences: Mapping[Pair, tuple[Measure, np.ndarray, float | None]],
    families: Sequence[Sequence[Pair]],
    problems: int,
) -> list[dict[str, Any]]:
    """One entry a pair. A pair of several families has its largest adjusted p."""
    tests = {pair: signed_rank(gain_G) for pair, (_, gain_G, _) in differences.items()}
    adjusted, sizes = dict.fromkeys(tests, 0.0), dict.fromkeys(tests, 1)
    for family in families:
        for pair, p in zip(family, holm([tests[pair][0] for pair in family]), strict=True):
            adjusted[pair], sizes[pair] = max(adjusted[pair], p), max(sizes[pair], len(family))
    entries = []
    for (arm, against), (measure, _, effect) in differences.items():
        pair = arm, against
        apart = (measure.low > 0 or measure.high < 0) and adjusted[pair] < LEVEL
        entries.append(
            {
                "name": name,
                "arm": arm,
                "against": against,
                **as_json(measure),
                "neutral": 0,
                "problems": problems,
                "p": tests[pair][0],
                "p_adjusted": adjusted[pair],
                "family": sizes[pair],
                "separated": apart,
                "rank_biserial": tests[pair][1],
                "d_z": effect,
                "needed": None if apart else problems_needed(effect, problems, sizes[pair]),
            }
        )
    return entries
