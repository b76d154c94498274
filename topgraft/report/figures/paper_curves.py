"""Curves for papers: reward and KL with the band that the KL is meant to keep within, loss and accuracy. Each stands in
one column, with a caption that needs no text around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.report.figures import drawing
from topgraft.report.figures.curves import PANELS, Curve, Panel, collect, describe, fill_axis, noisy, series, smooth
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import COLUMN, GREYS, INK
from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import mapping

Rows = list[tuple[Panel, list[Curve]]]


@dataclass(frozen=True)
class Aim:
    """The KL that a stage is meant to have, in nats per response token: the band of `watch.kl_band`, and `kl.target`
    (0: none), to which beta was steered."""

    band: tuple[float, float] | None = None
    target: float = 0.0


def read_aim(recipe: Mapping[str, Any], stage: str, kind: str, arms: Mapping[str, Any]) -> Aim:
    """Read a stage's aim from the recipe; `arms` are those of the provenance, whose own settings stand over it."""
    layers = [recipe]
    layers += [about["changes"] for about in map(mapping, arms.values()) if stage in (about.get("path") or [])][:1]
    band, target = None, 0.0
    for found in layers:
        learner = mapping(mapping(mapping(found.get("learners")).get(kind)).get("options"))
        for options in (mapping(found.get(kind)), learner):
            target = number(mapping(options.get("kl")).get("target")) or target
        ends = mapping(found.get("watch")).get("kl_band")
        band = (float(ends[0]), float(ends[1])) if isinstance(ends, list) and len(ends) == 2 else band
    return Aim(band, target)


def draw_reward_and_kl(
    stem: str, title: str, whose: str, metrics: Sequence[dict[str, Any]], aim: Aim
) -> Drawing | None:
    """Draw reward above KL on one step axis; None unless the stage logged both. The caption calls the run `whose`."""
    rows = _rows([panel for panel in PANELS if panel.tag == "joint"], metrics)
    if len(rows) < 2 or rows[0][0].name != "reward":
        return None
    steps = len(series(metrics, "kl/token"))
    caption = (
        f"{title} of {whose}, {steps} steps. Score: mean of the reward over a step's responses; reward: the same less "
        "penalties and, where it acts there, beta times the KL. KL to the policy that the stage starts from, per token "
        f"and per response.{_aimed(metrics, aim)}{_smoothed(rows)}"
    )
    return _draw(f"{stem}-reward-kl", title, rows, caption, aim=aim)


def draw_learning(
    stem: str, title: str, whose: str, metrics: Sequence[dict[str, Any]], best: float | None
) -> Drawing | None:
    """Draw loss above accuracy, training beside validation; None unless the stage logged a validation loss."""
    rows = _rows([panel for panel in PANELS if panel.name in ("loss", "accuracy")], metrics)
    if not rows or not series(metrics, "eval/loss"):
        return None
    what = "Loss (nats)" + (" and accuracy (share of pairs in the right order)" if len(rows) > 1 else "")
    kept = f" The vertical line marks step {plain(best)}, whose weights were kept." if best is not None else ""
    caption = f"{title} of {whose}. {what} on training batches and, dashed with squares, on validation rows.{kept}"
    return _draw(f"{stem}-learning", title, rows, caption + _smoothed(rows), best=best)


def _rows(panels: Sequence[Panel], metrics: Sequence[dict[str, Any]]) -> Rows:
    return [(panel, found) for panel in panels if (found := collect(panel, metrics))]


def _draw(name: str, title: str, rows: Rows, caption: str, aim: Aim | None = None, best: Any = None) -> Drawing:
    with drawing.style():
        figure, axes = drawing.new_figure(COLUMN, 0.35 + 1.5 * len(rows), rows=len(rows), sharex=True)
        for axis, (panel, found) in zip(axes, rows, strict=True):
            if aim and panel.name == "kl-token":
                _draw_aim(axis, aim)
            fill_axis(axis, panel, found, best)
        drawing.whole_steps(axes[-1])
        svg, pdf = drawing.save(figure)
    alt = " ".join(describe(title, panel, found) for panel, found in rows)
    return Drawing(name, svg, pdf, alt, caption, frozenset({"paper"}))


def _draw_aim(axis: Any, aim: Aim) -> None:
    if aim.band:
        axis.axhspan(*aim.band, color=GREYS[0], alpha=0.35, linewidth=0, label="target band")
        for end in aim.band:
            axis.axhline(end, color=GREYS[1], linewidth=0.6)
    if aim.target:
        axis.axhline(aim.target, color=INK, linewidth=0.9, linestyle=(0, (6, 2)), label="target")


def _aimed(metrics: Sequence[dict[str, Any]], aim: Aim) -> str:
    """The aim in words, and how often it was met."""
    said = f" Beta is steered to a KL of {plain(aim.target)} nats per token (long dashes)." if aim.target else ""
    if aim.band:
        found = [kl for _, kl in series(metrics, "kl/token")]
        inside = sum(aim.band[0] <= kl <= aim.band[1] for kl in found)
        ends = " to ".join(plain(end) for end in aim.band)
        said += f" Shaded: the target band, {ends} nats per token, in which {inside} of {len(found)} steps lie."
    return said


def _smoothed(rows: Rows) -> str:
    """Say over how many steps the bold lines are means."""
    widths = sorted({smooth(curve.points)[1] for _, found in rows for curve in found if noisy(curve.points)})
    if not widths:
        return ""
    return f" Bold over thin: moving means of {' or '.join(map(plain, widths))} steps over the values themselves."
