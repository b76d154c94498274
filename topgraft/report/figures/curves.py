"""Learning curves: which metrics make a panel, and how a panel is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK
from topgraft.report.words.numbers import number, plain

Points = list[tuple[float, float]]
FEWEST, MOST_POINTS = 24, 600
LOOKS: tuple[tuple[str, Any, str], ...] = (
    (INK, "solid", "o"),
    (ACCENT, (0, (4, 1.5)), "s"),
    (GREYS[1], (0, (1, 1.2)), "^"),
)
"""Colour, dashes and marker of the first, second and third metric of a panel."""


@dataclass(frozen=True)
class Panel:
    """One plot: its name, the quantity with its unit, its metrics, its place (main, joint, diagnostic)."""

    name: str
    quantity: str
    series: tuple[tuple[str, str], ...]
    tag: str = "main"


@dataclass(frozen=True)
class Curve:
    """One metric of a panel: its place there (which fixes the colour), its name, its points."""

    place: int
    name: str
    points: Points


PANELS = (
    Panel("loss", "Loss (nats)", (("loss/total", "training"), ("eval/loss", "held out"))),
    Panel("accuracy", "Accuracy (fraction)", (("reward/accuracy", "training"), ("eval/accuracy", "held out"))),
    Panel("reward", "Reward (per response)", (("reward/mean", "reward"), ("reward/score", "score")), "joint"),
    Panel("kl-token", "KL to reference (nats per token)", (("kl/token", "KL"),), "joint"),
    Panel("kl-response", "KL to reference (nats per response)", (("kl/response", "KL"),), "joint"),
    Panel("value", "Explained variance of the value (fraction)", (("value/explained_variance", "value"),)),
    Panel("entropy", "Policy entropy (nats per token)", (("policy/entropy", "entropy"),)),
    Panel("length", "Response length (tokens)", (("rollout/length", "length"),)),
    Panel("policy-loss", "Policy loss", (("loss/policy", "policy loss"),), "diagnostic"),
    Panel("value-loss", "Value loss", (("loss/value", "value loss"),), "diagnostic"),
    Panel("clip", "Clipped tokens (fraction)", (("policy/clip_fraction", "clipped"),), "diagnostic"),
    Panel("approx-kl", "KL, old to new policy (nats per token)", (("policy/approx_kl", "KL"),), "diagnostic"),
    Panel("beta", "KL coefficient", (("kl/beta", "beta"),), "diagnostic"),
    Panel(
        "wording",
        "Repeated and distinct words (fraction)",
        (("rollout/repetition", "repeated 3-grams"), ("rollout/distinct_2", "distinct 2-grams")),
        "diagnostic",
    ),
    Panel("ended", "Responses that ended (fraction)", (("rollout/ended", "ended"),), "diagnostic"),
    Panel("logprob-gap", "Log-probability gap (nats)", (("rollout/logprob_gap", "gap"),), "diagnostic"),
    Panel("gradient", "Gradient norm", (("grad_norm", "norm"),), "diagnostic"),
    Panel("learning-rate", "Learning rate", (("learning_rate", "rate"),), "diagnostic"),
    Panel("seconds", "Time (seconds per step)", (("cost/seconds", "time"),), "diagnostic"),
)


def series(metrics: Sequence[dict[str, Any]], key: str) -> Points:
    """Return the (step, value) pairs of one metric; lines without it or without a number are passed over."""
    points = []
    for place, line in enumerate(metrics, 1):
        step, value = number(line.get("step", place)), number(line.get(key))
        if step is not None and value is not None:
            points.append((step, value))
    return points


def panels(metrics: Sequence[dict[str, Any]]) -> list[Panel]:
    """Return the panels that suit a stage: the total loss of a policy-gradient stage is a mere diagnostic."""
    mixed = any("loss/policy" in line for line in metrics)
    total = Panel("loss", "Total loss", (("loss/total", "loss"),), "diagnostic")
    return [total if mixed and panel.name == "loss" else panel for panel in PANELS]


def noisy(points: Points) -> bool:
    """Say whether a curve goes up and down so much that it needs a moving mean."""
    values = [value for _, value in points]
    path = sum(abs(after - before) for before, after in pairwise(values))
    return len(points) >= FEWEST and path > 3 * (max(values) - min(values))


def smooth(points: Points) -> tuple[Points, int]:
    """Return the centred moving mean and its width in points."""
    width = len(points) // 12 | 1
    totals = [0.0]
    for _, value in points:
        totals.append(totals[-1] + value)
    half, result = width // 2, []
    for place, (step, _) in enumerate(points):
        first, last = max(0, place - half), min(len(points), place + half + 1)
        result.append((step, (totals[last] - totals[first]) / (last - first)))
    return result, width


def thin(points: Points) -> Points:
    """Return at most about MOST_POINTS points: the lowest and the highest of each stretch, ends kept."""
    if len(points) <= MOST_POINTS:
        return points
    stretch = -(-len(points) // (MOST_POINTS // 2))
    kept = {0, len(points) - 1}
    for start in range(0, len(points), stretch):
        places = range(start, min(start + stretch, len(points)))
        kept.add(min(places, key=lambda place: points[place][1]))
        kept.add(max(places, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(kept)]


def draw_series(axis: Any, points: Points, name: str, place: int) -> None:
    """Draw one metric: sparse ones with markers, noisy ones as a thin line under their bold moving mean. Dashes and
    markers tell it from the others without colour."""
    colour, dashes, dot = LOOKS[place % len(LOOKS)]
    look = {"color": colour, "linestyle": dashes, "markersize": 3.0}
    steps, values = zip(*thin(points), strict=True)
    if not noisy(points):
        marker = dot if len(points) < FEWEST else ""
        axis.plot(steps, values, linewidth=1.4, marker=marker, label=name or None, **look)
        return
    mean, width = smooth(points)
    pale, alpha = (GREYS[0], 1.0) if place == 0 else (colour, 0.35)
    axis.plot(steps, values, color=pale, linewidth=0.6, alpha=alpha)
    text = f"{name}, mean of {width} steps" if name else f"mean of {width} steps"
    axis.plot(*zip(*thin(mean), strict=True), linewidth=1.6, label=text, **look)


def collect(panel: Panel, metrics: Sequence[dict[str, Any]]) -> list[Curve]:
    """Return the curves of a panel that a stage logged."""
    found = []
    for place, (key, name) in enumerate(panel.series):
        points = series(metrics, key)
        if points:
            found.append(Curve(place, name, points))
    return found


def describe(stage: str, panel: Panel, found: list[Curve]) -> str:
    """Say in words what a panel shows, for readers who cannot see it."""
    parts = []
    for curve in found:
        values = [value for _, value in curve.points]
        (first, start), (last, end) = curve.points[0], curve.points[-1]
        parts.append(
            f"{curve.name}: {plain(start)} at step {plain(first)}, {plain(end)} at step {plain(last)}, "
            f"between {plain(min(values))} and {plain(max(values))}"
        )
    return f"{stage}: {panel.quantity} against step. {'; '.join(parts)}."


def draw_panel(stage: str, stem: str, panel: Panel, metrics: Sequence[dict[str, Any]], best: Any) -> Drawing | None:
    """Draw one panel of one stage; None when the stage logged none of its metrics."""
    found = collect(panel, metrics)
    if not found:
        return None
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 2.2)
        fill_axis(axis, panel, found, best)
        drawing.whole_steps(axis)
        svg, pdf = drawing.save(figure, with_pdf=panel.tag != "diagnostic")
    caption = f"{stage}: {panel.quantity} by step"
    alt = describe(stage, panel, found)
    return Drawing(f"{stem}-{panel.name}", svg, pdf, alt, caption, frozenset({panel.tag}))


def fill_axis(axis: Any, panel: Panel, found: list[Curve], best: Any) -> None:
    """Draw the curves of a panel, and mark the step whose weights were kept."""
    for curve in found:
        named = len(found) > 1 or curve.place > 0
        draw_series(axis, curve.points, curve.name if named else "", curve.place)
    axis.set_title(panel.quantity, loc="left", color=INK)
    axis.grid(axis="x", visible=False)
    steps = [step for curve in found for step, _ in curve.points]
    if min(steps) == max(steps):
        axis.set_xlim(steps[0] - 1, steps[0] + 1)
    kept = number(best)
    if kept is not None and min(steps) <= kept < max(steps):
        axis.axvline(kept, color=GREYS[1], linewidth=0.9, linestyle=(0, (1, 2)), label="kept step")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="best")
