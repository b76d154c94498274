"""Metric bars with their intervals, one panel a metric."""

from typing import Any

from topgraft.report import drawing
from topgraft.report.drawing import Drawing
from topgraft.report.numbers import number
from topgraft.report.palette import ACCENT, COLUMN, GREYS, INK, MUTED
from topgraft.report.tables import Headline, MetricRow, arm_metrics, bounds, headline
from topgraft.report.text import one_line, slug

LONGEST_NAME = 18


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
            axis.text(0, place, " not measured", va="center", fontsize=7, color=MUTED)
            continue
        last = place == len(table.arms) - 1
        axis.barh(place, value, height=0.62, color=ACCENT if last else GREYS[min(place, 1)], linewidth=0)
        if ends:
            axis.plot(ends, (place, place), color=INK, linewidth=1.3, solid_capstyle="butt")
            axis.plot(ends, (place, place), color=INK, linewidth=0, marker="|", markersize=5)
    axis.axvline(0, color=MUTED, linewidth=0.6)
    axis.set_yticks(list(places), [_short(arm) for arm in table.arms])
    axis.set_ylim(len(table.arms) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(_title(row))
    axis.locator_params(axis="x", nbins=5)


def _alt(table: Headline, row: MetricRow) -> str:
    parts = [f"{arm} {cell.value} {cell.interval}".rstrip() for arm, cell in zip(table.arms, row.cells, strict=True)]
    return f"{row.label}: {', '.join(parts)}."


def _one(table: Headline, values: dict[str, Any], row: MetricRow, stem: str) -> Drawing:
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 0.62 + 0.27 * len(table.arms))
        _fill(axis, table, values, row)
        svg, pdf = drawing.save(figure)
    return Drawing(f"metric-{stem}", svg, pdf, _alt(table, row), row.label, frozenset({"metric"}))


def _together(table: Headline, values: dict[str, Any], rows: list[MetricRow]) -> Drawing:
    columns = 2 if len(rows) > 1 else 1
    lines = -(-len(rows) // columns)
    with drawing.style():
        height = (0.62 + 0.27 * len(table.arms)) * lines
        figure, axes = drawing.new_figure(COLUMN * columns, height, lines, columns)
        for axis, row in zip(axes, rows, strict=False):
            _fill(axis, table, values, row)
        for axis in axes[len(rows) :]:
            axis.set_visible(False)
        svg, pdf = drawing.save(figure)
    alt = " ".join(_alt(table, row) for row in rows)
    return Drawing("metrics", svg, pdf, alt, "All metrics with 95 % intervals", frozenset({"all"}))
