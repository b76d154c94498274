"""Figures of several runs: the same curve of each, and every metric's values with their intervals."""

from collections.abc import Mapping
from typing import Any

from topgraft.report.compare_tables import OWN, arms_of, title_of
from topgraft.report.figures import drawing
from topgraft.report.figures.curves import Points, series, thin
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK
from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import bounds, label, metric_names
from topgraft.report.words.roles import stage_title
from topgraft.report.words.text import one_line, slug, tidy
from topgraft.runs import RunFolder

CURVES = (
    ("eval/loss", "Validation loss (nats)"),
    ("eval/accuracy", "Validation accuracy (fraction)"),
    ("eval/reward", "Validation reward (per response)"),
    ("reward/score", "Score of the samples (per response)"),
    ("kl/token", "KL to reference (nats per token)"),
    ("rollout/length", "Response length (tokens)"),
    ("policy/entropy", "Policy entropy (nats per token)"),
)
"""Metric of a step -> its title; the first five are shown, the others folded."""
SHOWN = 5
LOOKS: tuple[tuple[str, Any, str], ...] = (
    (INK, "solid", "o"),
    (ACCENT, (0, (4, 1.5)), "s"),
    (GREYS[1], (0, (1, 1.2)), "^"),
    (GREYS[2], (0, (6, 1.5, 1, 1.5)), "D"),
    (GREYS[0], "solid", "v"),
    (GREYS[4], (0, (2, 2)), "P"),
)
"""Colour, dashes and marker of a run."""
LONGEST, FEWEST = 22, 24


def draw_curves(runs: Mapping[str, RunFolder]) -> list[Drawing]:
    """Draw each metric of CURVES of each stage that two runs or more have logged."""
    logged: dict[str, dict[str, list[dict[str, Any]]]] = {}
    kinds: dict[str, str] = {}
    for name, run in runs.items():
        for stage in run.stages():
            metrics = tidy(stage.metrics())
            if metrics:
                logged.setdefault(stage.name, {})[name] = metrics
                kinds.setdefault(stage.name, str(stage.summary().get("algorithm") or stage.name))
    drawn, taken, places = [], set[str](), {name: place for place, name in enumerate(runs)}
    for stage_name, by_run in logged.items():
        for place, (key, title) in enumerate(CURVES):
            found = {name: points for name, metrics in by_run.items() if (points := series(metrics, key))}
            if len(found) > 1:
                stem = slug(f"{stage_name}-{key}", taken)
                heading = f"{stage_title(stage_name, kinds[stage_name])}: {title}"
                tag = "main" if place < SHOWN else "diagnostic"
                drawn.append(_curve(stem, heading, title, found, places, tag))
    return drawn


def _curve(
    stem: str, heading: str, title: str, found: Mapping[str, Points], places: Mapping[str, int], tag: str
) -> Drawing:
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 2.3 + 0.13 * len(found))
        for name, points in found.items():
            colour, dashes, dot = LOOKS[places[name] % len(LOOKS)]
            marker = dot if len(points) < FEWEST else ""
            look = {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 3.0, "linewidth": 1.3}
            axis.plot(*zip(*thin(points), strict=True), label=_short(name), **look)
        axis.set_title(title, loc="left", color=INK)
        drawing.whole_steps(axis)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
        svg, pdf = drawing.save(figure)
    ends = "; ".join(f"{name} ends at {plain(points[-1][1])}" for name, points in found.items())
    return Drawing(stem, svg, pdf, f"{heading} against step. {ends}.", f"{heading}, a line a run", frozenset({tag}))


def draw_values(found: dict[str, Any]) -> list[Drawing]:
    """Draw every metric: a row an arm, a mark a run with its interval."""
    arms = {arm: by_run for arm, by_run in arms_of(found).items() if by_run}
    whole = {f"{arm} {run}": {"metrics": metrics} for arm, by_run in arms.items() for run, metrics in by_run.items()}
    drawn, taken = [], set[str]()
    for metric in metric_names({"arms": whole}):
        rows = {
            arm: {run: metrics[metric] for run, metrics in by_run.items() if metric in metrics}
            for arm, by_run in arms.items()
        }
        rows = {arm: entries for arm, entries in rows.items() if entries}
        drawn.append(_values(slug(f"values-{metric}", taken), metric, rows, found))
    return drawn


def _values(stem: str, metric: str, rows: dict[str, dict[str, dict[str, Any]]], found: dict[str, Any]) -> Drawing:
    names = [run["name"] for run in found["runs"]]
    step = 0.7 / max(len(names), 2)
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 0.75 + 0.13 * len(names) * (len(rows) + 0.5) + 0.1 * len(rows))
        for place, run in enumerate(names):
            colour, _, marker = LOOKS[place % len(LOOKS)]
            for line, entries in enumerate(rows.values()):
                value, ends = number(entries.get(run, {}).get("value")), bounds(entries.get(run, {}))
                y = line + (place - (len(names) - 1) / 2) * step
                if ends:
                    axis.plot(ends, (y, y), color=colour, linewidth=1.0)
                if value is not None:
                    axis.plot(value, y, marker, color=colour, markersize=4)
            axis.plot([], [], marker, color=colour, markersize=4, label=_short(run))
        axis.set_yticks(range(len(rows)), [_short(arm) for arm in rows])
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
        axis.set_title(title_of(metric, found).replace(OWN, ""), loc="left", color=INK)
        axis.locator_params(axis="x", nbins=5)
        figure.legend(loc="outside lower center", ncols=2)
        svg, pdf = drawing.save(figure)
    return Drawing(stem, svg, pdf, _alt(metric, rows), _caption(metric, found), frozenset({"metric"}))


def _caption(metric: str, found: dict[str, Any]) -> str:
    own = ", measured by another instrument in each run" if metric in found["own_instruments"] else ""
    return f"{label(metric)}: a mark a run, with 95 % intervals over problems{own}"


def _alt(metric: str, rows: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    said = (
        f"{arm} {run} {plain(entry.get('value'))}" for arm, entries in rows.items() for run, entry in entries.items()
    )
    return f"{label(metric)}: {', '.join(said)}."


def _short(name: str) -> str:
    name = one_line(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
