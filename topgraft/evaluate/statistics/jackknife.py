"""Leave out one problem at a time: intervals of figures that count what is different in a set of answers, and what each
problem contributes to a figure that is no mean over rows.

A bootstrap draws some problems twice, and a set with duplicates is less diverse: its percentiles lie below the value
that they should surround (docs/statistics.md has the coverage). The jackknife leaves problems out and doubles none. Its
variance is on average too large rather than too small for any function of the set that does not depend on the order
(Efron and Stein 1981, doi 10.1214/aos/1176345462, theorem 2).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import effective, members, student, unknown

MOST = 50
"""Of more problems several are left out together: such statistics are slow, and 50 values give the variance."""


def jackknife_interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str]) -> Measure:
    """`statistic` of all rows with its jackknife interval over the groups. `statistic` gets row numbers and is never
    below 0; nor is the lower end.

    One group alone says nothing of how groups differ: the interval is then not a number.
    """
    return above_zero(left_out(statistic, groups), groups)


def left_out(statistic: Callable[[np.ndarray], float], groups: Sequence[str]) -> np.ndarray:
    """The statistic of all rows, then without each block of groups [1 + K]. A block is one group, sorted by name, up to
    MOST of them. One group alone gives the first value only."""
    block = _blocks(groups)
    rows = [np.arange(len(groups)), *(np.flatnonzero(block != number) for number in range(block.max() + 1))]
    return np.array([float(statistic(kept)) for kept in rows if len(kept)])


def around(found: np.ndarray, groups: Sequence[str]) -> Measure:
    """The measure of what `left_out` found, or of the difference of two of them: value -+ t sqrt((K - 1) / K sum of
    squares about the mean), with Student's t of one degree of freedom less than there are (effective) blocks."""
    value, without = float(found[0]), found[1:]
    if len(without) < 2:
        return unknown(value, len(groups))
    squares = float(((without - without.mean()) ** 2).sum())
    number = effective(np.bincount(_blocks(groups)))
    half = student(number) * math.sqrt((len(without) - 1) / len(without) * squares)
    return Measure(value=value, low=value - half, high=value + half, n=len(groups))


def above_zero(found: np.ndarray, groups: Sequence[str]) -> Measure:
    """The same of a statistic that is never below 0: nor is the lower end."""
    measure = around(found, groups)
    return replace(measure, low=0.0) if measure.low < 0 else measure


def contributions(found: np.ndarray) -> np.ndarray:
    """Pseudo-values [K] of what `left_out` found (Tukey 1958): K times the whole less K - 1 times what is without the
    block. For a mean over blocks of one size they are the blocks' means."""
    return len(found[1:]) * found[0] - (len(found[1:]) - 1) * found[1:]


def _blocks(groups: Sequence[str]) -> np.ndarray:
    place, sizes = members(groups)
    return place % min(len(sizes), MOST)
