"""Do raters agree, with one another and with themselves? Each figure with an interval over problems."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import interval, share_interval

Level = Literal["nominal", "ordinal", "interval"]


def counts_of(units: Sequence[Sequence[float]], values: Sequence[float]) -> np.ndarray:
    """[units, values]: how many raters gave each value to each unit, which is all that agreement depends on."""
    return np.array([[list(given).count(value) for value in values] for given in units]).reshape(-1, len(values))


def alpha(counts_UK: np.ndarray, level: Level) -> float:
    """Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability") of U units and K values in order.

    1 is perfect agreement, 0 what chance would give, below 0 is worse than chance. Not a number where no unit has two
    raters, and where every value that could be paired is the same: then nothing shows that raters tell answers apart.
    """
    import krippendorff

    paired_UK = counts_UK[counts_UK.sum(axis=1) > 1]
    if (paired_UK.sum(axis=0) > 0).sum() < 2:
        return math.nan
    return float(krippendorff.alpha(value_counts=paired_UK, level_of_measurement=level))


def ordinal_alpha(counts_UK: np.ndarray) -> float:
    """Alpha of scores: two steps apart is a greater disagreement than one."""
    return alpha(counts_UK, "ordinal")


def choice_alpha(counts_UK: np.ndarray) -> float:
    """Alpha of choices between two answers, nominal; the first and the last value are the two answers.

    Every unit enters both ways round. Which of two blind answers is called the first has no meaning, and chance must
    not be reckoned from how often an arm wins: raters who all prefer the better arm would then agree "by chance".
    """
    return alpha(np.vstack([counts_UK, counts_UK[:, ::-1]]), "nominal")


def alpha_interval(
    statistic: Callable[[np.ndarray], float], counts_UK: np.ndarray, groups: Sequence[str], *, seed: int = 0
) -> Measure:
    """An alpha over the units that two raters or more have rated, with its interval; n counts those units.

    A resample in which all values are the same counts as 0: it shows no agreement beyond chance.
    """
    paired = np.flatnonzero(counts_UK.sum(axis=1) > 1)
    whole = statistic(counts_UK[paired])
    if math.isnan(whole):
        return Measure(value=whole, low=math.nan, high=math.nan, n=len(paired))

    def resampled(rows: np.ndarray) -> float:
        found = statistic(counts_UK[paired[rows]])
        return 0.0 if math.isnan(found) else found

    return interval(resampled, np.asarray(groups)[paired].tolist(), seed=seed)


def raw_agreement(counts_UK: np.ndarray, groups: Sequence[str], *, apart: int = 0, seed: int = 0) -> Measure:
    """The share of pairs of raters who gave a unit the same value, or values at most `apart` steps apart; n counts
    the pairs. Not corrected for chance."""
    counts = np.asarray(counts_UK, dtype=float)
    near = np.abs(np.subtract.outer(np.arange(counts.shape[1]), np.arange(counts.shape[1]))) <= apart
    raters_U = counts.sum(axis=1)
    agreeing_U = (np.einsum("uk,kl,ul->u", counts, near, counts) - raters_U) / 2
    pairs_U = raters_U * (raters_U - 1) / 2
    paired = np.flatnonzero(pairs_U)
    number = int(pairs_U.sum())
    if not number:
        return Measure(value=math.nan, low=math.nan, high=math.nan, n=0)
    found = interval(
        lambda rows: float(agreeing_U[paired[rows]].sum() / pairs_U[paired[rows]].sum()),
        np.asarray(groups)[paired].tolist(),
        seed=seed,
    )
    return Measure(value=found.value, low=found.low, high=found.high, n=number)


def share(hits: Sequence[bool], groups: Sequence[str]) -> Measure:
    """The share of `hits` that are true, with its interval over groups; no hits, no number."""
    if not hits:
        return Measure(value=math.nan, low=math.nan, high=math.nan, n=0)
    return share_interval([float(hit) for hit in hits], groups)
