"""Bars, arrows and labels, written as SVG (with gradients) and as PDF: the diagram's own small vocabulary."""

import io
import warnings
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from topgraft.report.drawing import style
from topgraft.report.palette import INK, MUTED, ON_HEAD, PAPER, TONES

INKS = {"ink": INK, "onhead": ON_HEAD, "muted": MUTED}
SIDES = {"start": "left", "middle": "center", "end": "right"}
FAMILY = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Bar:
    """A rectangle with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    radius: float


@dataclass(frozen=True)
class Arrow:
    """A line through points, along the axes, with a head at its end."""

    points: tuple[tuple[float, float], ...]
    dashed: bool = False


@dataclass(frozen=True)
class Label:
    """One line of text; (x, y) is the start, middle or end of its base line, as `anchor` says."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    anchor: str = "start"
    tone: str = "ink"


Shape = Bar | Arrow | Label


def as_svg(shapes: list[Shape], width: float, height: float, alt: str) -> str:
    """Return the shapes as one SVG document."""
    stops = "".join(
        f'<linearGradient id="{tone}" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" style="stop-color: {light}"/><stop offset="1" style="stop-color: {dark}"/>'
        "</linearGradient>"
        for tone, (light, dark) in TONES.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(alt)}">\n'
        f"<defs>{stops}</defs>\n" + "\n".join(_svg_shape(shape) for shape in shapes) + "\n</svg>\n"
    )


def _svg_shape(shape: Shape) -> str:
    if isinstance(shape, Bar):
        return (
            f'<rect x="{shape.x:.2f}" y="{shape.y:.2f}" width="{shape.width:.2f}" '
            f'height="{shape.height:.2f}" rx="{shape.radius:.2f}" style="fill: url(#{shape.tone})"/>'
        )
    if isinstance(shape, Label):
        font = f"font: {700 if shape.bold else 400} {shape.size:g}px {FAMILY}"
        return (
            f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" '
            f'style="{font}; text-anchor: {shape.anchor}; fill: {INKS[shape.tone]}">{escape(shape.text)}</text>'
        )
    line, head = (" ".join(f"{x:.2f},{y:.2f}" for x, y in points) for points in (shape.points, _head(shape)))
    stroke = f"stroke: {MUTED}; stroke-width: 2; fill: none"
    dashes = "; stroke-dasharray: 5 4" if shape.dashed else ""
    return f'<polyline points="{line}" style="{stroke}{dashes}"/><polyline points="{head}" style="{stroke}"/>'


def _head(arrow: Arrow, size: float = 6.0) -> list[tuple[float, float]]:
    """The two strokes of the head, for an arrow that ends rightwards, downwards or upwards."""
    (_, from_y), (x, y) = arrow.points[-2:]
    if y == from_y:
        return [(x - size, y - size), (x, y), (x - size, y + size)]
    back = -size if y > from_y else size
    return [(x - size, y + back), (x, y), (x + size, y + back)]


def as_pdf(shapes: list[Shape], width: float, height: float) -> bytes:
    """Return the shapes as a one-page PDF of the same size."""
    out = io.BytesIO()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(width / 96, height / 96))
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set_axis_off()
        for shape in shapes:
            _pdf_shape(axis, shape)
        axis.set_xlim(0, width)
        axis.set_ylim(height, 0)
        figure.savefig(out, format="pdf", metadata={"CreationDate": None}, facecolor=PAPER)
    return out.getvalue()


def _pdf_shape(axis: Any, shape: Shape) -> None:
    if isinstance(shape, Bar):
        corner, box = (shape.x, shape.y), f"round,pad=0,rounding_size={shape.radius}"
        patch = FancyBboxPatch(corner, shape.width, shape.height, boxstyle=box, linewidth=0, facecolor="none")
        axis.add_patch(patch)
        light, dark = (_rgb(colour) for colour in TONES[shape.tone])
        ramp = [[[a + (b - a) * row / 31 for a, b in zip(light, dark, strict=True)]] for row in range(32)]
        extent = (shape.x, shape.x + shape.width, shape.y + shape.height, shape.y)
        axis.imshow(ramp, extent=extent, aspect="auto", interpolation="nearest").set_clip_path(patch)
    elif isinstance(shape, Label):
        weight, side = ("bold" if shape.bold else "normal"), SIDES[shape.anchor]
        colour = INKS[shape.tone]
        axis.text(shape.x, shape.y, shape.text, fontsize=shape.size * 0.75, weight=weight, ha=side, color=colour)
    else:
        dashes = (0, (2.5, 2)) if shape.dashed else "solid"
        axis.plot(*zip(*shape.points, strict=True), color=MUTED, linewidth=1.5, linestyle=dashes)
        axis.plot(*zip(*_head(shape), strict=True), color=MUTED, linewidth=1.5)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
