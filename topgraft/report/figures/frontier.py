"""The frontier: how much reward the arms gain for how much KL to the policy that they start from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.labels import Line, label_points
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK
from topgraft.report.words.lineage import Arm, read_arms
from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import arm_metrics, bounds
from topgraft.report.words.text import one_line

FEWEST = 3
LOOKS = ((ACCENT, "o"), (INK, "s"), (GREYS[1], "^"), (GREYS[2], "D"))


@dataclass(frozen=True)
class Point:
    """An arm with its reward and KL, as in results.json; `start` names the arm that its KL is to."""

    arm: str
    start: str
    reward: dict[str, Any]
    kl: dict[str, Any]


def points(results: dict[str, Any], provenance: dict[str, Any]) -> list[Point]:
    """Return the arms that have both. SFT is left out, whose KL buys likelihood, not reward."""
    arms, table = read_arms(provenance), arm_metrics(results)
    found = []
    for name, arm in arms.items():
        entries = table.get(name, {})
        reward, kl = (entries.get(metric, {}) for metric in ("reward", "kl"))
        known = number(reward.get("value")) is not None and number(kl.get("value")) is not None
        if known and arm.kinds and arm.kinds[-1] != "sft":
            found.append(Point(name, _start(arm, arms), reward, kl))
    return found


def _start(arm: Arm, arms: dict[str, Arm]) -> str:
    before = arm.path[:-1]
    measured = [other.name for other in arms.values() if other.path == before and not other.choice]
    return (*measured, *before[-1:], "base")[0]


def draw_frontier(results: dict[str, Any], provenance: dict[str, Any]) -> list[Drawing]:
    """Draw reward against KL, a point an arm; nothing where fewer than FEWEST arms have both."""
    found = points(results, provenance)
    if len(found) < FEWEST:
        return []
    starts = list(dict.fromkeys(point.start for point in found))
    anchors = {
        start: value
        for start in starts
        if (value := number(arm_metrics(results).get(start, {}).get("reward", {}).get("value"))) is not None
    }
    with drawing.style():
        figure, (axis,) = drawing.new_figure(2 * COLUMN, 3.9)
        for place, start in enumerate(starts):
            _fill(axis, start, [point for point in found if point.start == start], LOOKS[place % len(LOOKS)])
            if start in anchors:
                colour, marker = LOOKS[place % len(LOOKS)]
                look = {"markersize": 5, "markerfacecolor": "none", "markeredgecolor": colour, "clip_on": False}
                axis.plot(0, anchors[start], marker, zorder=4, **look)
        axis.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
        axis.set_xlim(0, 1.06 * max(max(_reach(point)) for point in found) or 1.0)
        axis.margins(y=0.12)
        axis.set_xlabel("KL to the start (nats per response, on a square-root scale)")
        axis.set_ylabel("Reward (higher is better)")
        axis.locator_params(axis="x", nbins=6)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
        names = [(_kl(point), _reward(point), one_line(point.arm)[:18]) for point in found]
        names += [(0.0, value, one_line(start)[:18]) for start, value in anchors.items()]
        label_points(figure, axis, names, [line for point in found for line in _cross(point)])
        svg, pdf = drawing.save(figure)
    caption = (
        "Reward against the KL to the arm that each arm starts from (hollow, at KL 0), with 95 % intervals. SFT and "
        "arms without a KL (the best of several) are not drawn"
    )
    return [Drawing("frontier", svg, pdf, _alt(found), caption, frozenset({"frontier"}))]


def _fill(axis: Any, start: str, group: list[Point], look: tuple[str, str]) -> None:
    colour, marker = look
    for point in group:
        for line in _cross(point):
            axis.plot(*zip(*line, strict=True), color=colour, linewidth=0.8, alpha=0.55)
        axis.plot(_kl(point), _reward(point), marker, color=colour, markersize=5, markeredgewidth=0, zorder=3)
    axis.plot([], [], marker, color=colour, markersize=5, markeredgewidth=0, label=f"from {one_line(start)[:18]}")


def _cross(point: Point) -> list[Line]:
    """The two intervals as lines."""
    x, y, (left, right) = _kl(point), _reward(point), _reach(point)
    low, high = bounds(point.reward) or (y, y)
    return [((left, y), (right, y)), ((x, low), (x, high))]


def _reward(point: Point) -> float:
    return number(point.reward["value"]) or 0.0


def _kl(point: Point) -> float:
    return max(0.0, number(point.kl["value"]) or 0.0)


def _reach(point: Point) -> tuple[float, float]:
    low, high = bounds(point.kl) or (_kl(point), _kl(point))
    return max(0.0, low), max(0.0, high)


def _alt(found: list[Point]) -> str:
    said = (
        f"{point.arm}: reward {plain(point.reward['value'])} at {plain(point.kl['value'])} nats from {point.start}"
        for point in found
    )
    return f"Reward against KL to the start. {'; '.join(said)}."
