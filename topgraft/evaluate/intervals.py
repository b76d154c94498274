"""95 % bootstrap intervals that resample problems, not rows: answers to one problem are not independent.

Percentile bootstrap over groups, 2000 resamples, seeded. With few groups its ends lie too close together; the expanded
percentiles of Hesterberg (2015, arXiv 1411.5279, section 4.6) mend that: alpha/2 becomes
Phi(-sqrt(G / (G - 1)) t_{alpha/2, G - 1}), 0.9 % instead of 2.5 % at ten groups. An interval speaks of other problems,
not of other training runs.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from topgraft.evaluate.records import Measure

RESAMPLES = 2000


def resampled_rows(groups: Sequence[str], seed: int) -> list[np.ndarray]:
    """Row numbers of each resample: as many groups as there are, drawn with replacement, with all their rows."""
    names = sorted(set(groups))
    members = [np.flatnonzero(np.asarray(groups) == name) for name in names]
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, len(names), size=(RESAMPLES, len(names)))
    return [np.concatenate([members[place] for place in draw]) for draw in draws]


def interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str], *, seed: int = 0) -> Measure:
    """`statistic` of all rows, and its 95 % interval over resampled groups. `statistic` gets row numbers.

    One group alone says nothing of how groups differ: the interval is then not a number.
    """
    everything = float(statistic(np.arange(len(groups))))
    if len(set(groups)) < 2:
        return Measure(value=everything, low=math.nan, high=math.nan, n=len(groups))
    values = [statistic(rows) for rows in resampled_rows(groups, seed)]
    number = len(set(groups))
    tail = stats.norm.cdf(math.sqrt(number / (number - 1)) * stats.t.ppf(0.025, number - 1))
    low, high = np.percentile(values, [100 * tail, 100 * (1 - tail)])
    return Measure(value=everything, low=float(low), high=float(high), n=len(groups))


def mean_interval(values: Sequence[float], groups: Sequence[str], *, seed: int = 0) -> Measure:
    """The mean of `values` with its interval."""
    array = np.asarray(values, dtype=float)
    return interval(lambda rows: float(array[rows].mean()), groups, seed=seed)
