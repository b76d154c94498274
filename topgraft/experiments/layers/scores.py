"""What measurements come to: shares of a gain, agreement of rankings and of choices, and the choice of a window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import numpy as np
from scipy import stats

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import interval

Blocks = tuple[int, ...]


@dataclass(frozen=True)
class Rows:
    """The rows that losses are measured on: response tokens and problem of each."""

    tokens: np.ndarray
    groups: Sequence[str]

    def measure(self, nats: Sequence[Sequence[float]], read: Callable[[list[float]], float]) -> Measure:
        """What `read` makes of the losses (nats a token) on these rows, one for each list of nats, with an interval
        over problems."""
        arrays = [np.asarray(each) for each in nats]

        def of(rows: np.ndarray) -> float:
            count = self.tokens[rows].sum()
            return read([float(each[rows].sum() / count) for each in arrays])

        return interval(of, self.groups)

    def loss(self, nats: Sequence[float]) -> float:
        """Nats per response token."""
        return float(np.sum(nats) / self.tokens.sum())


def share(loss: float, base: float, everywhere: float) -> float:
    """The part of what training everywhere gains that `loss` has: (base - loss) / (base - everywhere).

    Example: from 4 to 3 where all blocks come to 2: one half. Not a number where training everywhere gains nothing.
    """
    return (base - loss) / (base - everywhere) if base > everywhere else float("nan")


def rank_correlations(scores: Mapping[str, Sequence[float]]) -> list[list[float | None]]:
    """Spearman's rho between every two scores of the blocks, in their order; None where one is constant."""
    rows = list(scores.values())

    def rho(one: Sequence[float], other: Sequence[float]) -> float | None:
        if len(set(one)) < 2 or len(set(other)) < 2 or not np.isfinite([*one, *other]).all():
            return None
        return float(stats.spearmanr(one, other).statistic)

    return [[rho(one, other) for other in rows] for one in rows]


def jaccard(choices: Sequence[Blocks]) -> float | None:
    """Mean over pairs of |A and B| / |A or B|: 1 where every seed chooses the same blocks. None for one choice.

    Example: {0, 1} and {1, 2} share one of three blocks: 1/3.
    """
    pairs = list(combinations([set(choice) for choice in choices], 2))
    return fmean(len(one & other) / len(one | other) for one, other in pairs) if pairs else None


@dataclass(frozen=True)
class Choice:
    """The recommended blocks, the window with the lowest validation loss, and how far that is below the last one's."""

    blocks: Blocks
    best: Blocks
    lead: Measure
    """Validation loss of the last window less that of the best, mean over seeds, with an interval over problems."""
    seeds: list[float]
    """The same, seed by seed."""
    by_seed: list[Blocks]
    """The window that each seed by itself would choose."""

    @property
    def separated(self) -> bool:
        """Whether the best window is better in every seed, and its interval over problems lies above 0."""
        return all(gap > 0 for gap in self.seeds) and self.lead.low > 0


def choose(windows: Mapping[Blocks, Sequence[Sequence[float]]], rows: Rows) -> Choice:
    """Choose among windows by their nats on validation rows, a list for each seed.

    The window with the lowest mean loss, where it is separated from the last one; else the last one, whose trunk is the
    deepest: more of the model is run once and kept.
    """
    last = max(windows)
    losses = {blocks: [rows.loss(nats) for nats in each] for blocks, each in windows.items()}
    best = min(losses, key=lambda blocks: (fmean(losses[blocks]), [-block for block in blocks]))
    seeds = [high - low for high, low in zip(losses[last], losses[best], strict=True)]
    many = len(seeds)
    lead = rows.measure([*windows[last], *windows[best]], lambda found: fmean(found[:many]) - fmean(found[many:]))
    by_seed = [min(losses, key=lambda blocks, seed=seed: losses[blocks][seed]) for seed in range(many)]  # type: ignore[misc]
    found = Choice(last, best, lead, seeds, by_seed)
    return Choice(best, best, lead, seeds, by_seed) if found.separated else found
