"""The results as one plain table: the headline."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from topgraft.report.words.comparisons import best_arm
from topgraft.report.words.numbers import MISSING
from topgraft.report.words.results import Cell, arm_metrics, cell_of, label, mapping, metric_names, places_of, starts

ARROWS = {"higher": "↑", "lower": "↓"}
MOST_ACROSS = 6
"""Up to so many arms stand across; more stand down."""


@dataclass(frozen=True)
class MetricRow:
    """One metric over all arms."""

    name: str
    label: str
    arrow: str
    description: str
    cells: list[Cell]
    n: str

    @property
    def title(self) -> str:
        """The metric's display name with its direction: "SAC ↑"."""
        return f"{self.label} {self.arrow}".rstrip()


@dataclass(frozen=True)
class Headline:
    """The headline: every metric in every arm."""

    arms: list[str]
    rows: list[MetricRow]
    chain: bool = True
    """Whether every arm starts from the one before, as far as is known."""

    @property
    def turned(self) -> bool:
        """True when the arms stand down and the metrics across, since the arms are many."""
        return len(self.arms) > MOST_ACROSS

    @property
    def lines(self) -> list[tuple[str, list[Cell]]]:
        """The arms with their values, one cell a metric."""
        return [(arm, [row.cells[place] for row in self.rows]) for place, arm in enumerate(self.arms)]

    @property
    def marks_best(self) -> bool:
        """True when some value is marked as best."""
        return any(cell.best for row in self.rows for cell in row.cells)


def headline(results: dict[str, Any]) -> Headline:
    """Build the headline table from the evaluation's results."""
    table = arm_metrics(results)
    directions, descriptions = mapping(results.get("directions")), mapping(results.get("descriptions"))
    rows = []
    for name in metric_names(results):
        entries = [metrics.get(name, {}) for metrics in table.values()]
        places, best = places_of(entries), best_arm(name, results)
        cells = [cell_of(entry, places, arm == best) for arm, entry in zip(table, entries, strict=True)]
        sizes = list(dict.fromkeys(cell.n for cell in cells if cell.n))
        arrow = ARROWS.get(str(directions.get(name)), "")
        about = str(descriptions.get(name) or "")
        rows.append(MetricRow(name, label(name), arrow, about, cells, " / ".join(sizes) or MISSING))
    before = starts(results)
    chain = all(before.get(arm, start) == start for start, arm in pairwise(table))
    return Headline(list(table), rows, chain)


def final_table(results: dict[str, Any]) -> list[list[str]]:
    """Return the headline table as rows of text: a header, then one row per metric.

    Example: `[["Metric", "base", "ppo", "n"], ["SAC ↑", "0.21 [0.12, 0.30]", "0.74 [0.66, 0.82] *", "40"]]`.
    A star marks the value shown to be best. More than MOST_ACROSS arms stand down, the metrics across and n in the last
    row. No results give no rows.
    """
    table = headline(results)
    if not table.rows:
        return []
    if table.turned:
        body = [[arm, *(cell.text for cell in cells)] for arm, cells in table.lines]
        return [["Arm", *(row.title for row in table.rows)], *body, ["n", *(row.n for row in table.rows)]]
    body = [[row.title, *(cell.text for cell in row.cells), row.n] for row in table.rows]
    return [["Metric", *table.arms, "n"], *body]
