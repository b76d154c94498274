"""Intervals for figures that count what is different in a set of answers: leave out one problem at a time.

A bootstrap draws some problems twice, and a set with duplicates is less diverse: its percentiles lie below the value
that they should surround. The jackknife leaves problems out and doubles none. Its variance is on average too large
rather than too small for any function of the set that does not depend on the order (Efron and Stein 1981, "The
jackknife estimate of variance").
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from topgraft.evaluate.records import Measure

MOST = 50
"""Of more groups several are left out together: the statistics are slow, and 50 values give the variance."""


def jackknife_interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str]) -> Measure:
    """`statistic` of all rows, and value +- t sqrt((G - 1) / G sum (left out - their mean)^2), with Student's t of
    G - 1 degrees of freedom at 97.5 %, over the G groups or blocks of groups. `statistic` gets row numbers and is never
    below 0; nor is the lower end.

    One group alone says nothing of how groups differ: the interval is then not a number.
    """
    names = {name: place for place, name in enumerate(sorted(set(groups)))}
    number = min(len(names), MOST)
    block = np.array([names[group] for group in groups]) % number
    value = float(statistic(np.arange(len(groups))))
    if number < 2:
        return Measure(value=value, low=math.nan, high=math.nan, n=len(groups))
    left_out = np.array([statistic(np.flatnonzero(block != place)) for place in range(number)])
    spread = math.sqrt((number - 1) / number * ((left_out - left_out.mean()) ** 2).sum())
    half = float(stats.t.ppf(0.975, number - 1)) * spread
    return Measure(value=value, low=max(0.0, value - half), high=value + half, n=len(groups))
