"""How often a 95 % interval holds the true value, and how often a comparison of equal arms finds a difference: simulated
answers to problems, measured as evaluation measures them. Prints the tables of docs/statistics.md.

python -m tools.coverage [--runs 2000]
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import interval, mean_interval, share_interval
from topgraft.evaluate.statistics.jackknife import jackknife_interval
from topgraft.evaluate.statistics.paired import holm, signed_rank

NUMBERS = (10, 20, 40)
"""Numbers of problems."""
SIZES = {"4": [4], "1 to 9": [1, 2, 3, 4, 5, 9]}
"""Rows a problem, in turn."""
Rows = np.ndarray
Generator = np.random.Generator


def groups_of(problems: int, sizes: list[int]) -> np.ndarray:
    """The number of each row's problem."""
    return np.repeat(np.arange(problems), np.resize(sizes, problems))


def _normal(noise: Generator, group: Rows) -> Rows:
    return noise.normal(size=group.max() + 1)[group] + 0.7 * noise.normal(size=len(group))


def _heavy(noise: Generator, group: Rows) -> Rows:
    return noise.standard_t(3, size=group.max() + 1)[group] + noise.standard_t(3, size=len(group))


def _skewed(shape: float) -> Callable[[Generator, Rows], Rows]:
    def draw(noise: Generator, group: Rows) -> Rows:
        return noise.gamma(shape, 1 / shape, group.max() + 1)[group] * noise.gamma(4, 1 / 4, len(group))

    return draw


def _share(mean: float) -> Callable[[Generator, Rows], Rows]:
    def draw(noise: Generator, group: Rows) -> Rows:
        chance = noise.beta(2 * mean, 2 * (1 - mean), group.max() + 1)[group]
        return (noise.random(len(group)) < chance).astype(float)

    return draw


def _wins(noise: Generator, group: Rows) -> Rows:
    won = (noise.random(len(group)) < noise.beta(1.4, 0.6, group.max() + 1)[group]).astype(float)
    return np.where(noise.random(len(group)) < 0.3, 0.5, won)


def _probability(noise: Generator, group: Rows) -> Rows:
    centre = np.clip(noise.beta(9, 1, group.max() + 1), 1e-6, 1 - 1e-6)[group]
    return noise.beta(20 * centre, 20 * (1 - centre))


def _change(noise: Generator, group: Rows) -> Rows:
    right = noise.random(len(group)) < 0.8 * noise.random(group.max() + 1)[group]
    return right.astype(float) - (noise.random(len(group)) < 0.2)


@dataclass(frozen=True)
class Kind:
    """Values that a metric may have: how they are drawn, their true mean, and the interval that they are given."""

    draw: Callable[[Generator, Rows], Rows]
    mean: float
    measure: Callable[[np.ndarray, np.ndarray], Measure] = mean_interval  # type: ignore[assignment]


KINDS = {
    "normal": Kind(_normal, 0.0),
    "heavy tails": Kind(_heavy, 0.0),
    "difference of two shares": Kind(_change, 0.2),
    "share, true value 0.5": Kind(_share(0.5), 0.5, share_interval),
    "share, true value 0.9": Kind(_share(0.9), 0.9, share_interval),
    "share, true value 0.97": Kind(_share(0.97), 0.97, share_interval),
    "wins with ties": Kind(_wins, 0.15 + 0.7 * 0.7, share_interval),
    "probability near 0.9": Kind(_probability, 0.9, share_interval),
    "skewed (problems by 1)": Kind(_skewed(4), 1.0),
    "very skewed (problems by 2)": Kind(_skewed(1), 1.0),
}


def coverage(kind: Kind, problems: int, sizes: list[int], runs: int, seed: int = 0) -> float:
    """The share of `runs` data sets whose interval holds the true mean."""
    noise, group = np.random.default_rng(seed), groups_of(problems, sizes)
    hit = 0
    for _ in range(runs):
        found = kind.measure(kind.draw(noise, group), group)
        hit += found.low - 1e-9 <= kind.mean <= found.high + 1e-9
    return hit / runs


