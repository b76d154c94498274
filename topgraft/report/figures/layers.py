"""The figure "layer impact": what each measure says of every block, panel by panel or all in one row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from matplotlib.ticker import MaxNLocator

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK, MUTED
from topgraft.report.words.numbers import number, plain

WIDE = 7.2  # inches: both columns of a two-column paper
DASHED, DOTTED = (0, (4, 2)), (0, (1, 1.5))
Values = Sequence[float | None]


@dataclass(frozen=True)
class Panel:
    """One measure: its name in file names, its title, what it is read in, how to read it, and what draws it."""

    name: str
    title: str
    quantity: str
    caption: str
    draw: Callable[[Any, dict[str, Any]], None]


def mean_of(seeds: Sequence[Values]) -> list[float | None]:
    """Block by block the mean of those seeds that have a number."""
    found = []
    for values in zip(*seeds, strict=True):
        known = [float(value) for value in values if number(value) is not None]
        found.append(fmean(known) if known else None)
    return found


def _lines(axis: Any, seeds: Sequence[Values], name: str, colour: str = INK, scale: float = 1.0, **more: Any) -> None:
    """Every seed as a thin line, their mean as a thick one, over the block number."""
    for values in seeds if len(seeds) > 1 else ():
        axis.plot(*_points(values, scale), color=colour, linewidth=0.5, alpha=0.45)
    style = {"linewidth": 1.4, "marker": "o", "markersize": 2.6} | more
    axis.plot(*_points(mean_of(seeds), scale), color=colour, label=name, **style)


def _points(values: Values, scale: float = 1.0) -> tuple[list[int], list[float]]:
    known = [(block, value / scale) for block, value in enumerate(values) if value is not None]
    return [block for block, _ in known], [value for _, value in known]


def _probe(axis: Any, results: dict[str, Any]) -> None:
    found = results["blocks"]["probe"]
    _lines(axis, [each[1:] for each in found["accuracy"]], "probe")
    _lines(axis, [each[1:] for each in found["control"]], "random labels", MUTED, linestyle=DASHED, marker="")
    embeddings = mean_of(found["accuracy"])[0]
    if embeddings is not None:
        axis.axhline(embeddings, color=GREYS[1], linewidth=1.1, linestyle=DOTTED, label="embeddings")


def _norms(axis: Any, results: dict[str, Any]) -> None:
    """Gradient and weight change, each against its largest block."""
    gradient, change = results["blocks"]["gradient"], results["blocks"]["change"]
    most = _most(gradient["seeds"])
    _lines(axis, gradient["seeds"], "gradient", scale=most)
    _lines(axis, gradient["control"], "other voices", MUTED, most, linestyle=DASHED, marker="")
    _lines(axis, change["seeds"], "weights moved", GREYS[1], _most(change["seeds"]), marker="s")


def _most(seeds: Sequence[Values]) -> float:
    return max((value for value in mean_of(seeds) if value), default=1.0)


def _parts(axis: Any, results: dict[str, Any]) -> None:
    _lines(axis, results["blocks"]["removed"]["seeds"], "lost without")
    _lines(axis, results["blocks"]["alone"]["seeds"], "kept alone", GREYS[1], marker="s")
    axis.axhline(1 / results["depth"], color=MUTED, linewidth=0.9, linestyle=DASHED, label="even share")


def _single(axis: Any, results: dict[str, Any]) -> None:
    _lines(axis, results["blocks"]["single"]["seeds"], "this block only")


def _windows(axis: Any, results: dict[str, Any]) -> None:
    """Every window as a bar over its blocks, the recommended one in the accent; the controls as dashed lines."""
    chosen = results["recommendation"]["blocks"]
    for one in results["windows"]:
        shares = [value for value in one["share"] if number(value) is not None]
        if not shares or one["kind"] == "all":
            continue
        if one["kind"] == "window":
            ends, picked = (one["blocks"][0] - 0.35, one["blocks"][-1] + 0.35), one["blocks"] == chosen
            colour = ACCENT if picked else INK
            for value in shares:
                axis.hlines(value, *ends, color=colour, linewidth=0.5, alpha=0.45)
            axis.hlines(fmean(shares), *ends, color=colour, linewidth=3.2 if picked else 1.4)
        else:
            style = DASHED if one["kind"] == "random" else DOTTED
            axis.axhline(fmean(shares), color=MUTED, linewidth=1.1, linestyle=style, label=one["name"])
    axis.plot([], [], color=ACCENT, linewidth=3.2, label="chosen")


PANELS = (
    Panel(
        "probe",
        "Linear probe",
        "Accuracy (fraction)",
        "How well a line through a block's states tells the wanted voice from another, on problems not seen; with "
        "random labels, and on the embeddings, which know words only. Thin: seeds.",
        _probe,
    ),
    Panel(
        "norms",
        "Gradients, weights",
        "Relative to the largest",
        "Gradient of the adapter before the first step, beside that for answers in other voices; relative change of "
        "the weights by training all blocks (biased).",
        _norms,
    ),
    Panel(
        "parts",
        "Taken apart",
        "Share of the gain",
        "An adapter trained on all blocks: what its gain loses without a block's part, and keeps with that part alone.",
        _parts,
    ),
    Panel("single", "Trained alone", "Share of the gain", "The same adapter trained on one block only.", _single),
    Panel(
        "windows",
        "Windows",
        "Share of the gain",
        "The same adapter trained on neighbouring blocks, on blocks drawn at random, and on all at a lower rank.",
        _windows,
    ),
)


def draw_panels(results: dict[str, Any]) -> list[Drawing]:
    """Every panel as a drawing of its own, one column wide."""
    drawn = []
    for panel in PANELS:
        with drawing.style():
            figure, (axis,) = drawing.new_figure(COLUMN, 2.4)
            _fill(axis, panel, results)
            axis.set_title(f"{panel.title}: {panel.quantity[0].lower()}{panel.quantity[1:]}", loc="left", color=INK)
            _key(axis, below=-0.27)
            svg, pdf = drawing.save(figure)
        drawn.append(Drawing(f"layers-{panel.name}", svg, pdf, _alt(panel, results), panel.caption))
    return drawn


def draw_impact(results: dict[str, Any]) -> Drawing:
    """All panels in one row, for papers."""
    with drawing.style():
        figure, axes = drawing.new_figure(WIDE, 2.3, columns=len(PANELS))
        for axis, panel in zip(axes, PANELS, strict=True):
            _fill(axis, panel, results)
            axis.tick_params(labelsize=8)
            axis.set_title(panel.title, loc="left", color=INK)
            axis.set_ylabel(panel.quantity)
            _key(axis, below=-0.4).set_in_layout(False)
        figure.get_layout_engine().set(rect=(0, 0.26, 1, 0.74))  # the keys stand below
        svg, pdf = drawing.save(figure)
    return Drawing("layer-impact", svg, pdf, " ".join(_alt(panel, results) for panel in PANELS), "Layer impact")


def _fill(axis: Any, panel: Panel, results: dict[str, Any]) -> None:
    panel.draw(axis, results)
    axis.set_xlabel("Block")
    axis.set_xlim(-0.6, results["depth"] - 0.4)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axis.grid(axis="x", visible=False)
    axis.margins(y=0.1)


def _key(axis: Any, *, below: float) -> Any:
    """The legend below the panel, where no line can pass under it."""
    return axis.legend(loc="upper left", bbox_to_anchor=(-0.06, below), fontsize=8, borderaxespad=0)


def _alt(panel: Panel, results: dict[str, Any]) -> str:
    """A panel's means in words."""
    blocks = results["blocks"]
    if panel.name == "windows":
        shares = [
            f"{one['name']} {plain(fmean(known))}"
            for one in results["windows"]
            if (known := [value for value in one["share"] if number(value) is not None])
        ]
        return f"{panel.title}, share of the gain: {', '.join(shares)}."
    names = {"probe": ("probe",), "norms": ("gradient", "change"), "parts": ("removed", "alone"), "single": ("single",)}
    parts = [
        f"{name} {', '.join(plain(value) for value in mean_of(blocks[name]['seeds']))}" for name in names[panel.name]
    ]
    return f"{panel.title}, block 0 to {results['depth'] - 1}: {'; '.join(parts)}."
