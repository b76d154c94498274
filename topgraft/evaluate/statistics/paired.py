"""What two arms' answers to the same problems show: a test, effect sizes, and how many problems would show it.

All of it reads one difference a problem [G], since rows of one problem are not independent.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

EXACT = 50
"""Up to so many differences other than 0 the signed-rank test counts all signs; above, it takes the normal limit."""
LEVEL = 0.05
POWER = 0.8


def signed_rank(difference_G: np.ndarray) -> tuple[float, float]:
    """Two-sided p of Wilcoxon's signed-rank test (1945), and the matched-pairs rank-biserial correlation.

    The null hypothesis is that differences lie symmetrically about 0. Differences of 0 are dropped, equal ones share
    their ranks, and p comes from all 2^n signs of the ranks as they are. The correlation is (sum of ranks of the
    gains - of the losses) / sum of all ranks (Kerby 2014, doi 10.2466/11.IT.3.1): 1 where every problem gains, 0 where
    none changes.
    """
    largest = float(np.abs(difference_G).max(initial=0.0))
    # Differences that are equal but for rounding get equal ranks, and those that are 0 but for rounding none.
    scaled = np.round(difference_G / largest, 9) if largest > 0 else difference_G
    changed = scaled[scaled != 0]
    if not len(changed):
        return 1.0, 0.0
    ranks = stats.rankdata(np.abs(changed))
    gains, total = float(ranks[changed > 0].sum()), float(ranks.sum())
    if len(changed) > EXACT:
        p = float(stats.wilcoxon(changed, method="asymptotic").pvalue)
    else:
        doubled = np.rint(2 * ranks).astype(int)
        farthest = round(2 * max(gains, total - gains))
        p = min(1.0, 2 * float(_rank_sums(doubled)[farthest:].sum()))
    return p, (2 * gains - total) / total


def _rank_sums(rank_n: np.ndarray) -> np.ndarray:
    """The probability of each sum of gains' ranks where every sign is a fair coin; ranks are whole numbers."""
    chance = np.zeros(int(rank_n.sum()) + 1)
    chance[0] = 1.0
    for rank in rank_n:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: len(chance) - rank]
        chance = (chance + moved) / 2
    return chance


def standardised(difference_G: np.ndarray) -> float | None:
    """Cohen's d_z: the mean difference over the standard deviation of differences (Lakens 2013, doi
    10.3389/fpsyg.2013.00863, equation 6); None where they do not vary."""
    if len(difference_G) < 2:
        return None
    deviation = float(difference_G.std(ddof=1))
    return float(difference_G.mean()) / deviation if deviation > 1e-12 * float(np.abs(difference_G).max()) else None


def holm(p_m: Sequence[float]) -> list[float]:
    """p-values adjusted for all of them together (Holm 1979, Scandinavian Journal of Statistics 6).

    The k-th smallest of m is multiplied by m - k + 1, and none may lie below a smaller one's. The chance of any false
    finding stays below the level.
    """
    adjusted, highest = [0.0] * len(p_m), 0.0
    for rank, place in enumerate(sorted(range(len(p_m)), key=lambda place: p_m[place])):
        highest = max(highest, min(1.0, (len(p_m) - rank) * p_m[place]))
        adjusted[place] = highest
    return adjusted


def problems_needed(effect: float | None, problems: int, family: int = 1) -> int | None:
    """Problems at which a paired t test of a difference and spread like these has 80 % power at 5 %, where `problems`
    did not show it; None where there is no effect.

    (z_{0.975} + z_{0.8})^2 / d_z^2 + z_{0.975}^2 / 2, rounded up (Guenther 1981, The American Statistician 35, 243). At
    least one more than there were, and so many that the signed-rank test can reach 5 % in a family of so many
    comparisons at all: its smallest p is 2^(1 - G).
    """
    if not effect:
        return None
    reach = stats.norm.ppf(1 - LEVEL / 2)
    needed = ((reach + stats.norm.ppf(POWER)) / effect) ** 2 + reach**2 / 2
    testable = math.floor(1 + math.log2(family / LEVEL)) + 1
    return max(math.ceil(needed), testable, problems + 1)
