"""How long texts are: the distribution of prompts and responses, and preferred answers against rejected ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, GREYS, INK

BINS = 36
MOST_POINTS = 2000
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 1_000_000)


def draw_lengths(sizes: Mapping[str, Sequence[int]], limits: Mapping[str, int], unit: str) -> Drawing:
    """Draw a histogram of each kind of text (name -> lengths in `unit`), over lengths on a logarithmic scale, with its
    limit where it has one. Kinds without texts are left out."""
    shown = {name: np.maximum(np.asarray(values), 1) for name, values in sizes.items() if len(values)}
    longest = max((int(values.max()) for values in shown.values()), default=1)
    edges = np.unique(np.round(np.geomspace(1, max(longest, 10) + 1, BINS))) - 0.5
    with drawing.style():
        figure, axes = drawing.new_figure(COLUMN, 0.5 + 1.1 * len(shown), len(shown) or 1, 1, sharex=True)
        for axis, (name, values) in zip(axes, shown.items(), strict=False):
            axis.hist(values, bins=edges, color=GREYS[1], linewidth=0)
            for percent, dashes, word in ((50, "solid", "median"), (99, (0, (4, 1.5)), "99th percentile")):
                axis.axvline(_rank(values, percent), color=INK, linewidth=0.9, linestyle=dashes, label=word)
            if name in limits:
                axis.axvline(limits[name], color=ACCENT, linewidth=1.2, linestyle=(0, (1, 1)), label="limit")
            axis.set_ylabel(name.capitalize())
            axis.grid(axis="x", visible=False)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
        _logarithmic(axes[-1].xaxis, axes[-1].set_xscale, axes[-1].set_xlim, longest)
        axes[-1].set_xlabel(f"Length ({unit})")
        svg, pdf = drawing.save(figure)
    said = [
        f"{name}: median {_rank(values, 50)}, 99th percentile {_rank(values, 99)}, longest {int(values.max())}, "
        f"n = {len(values)}"
        for name, values in shown.items()
    ]
    bound = "; dotted: the limit beyond which texts are cut" if limits else ""
    caption = f"Number of texts by length in {unit}. Solid: median; dashed: 99th percentile{bound}. {'. '.join(said)}."
    return Drawing("lengths", svg, pdf, ". ".join(said), caption)


def draw_pair_lengths(chosen: Sequence[int], rejected: Sequence[int], unit: str) -> Drawing:
    """Draw every pair as a point, the length of its rejected answer against that of the preferred one; of more than
    2000 pairs as many, spread evenly."""
    step = -(-len(chosen) // MOST_POINTS)
    across, up = (np.maximum(np.asarray(values)[::step], 1) for values in (rejected, chosen))
    longest = int(max(across.max(), up.max(), 10))
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, COLUMN)
        axis.plot((1, longest), (1, longest), color=ACCENT, linewidth=1)
        axis.plot(across, up, color=INK, linewidth=0, marker=".", markersize=3, alpha=0.35, markeredgewidth=0)
        _logarithmic(axis.xaxis, axis.set_xscale, axis.set_xlim, longest)
        _logarithmic(axis.yaxis, axis.set_yscale, axis.set_ylim, longest)
        axis.set_xlabel(f"Rejected answer ({unit})")
        axis.set_ylabel(f"Preferred answer ({unit})")
        svg, pdf = drawing.save(figure)
    longer = sum(a > b for a, b in zip(chosen, rejected, strict=True))
    said = f"The preferred answer is the longer one in {longer} of {len(chosen)} pairs"
    caption = f"Length of the preferred answer against the rejected one, {len(across)} pairs; the line: equal. {said}."
    return Drawing("chosen-rejected", svg, pdf, said, caption)


def _rank(values: Any, percent: int) -> int:
    """The percentile by nearest rank."""
    return int(np.sort(values)[max(0, -(-percent * len(values) // 100) - 1)])


def _logarithmic(axis: Any, scale: Any, limit: Any, longest: int) -> None:
    scale("log")
    limit(0.8, longest * 1.25)
    ticks = [tick for tick in TICKS if tick <= longest * 1.25]
    axis.set_ticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.set_ticks([], minor=True)
