"""Figures of a sweep: metrics against each setting, and reward against KL over the trials."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK
from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import bounds, label
from topgraft.report.words.text import one_line, slug
from topgraft.report.words.trials import Row, Trials, setting

BAR = {"fmt": "none", "elinewidth": 0.9, "capsize": 0}
LONGEST = 14
"""Letters of a choice under the axis."""


def draw_sweep(trials: Trials) -> list[Drawing]:
    """Every figure for which there are trials: one a setting, and the frontier."""
    if not trials.finished:
        return []
    taken: set[str] = set()
    drawn = [_against(trials, key, slug(f"against-{key}", taken)) for key in trials.keys]
    frontier = _frontier(trials)
    return [*drawn, frontier] if frontier else drawn


def _against(trials: Trials, key: str, stem: str) -> Drawing:
    """The metric by which the sweep chooses, and below it the reward on test rows, against one setting."""
    rows, metric = trials.finished, trials.asked["metric"]
    tested = any("reward" in row.tests for row in rows)
    height = 2.0 + 1.7 * tested
    with drawing.style():
        figure, axes = drawing.new_figure(COLUMN, height, rows=1 + tested, sharex=True)
        places = _places(axes[0], trials, key)
        _scatter(axes[0], rows, places, [{"value": row.metric} for row in rows])
        axes[0].set_title(f"{metric}, validation rows", loc="left")
        if tested:
            _scatter(axes[1], rows, places, [row.tests.get("reward", {}) for row in rows])
            axes[1].set_title("Reward, test rows", loc="left")
        axes[-1].set_xlabel(one_line(key))
        svg, pdf = drawing.save(figure)
    parts = [f"trial {row.number}: {setting(row.values[key])} gives {plain(row.metric)}" for row in rows]
    return Drawing(stem, svg, pdf, f"{metric} against {key}. {'; '.join(parts)}.", key)


def _places(axis: Any, trials: Trials, key: str) -> list[float]:
    """Where the rows stand on the axis of a setting: in a range by number; choices evenly, with the trials of one side
    by side."""
    values = [row.values[key] for row in trials.finished]
    (asked,) = (item for item in trials.asked["vary"] if item["key"] == key)
    if asked["kind"] != "choice":
        if asked["kind"] == "log":
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
        else:
            axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=asked["kind"] == "int"))
        return [float(value) for value in values]
    names, chosen = [setting(value) for value in asked["values"]], [setting(value) for value in values]
    axis.set_xticks(range(len(names)), [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names])
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.grid(axis="x", visible=False)
    most = max(chosen.count(name) for name in names)
    beside = [chosen[:place].count(name) - (chosen.count(name) - 1) / 2 for place, name in enumerate(chosen)]
    return [names.index(name) + 0.7 * shift / most for name, shift in zip(chosen, beside, strict=True)]


def _scatter(axis: Any, rows: Sequence[Row], places: Sequence[float], entries: Sequence[dict[str, Any]]) -> None:
    """A point a trial, with its interval where it has one; the best trial (the first row) in the accent."""
    for place in reversed(range(len(rows))):
        value, ends = number(entries[place].get("value")), bounds(entries[place])
        if value is None:
            continue
        colour = ACCENT if place == 0 else GREYS[1]
        if ends:
            spread = [[max(0.0, value - ends[0])], [max(0.0, ends[1] - value)]]
            axis.errorbar(places[place], value, yerr=spread, ecolor=colour, **BAR)
        axis.plot(places[place], value, "o", color=colour, markersize=4.5 if place == 0 else 3.5)
    axis.margins(y=0.12)


def _frontier(trials: Trials) -> Drawing | None:
    """Reward against KL on test rows; None unless some trials have both."""
    rows = [row for row in trials.finished if all(_value(row, name) is not None for name in ("kl", "reward"))]
    if not rows:
        return None
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 2.6)
        edge = efficient([(_value(row, "kl") or 0.0, _value(row, "reward") or 0.0) for row in rows])
        axis.plot(*zip(*edge, strict=True), color=GREYS[0], linewidth=1.2, drawstyle="steps-post", zorder=1)
        for row in reversed(rows):
            colour = ACCENT if row is trials.finished[0] else GREYS[1]
            at = [_value(row, "kl") or 0.0, _value(row, "reward") or 0.0]
            for name, place, along in (("kl", 0, "xerr"), ("reward", 1, "yerr")):
                ends = bounds(row.tests[name])
                if ends:
                    spread = [[max(0.0, at[place] - ends[0])], [max(0.0, ends[1] - at[place])]]
                    axis.errorbar(*at, **{along: spread}, ecolor=colour, alpha=0.6, **BAR)
            axis.plot(*at, "o", color=colour, markersize=3.5)
            axis.annotate(str(row.number), at, xytext=(3, 3), textcoords="offset points", color=INK)
        axis.set_xlabel(f"{label('kl')} (nats per response, test rows)")
        axis.set_ylabel(f"{label('reward')} (test rows)")
        axis.margins(0.08)
        svg, pdf = drawing.save(figure)
    parts = [f"trial {row.number}: {plain(_value(row, 'reward'))} at {plain(_value(row, 'kl'))}" for row in rows]
    return Drawing("frontier", svg, pdf, f"Reward at KL, by trial. {'; '.join(parts)}.", "Reward and KL by trial")


def efficient(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (KL, reward) pairs that no other beats: less KL and more reward.

    Example: `efficient([(1, 2), (2, 1), (3, 4)])` -> [(1, 2), (3, 4)].
    """
    kept: list[tuple[float, float]] = []
    for pair in sorted(pairs, key=lambda pair: (pair[0], -pair[1])):
        if not kept or pair[1] > kept[-1][1]:
            kept.append(pair)
    return kept


def _value(row: Row, name: str) -> float | None:
    return number(row.tests.get(name, {}).get("value"))
