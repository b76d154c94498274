"""95 % intervals over problems, not rows: answers to one problem are not independent.

Each kind of figure has the interval that covered best on simulated data (docs/statistics.md has the table):

- means, and statistics of counts that add up over rows (`mean_interval`, `interval`): a bootstrap that draws problems.
  With few problems the ends of its percentiles lie too close together; the expanded percentiles of Hesterberg (2015,
  arXiv 1411.5279, section 4.6) mend that: alpha/2 becomes Phi(-sqrt(G / (G - 1)) t_{alpha/2, G - 1}), 0.9 % instead of
  2.5 % at ten problems;
- shares (`share_interval`): Wilson's interval with an effective sample size; it has a width also where all rows agree;
- whatever counts distinct things: `topgraft.evaluate.statistics.jackknife`.

G is the effective number of problems throughout: where some have more rows than others, fewer of them count. An
interval speaks of other problems, not of other training runs.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from topgraft.evaluate.records import Measure

RESAMPLES = 2000


def resampled_rows(groups: Sequence[str], seed: int) -> list[np.ndarray]:
    """Row numbers of each resample: as many groups as there are, drawn with replacement, with all their rows."""
    place, sizes = members(groups)
    rows = [np.flatnonzero(place == number) for number in range(len(sizes))]
    return [np.concatenate([rows[number] for number in draw]) for draw in _draws(len(sizes), RESAMPLES, seed)]


def interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str], *, seed: int = 0) -> Measure:
    """`statistic` of all rows, and its 95 % interval over resampled groups. `statistic` gets row numbers, some of them
    several times: one that counts distinct things needs the jackknife.

    One group alone says nothing of how groups differ: the interval is then not a number.
    """
    everything = float(statistic(np.arange(len(groups))))
    _, sizes = members(groups)
    if len(sizes) < 2:
        return unknown(everything, len(groups))
    low, high = _ends(np.array([statistic(rows) for rows in resampled_rows(groups, seed)]), sizes)
    return Measure(value=everything, low=low, high=high, n=len(groups))


def mean_interval(values: Sequence[float], groups: Sequence[str], *, seed: int = 0) -> Measure:
    """The mean of `values` over rows with its interval."""
    array, (place, sizes) = np.asarray(values, dtype=float), members(groups)
    if len(sizes) < 2:
        return unknown(float(array.mean()), len(array))
    times = _times(len(sizes), RESAMPLES, seed)
    low, high = _ends(times @ np.bincount(place, weights=array) / (times @ sizes), sizes)
    return Measure(value=float(array.mean()), low=low, high=high, n=len(array))


def share_interval(values: Sequence[float], groups: Sequence[str]) -> Measure:
    """The mean of `values` in [0, 1] (right or wrong, wins with ties as 1/2, probabilities) with Wilson's interval.

    The sample size in Wilson (1927) is the effective one, m (1 - m) / se^2 with the standard error between problems
    (Franco et al. 2019, doi 10.1093/jssam/smy019), and t_{G - 1} stands for the normal quantile. The standard error is
    taken to be at least that of independent rows. Where all rows are 0, or all 1, a problem counts as one row.
    """
    array, (place, sizes) = np.asarray(values, dtype=float), members(groups)
    mean, rows = float(array.mean()), len(array)
    if len(sizes) < 2:
        return unknown(mean, rows)
    number, spread = effective(sizes), max(0.0, mean * (1 - mean))
    between = np.bincount(place, weights=array - mean)
    clustered = len(sizes) / (len(sizes) - 1) * float((between**2).sum()) / rows**2
    variance = max(clustered, float(array.var()) / rows)
    count = spread / variance if spread > 0 and variance > 0 else number
    reach = student(number) ** 2 / count
    middle, half = (mean + reach / 2) / (1 + reach), math.sqrt(reach * spread + reach**2 / 4) / (1 + reach)
    return Measure(value=mean, low=max(0.0, min(mean, middle - half)), high=min(1.0, max(mean, middle + half)), n=rows)


def members(groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's problem [rows], and how many rows each problem has [G]; problems sorted by name."""
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    return place, np.bincount(place, minlength=len(names))


def problem_means(values: Sequence[float], groups: Sequence[str]) -> np.ndarray:
    """The mean of every problem's rows [G], problems sorted by name."""
    place, sizes = members(groups)
    return np.bincount(place, weights=np.asarray(values, dtype=float)) / sizes


def effective(sizes: np.ndarray) -> float:
    """Effective number of problems (sum n)^2 / sum n^2 (Kish 1965): their number where all have equally many rows.
    Student's t with one degree of freedom less allows for few and unlike clusters (Carter et al. 2017, doi
    10.1162/REST_a_00639). Two at least."""
    return max(2.0, float(sizes.sum()) ** 2 / float((sizes.astype(float) ** 2).sum()))


def student(number: float) -> float:
    """The 97.5 % point of Student's t with `number` - 1 degrees of freedom."""
    return float(stdtrit(number - 1, 0.975))


def unknown(value: float, n: int) -> Measure:
    """A value without an interval."""
    return Measure(value=value, low=math.nan, high=math.nan, n=n)


def _ends(values: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """The expanded percentiles of the resampled values."""
    number = effective(sizes)
    tail = 100 * float(ndtr(-math.sqrt(number / (number - 1)) * student(number)))
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _draws(number: int, resamples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, number, size=(resamples, number))


@lru_cache(maxsize=8)
def _times(number: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of `number` problems stands in each resample [resamples, number]; arms and metrics share it."""
    draws = _draws(number, resamples, seed)
    return np.stack([np.bincount(draw, minlength=number) for draw in draws]).astype(float)
