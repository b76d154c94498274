"""The win rate at equal lengths, after length-controlled AlpacaEval (Dubois et al. 2024, arXiv 2404.04475, section 3).

They fit logit P(win) = theta + phi tanh(difference of lengths / its standard deviation) + a term for how hard each
prompt is, over many models at once, and read off the win rate with the length term set to 0. Here one pair of arms is
fitted by itself, so the term of the prompt falls away; a tie is half a win; and phi has a Gaussian prior, since few
prompts in which length and win go together would send it to infinity. Theta has none: where length explains nothing,
the result is the raw win rate."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import interval

PRIOR = 2.5
"""Standard deviation of phi's prior: a scale of weakly informative priors for logistic regression (Gelman et al.
2008, Annals of Applied Statistics 2(4))."""
CERTAIN = 20.0
"""Bound of theta: where one arm always wins, it has no maximum."""


def length_terms(own: Sequence[int], other: Sequence[int]) -> np.ndarray:
    """tanh of the differences of lengths (own - other) over their standard deviation; 0 where all are the same."""
    differences = np.asarray(own, dtype=float) - np.asarray(other, dtype=float)
    spread = differences.std()
    return np.tanh(differences / spread) if spread > 0 else np.zeros_like(differences)


def fit(scores: np.ndarray, terms: np.ndarray) -> tuple[float, float]:
    """(theta, phi) that maximise sum of s log p + (1 - s) log(1 - p) - phi^2 / (2 PRIOR^2), p = expit(theta + phi
    term).

    Newton's method with steps of at most 2; the objective is concave. Scores are in [0, 1].
    """
    found = np.zeros(2)
    design = np.stack([np.ones_like(terms), terms], axis=1)
    prior = np.array([0.0, PRIOR**-2])
    for _ in range(100):
        chance = expit(design @ found)
        slope = design.T @ (scores - chance) - prior * found
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(prior + 1e-9)
        step = np.clip(np.linalg.solve(curve, slope), -2, 2)
        found = np.clip(found + step, -CERTAIN, CERTAIN)
        if np.abs(step).max() < 1e-9 or abs(found[0]) == CERTAIN:
            break
    return float(found[0]), float(found[1])


def controlled(scores: Sequence[float], terms: np.ndarray, groups: Sequence[str]) -> Measure:
    """The win rate at equal lengths with its interval: the fit is made anew on every resample of problems."""
    values = np.asarray(scores, dtype=float)
    return interval(lambda rows: float(expit(fit(values[rows], terms[rows])[0])), groups)
