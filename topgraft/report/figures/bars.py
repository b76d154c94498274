"""Metric bars with their intervals, one panel a metric."""

from typing import Any

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK, MUTED
from topgraft.report.words.numbers import number
from topgraft.report.words.results import arm_metrics, bounds
from topgraft.report.words.tables import Headline, MetricRow, headline
from topgraft.report.words.text import one_line, slug

LONGEST_NAME = 18
PITCH, SLIM_PITCH, AROUND = 0.27, 0.165, 0.62  # inches: a bar, a bar of many, title and axis


def draw_bars(results: dict[str, Any]) -> list[Drawing]:
    """Draw one panel per metric, and one figure of all of them for papers (tag "all")."""
    table, values = headline(results), arm_metrics(results)
    rows = [
        row
        for row in table.rows
        if any(number(_entry(values, arm, row).get("value")) is not None for arm in table.arms)
    ]
    taken: set[str] = {"all"}
    drawings = [_one(table, values, row, slug(row.name, taken)) for row in rows]
    return [*drawings, _together(table, values, rows)] if rows else []


def _entry(values: dict[str, dict[str, dict[str, Any]]], arm: str, row: MetricRow) -> dict[str, Any]:
    return values[arm].get(row.name, {})


def _short(name: str) -> str:
    name = one_line(name)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _title(row: MetricRow) -> str:
    direction = {"↑": " (higher is better)", "↓": " (lower is better)"}.get(row.arrow, "")
    return _short(row.label) + direction


def _fill(axis: Any, table: Headline, values: dict[str, Any], row: MetricRow) -> None:
    places = range(len(table.arms))
    for place, arm in zip(places, table.arms, strict=True):
        entry = _entry(values, arm, row)
        value, ends = number(entry.get("value")), bounds(entry)
        if value is None:
            axis.text(0, place, " not measured", va="center", color=MUTED)
            continue
        axis.barh(place, value, height=0.62, color=_colour(table, row, place), linewidth=0)
        if ends:
            axis.plot(ends, (place, place), color=INK, linewidth=1.3, solid_capstyle="butt")
            axis.plot(ends, (place, place), color=INK, linewidth=0, marker="|", markersize=5)
    axis.axvline(0, color=MUTED, linewidth=0.6)
    first = number(_entry(values, table.arms[0], row).get("value"))
    if table.turned and first:
        axis.axvline(first, color=INK, linewidth=0.7, linestyle=(0, (1, 2)))
    axis.set_yticks(list(places), [_short(arm) for arm in table.arms])
    axis.set_ylim(len(table.arms) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(_title(row))
    axis.locator_params(axis="x", nbins=5)


def _colour(table: Headline, row: MetricRow, place: int) -> str:
    """The accent is the last arm's, where the run leads to it; else the best one's, where it is shown."""
    chosen = place == len(table.arms) - 1 if table.chain and not table.turned else row.cells[place].best
    return ACCENT if chosen else GREYS[min(place, 1)]


def _height(table: Headline) -> float:
    return AROUND + (SLIM_PITCH if table.turned else PITCH) * len(table.arms)


def _alt(table: Headline, row: MetricRow) -> str:
    parts = [f"{arm} {cell.value} {cell.interval}".rstrip() for arm, cell in zip(table.arms, row.cells, strict=True)]
    return f"{row.label}: {', '.join(parts)}."


def _one(table: Headline, values: dict[str, Any], row: MetricRow, stem: str) -> Drawing:
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, _height(table))
        _fill(axis, table, values, row)
        svg, pdf = drawing.save(figure)
    caption = f"{row.label} of each arm with 95 % intervals" + (f": {row.description}" if row.description else "")
    return Drawing(f"metric-{stem}", svg, pdf, _alt(table, row), caption, frozenset({"metric"}))


def _together(table: Headline, values: dict[str, Any], rows: list[MetricRow]) -> Drawing:
    columns = min(3 if table.turned else 2, len(rows))
    lines = -(-len(rows) // columns)
    with drawing.style():
        figure, axes = drawing.new_figure(COLUMN * min(columns, 2), _height(table) * lines, lines, columns)
        for place, (axis, row) in enumerate(zip(axes, rows, strict=False)):
            _fill(axis, table, values, row)
            if table.turned and place % columns:
                axis.set_yticklabels([])
        for axis in axes[len(rows) :]:
            axis.set_visible(False)
        svg, pdf = drawing.save(figure)
    alt = " ".join(_alt(table, row) for row in rows)
    return Drawing("metrics", svg, pdf, alt, "All metrics with 95 % intervals", frozenset({"all"}))
