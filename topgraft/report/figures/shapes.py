"""Bars, arrows, labels and icons, written as SVG and as PDF, with gradients: the diagrams' own small vocabulary."""

import io
import re
import warnings
from bisect import bisect
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from topgraft.report.figures.drawing import style
from topgraft.report.figures.icons import ICONS
from topgraft.report.figures.palette import ARSENIC, DAVYS, INK, MUTED, ON_HEAD, PAPER, PAPER_TONES, TONES

INKS = {"ink": INK, "onhead": ON_HEAD, "muted": MUTED, "paper-ink": ARSENIC, "paper-line": DAVYS, "sheet": "#FFFFFF"}
GRADIENTS = TONES | PAPER_TONES
SIDES = {"start": "left", "middle": "center", "end": "right"}
PATH_CODES = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4, "Z": Path.CLOSEPOLY}
STROKE = 1.9
"""Width of an icon's lines, in units of its box of 24."""
STRIPS = 128
"""Parts of a PDF's gradient from black to white, two levels of 256 each: some viewers paint a triangle of more in
patches."""
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
    tone: str = "muted"


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


@dataclass(frozen=True)
class Icon:
    """A drawing of icons.py in a square whose upper left corner is (x, y)."""

    x: float
    y: float
    size: float
    name: str
    tone: str = "ink"


Shape = Bar | Arrow | Label | Icon


def width_of(text: str, size: float, bold: bool = False) -> float:
    """Return how wide a text is, in the units of its size."""
    font = FontProperties(family="DejaVu Sans", weight=700 if bold else 400)
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) if text else 0.0


def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """Return as much of a text as fits into `room`, with an ellipsis where it was cut."""
    if width_of(text, size, bold) <= room:
        return text
    end = bisect(range(1, len(text)), room, key=lambda end: width_of(f"{text[:end]}…", size, bold))
    return f"{text[:end].rstrip()}…"


def as_svg(shapes: list[Shape], width: float, height: float, alt: str) -> str:
    """Return the shapes as one SVG document."""
    stops = "".join(
        f'<linearGradient id="{tone}" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" style="stop-color: {light}"/><stop offset="1" style="stop-color: {dark}"/>'
        "</linearGradient>"
        for tone, (light, dark) in GRADIENTS.items()
        if any(isinstance(shape, Bar) and shape.tone == tone for shape in shapes)
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
    if isinstance(shape, Icon):
        return (
            f'<path d="{" ".join(ICONS[shape.name])}" transform="translate({shape.x:.2f} {shape.y:.2f}) '
            f'scale({shape.size / 24:.3f})" style="stroke: {INKS[shape.tone]}; stroke-width: {STROKE}; fill: none; '
            f'stroke-linecap: round; stroke-linejoin: round"/>'
        )
    line, head = (" ".join(f"{x:.2f},{y:.2f}" for x, y in points) for points in (shape.points, _head(shape)))
    stroke = f"stroke: {INKS[shape.tone]}; stroke-width: 2; fill: none"
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
        light, dark = (np.array(to_rgb(colour)) for colour in GRADIENTS[shape.tone])
        down = np.linspace(0, 1, 2 + int(STRIPS * abs(dark - light).max()))
        ramp = LinearSegmentedColormap.from_list(shape.tone, GRADIENTS[shape.tone])
        places = ([shape.x, shape.x + shape.width], shape.y + shape.height * down, np.stack([down, down], axis=1))
        mesh = axis.pcolormesh(*places, cmap=ramp, shading="gouraud", vmin=0, vmax=1)
        mesh.set_clip_path(patch)
    elif isinstance(shape, Label):
        weight, side = ("bold" if shape.bold else "normal"), SIDES[shape.anchor]
        colour = INKS[shape.tone]
        axis.text(shape.x, shape.y, shape.text, fontsize=shape.size * 0.75, weight=weight, ha=side, color=colour)
    elif isinstance(shape, Icon):
        scale, look = shape.size / 24, {"capstyle": "round", "joinstyle": "round", "facecolor": "none"}
        for stroke in ICONS[shape.name]:
            path = read_path(stroke).transformed(Affine2D().scale(scale).translate(shape.x, shape.y))
            axis.add_patch(PathPatch(path, edgecolor=INKS[shape.tone], linewidth=STROKE * scale * 0.75, **look))
    else:
        dashes, colour = (0, (2.5, 2)) if shape.dashed else "solid", INKS[shape.tone]
        axis.plot(*zip(*shape.points, strict=True), color=colour, linewidth=1.5, linestyle=dashes)
        axis.plot(*zip(*_head(shape), strict=True), color=colour, linewidth=1.5)


def read_path(data: str) -> Path:
    """Read SVG path data of absolute M, L, C and Z, each with one point (C: three)."""
    codes, points = [], []
    for word in re.findall(r"[MLCZ][^MLCZ]*", data):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", word)]
        places = list(zip(numbers[::2], numbers[1::2], strict=True)) or [(0.0, 0.0)]
        codes += [PATH_CODES[word[0]]] * len(places)
        points += places
    return Path(points, codes)