def false_findings(arms: int, problems: int, kind: Kind, runs: int, seed: int = 0) -> tuple[float, float, float]:
    """Arms whose values are drawn alike, four rows a problem: how often one interval leaves out 0, how often one p is
    below 0.05, and how often any pair of arms is called apart (interval and adjusted p)."""
    noise, group = np.random.default_rng(seed), groups_of(problems, [4])
    lone, tested, any_pair = 0, 0, 0
    for _ in range(runs):
        drawn = [kind.draw(noise, group) for _ in range(arms)]
        gains = [drawn[late] - drawn[early] for late in range(arms) for early in range(late)]
        p = [signed_rank(gain.reshape(problems, 4).mean(1))[0] for gain in gains]
        ends = [mean_interval(gain, group) for gain in gains]
        apart = [found.low > 0 or found.high < 0 for found in ends]
        lone, tested = lone + apart[0], tested + (p[0] < 0.05)
        any_pair += any(out and adjusted < 0.05 for out, adjusted in zip(apart, holm(p), strict=True))
    return lone / runs, tested / runs, any_pair / runs


def distinct_coverage(problems: int, runs: int, seed: int = 0) -> tuple[float, float]:
    """Distinct pairs of neighbouring words over all, of made-up texts with a topic for each problem: the coverage of
    the bootstrap, which is slow, on every tenth set, and of the jackknife. The true value is the mean over twice as many
    other sets of this size."""
    noise = np.random.default_rng(seed)
    group = groups_of(problems, [4])

    def texts() -> np.ndarray:
        weight = np.exp(noise.normal(size=(problems, 300))) / np.arange(1, 301)
        return np.stack([noise.choice(300, size=30, p=weight[place] / weight[place].sum()) for place in group])

    def statistic(text: np.ndarray) -> Callable[[np.ndarray], float]:
        pairs = text[:, :-1] * 300 + text[:, 1:]
        return lambda rows: len(np.unique(pairs[rows])) / pairs[rows].size

    truth = float(np.mean([statistic(texts())(np.arange(len(group))) for _ in range(2 * runs)]))
    drawn, left_out = [], []
    for place in range(runs):
        score = statistic(texts())
        found = jackknife_interval(score, group)  # type: ignore[arg-type]
        left_out.append(found.low <= truth <= found.high)
        if place % 10 == 0:
            found = interval(score, group)  # type: ignore[arg-type]
            drawn.append(found.low <= truth <= found.high)
    return float(np.mean(drawn)), float(np.mean(left_out))


def tables(runs: int) -> Iterator[str]:
    """The lines of the three tables."""
    columns = [(problems, name) for name in SIZES for problems in NUMBERS]
    yield "| values | " + " | ".join(f"{problems} problems, {name} rows" for problems, name in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, kind in KINDS.items():
        found = [coverage(kind, problems, SIZES[sizes], runs) for problems, sizes in columns]
        yield f"| {name} | " + " | ".join(f"{100 * share:.1f}" for share in found) + " |"
    yield (
        "\n| equal arms | problems | one interval without 0 | one p < 0.05 | any pair of 3 apart | of 5 |\n"
        + "|---" * 6
        + "|"
    )
    for name in ("normal", "very skewed (problems by 2)", "share, true value 0.9"):
        for problems in NUMBERS:
            lone, tested, three = false_findings(3, problems, KINDS[name], runs)
            five = false_findings(5, problems, KINDS[name], runs // 2)[2]
            shown = " | ".join(f"{100 * share:.1f}" for share in (lone, tested, three, five))
            yield f"| {name} | {problems} | {shown} |"
    yield "\n| distinct-2 | bootstrap | jackknife |\n|---|---|---|"
    for problems in NUMBERS:
        shown = " | ".join(f"{100 * share:.1f}" for share in distinct_coverage(problems, max(10, runs // 2)))
        yield f"| {problems} problems | {shown} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="data sets a cell")
    for line in tables(parser.parse_args().runs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
