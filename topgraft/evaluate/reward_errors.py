"""Where a reward model errs: its order of held-out pairs by length, category and confidence.

A pair's margin is the difference of its two scores in the units in which the model learned them, so that under
Bradley-Terry sigmoid(margin) is the probability that the first answer is preferred. A tie of scores or lengths counts
1/2, as everywhere.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from topgraft.evaluate.records import as_json
from topgraft.evaluate.statistics.intervals import interval, share_interval

BINS = 5
"""Of confidence, from 1/2 to 1: as many as ten bins from 0 to 1 leave above chance."""
METRICS = {
    "accuracy": ("share of pairs whose preferred answer scores higher", "higher"),
    "longer_wins": ("share of pairs whose preferred answer is the longer one, in tokens", "neutral"),
    "beyond_length": ("accuracy less the share of pairs whose preferred answer is the longer one", "higher"),
    "calibration_error": ("expected calibration error of sigmoid(|margin|), five bins from 1/2 to 1", "lower"),
    "strength": ("Spearman correlation of the margin with the stated strength of the preference", "higher"),
}
"""What is measured of a reward model -> (description, direction)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardPair:
    """Two answers to one held-out prompt, the first preferred, with the scores that policies see, and the margin.

    `part` is "test" or "validation"; validation pairs have chosen the step that is kept, so no figure is of them alone.
    """

    id: str
    problem: str
    part: str
    category: str
    strength: float
    prompt: str
    chosen: str
    rejected: str
    chosen_score: float
    rejected_score: float
    margin: float
    chosen_tokens: int
    rejected_tokens: int

    @property
    def right(self) -> float:
        """1 where the preferred answer scores higher, 1/2 for a tie, else 0."""
        return _order(self.margin)

    @property
    def longer(self) -> int:
        """By how many tokens the preferred answer is the longer one."""
        return self.chosen_tokens - self.rejected_tokens


def _order(difference: float) -> float:
    return 1.0 if difference > 0 else 0.5 if difference == 0 else 0.0


def analyse(pairs: Sequence[RewardPair], seed: int) -> dict[str, Any]:
    """What evaluation/reward_model.json holds: measures of test and validation pairs, and of the test pairs alone
    accuracy by length difference and by category, and the calibration curve."""
    parts = {part: [pair for pair in pairs if pair.part == part] for part in ("test", "validation")}
    arms = {part: {"metrics": _measures(found, seed)} for part, found in parts.items() if found}
    known = {name for arm in arms.values() for name in arm["metrics"]}
    test = parts["test"]
    return {
        "arms": arms,
        "directions": {name: METRICS[name][1] for name in METRICS if name in known},
        "descriptions": {name: METRICS[name][0] for name in METRICS if name in known},
        "by_length": _by(length_bins(test)),
        "by_category": _by(categories(test)),
        "calibration": calibration(test),
    }


def _measures(pairs: list[RewardPair], seed: int) -> dict[str, dict[str, float | None]]:
    groups = [pair.problem for pair in pairs]
    right = np.array([pair.right for pair in pairs])
    longer = np.array([_order(pair.longer) for pair in pairs])
    strength, margin = np.array([pair.strength for pair in pairs]), np.array([pair.margin for pair in pairs])
    confidence = special.expit(np.abs(margin))
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "beyond_length": lambda rows: float((right - longer)[rows].mean()),
        "calibration_error": lambda rows: calibration_error(confidence[rows], right[rows]),
    }
    if np.ptp(strength) > 0 and np.ptp(margin) > 0:
        statistics["strength"] = lambda rows: _correlation(strength[rows], margin[rows])
    measures = {name: interval(statistic, groups, seed=seed) for name, statistic in statistics.items()}
    measures |= {
        "accuracy": share_interval(right.tolist(), groups),
        "longer_wins": share_interval(longer.tolist(), groups),
    }
    return {name: as_json(measures[name]) for name in METRICS if name in measures}


def _correlation(strength: np.ndarray, margin: np.ndarray) -> float:
    """Spearman's; 0 for a resample in which one of the two does not vary."""
    if np.ptp(strength) == 0 or np.ptp(margin) == 0:
        return 0.0
    return float(stats.spearmanr(strength, margin)[0])


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599, eq. 3): |mean confidence - share right|, over the
    bins of confidence, weighted by their pairs."""
    place = _bin_of(confidence)
    sums = (np.bincount(place, values, BINS) for values in (confidence, right))
    return float(sum(abs(sure - hit) for sure, hit in zip(*sums, strict=True)) / len(confidence))


def calibration(pairs: Sequence[RewardPair]) -> list[dict[str, float | None]]:
    """The calibration curve: of every bin of confidence that has pairs its mean confidence and the share that is
    right."""
    confidence = special.expit([abs(pair.margin) for pair in pairs])
    place, found = _bin_of(confidence), []
    for number in range(BINS):
        inside = [pair for pair, bin_ in zip(pairs, place, strict=True) if bin_ == number]
        if inside:
            share = share_interval([pair.right for pair in inside], [pair.problem for pair in inside])
            found.append({"confidence": float(confidence[place == number].mean()), **as_json(share)})
    return found


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    return np.clip(((np.asarray(confidence) - 0.5) * 2 * BINS).astype(int), 0, BINS - 1)


def length_bins(pairs: Sequence[RewardPair]) -> dict[str, list[RewardPair]]:
    """The pairs by how much longer the preferred answer is, cut at the median difference; empty bins are left out."""
    middle = math.floor(np.median([abs(pair.longer) for pair in pairs if pair.longer] or [0]))
    bins: dict[str, Callable[[int], bool]] = {
        f"shorter by more than {middle}": lambda more: more < -middle,
        f"shorter by 1 to {middle}": lambda more: -middle <= more < 0,
        "equally long": lambda more: more == 0,
        f"longer by 1 to {middle}": lambda more: 0 < more <= middle,
        f"longer by more than {middle}": lambda more: more > middle,
    }
    found = {name: [pair for pair in pairs if inside(pair.longer)] for name, inside in bins.items()}
    return {name: inside for name, inside in found.items() if inside}


def categories(pairs: Sequence[RewardPair]) -> dict[str, list[RewardPair]]:
    """The pairs by category, the most frequent first; nothing where no pair has one."""
    found: dict[str, list[RewardPair]] = {}
    for pair in pairs:
        found.setdefault(pair.category or "none", []).append(pair)
    return dict(sorted(found.items(), key=lambda item: -len(item[1]))) if set(found) - {"none"} else {}


def _by(bins: dict[str, list[RewardPair]]) -> list[dict[str, Any]]:
    """Accuracy in every bin."""
    return [
        {"name": name} | as_json(share_interval([pair.right for pair in inside], [pair.problem for pair in inside]))
        for name, inside in bins.items()
    ]
