"""Colours and style of every figure: greys first, one accent. The paper diagram has greys alone."""

from typing import Any

PAPER, INK, MUTED, GRID, ACCENT = "#ffffff", "#23282d", "#5f6a73", "#d9dee2", "#b4511a"
GREYS = ("#b4bcc3", "#7d8891", "#4f5b66", "#98a2aa", "#66727c", "#c6ccd1")
# Each tone of the diagram runs from light (top) to dark (bottom).
TONES = {
    "card": ("#f4f6f7", "#e2e7ea"),
    "frozen": ("#c3cad0", "#a3adb6"),
    "lit": ("#d9762f", "#b4511b"),
    "head": ("#58656f", "#36454f"),
    "fixed": ("#dfe4e8", "#c9d0d6"),
}
ON_HEAD = "#fdfdfd"


def tint(colour: str, share: float) -> str:
    """Mix a colour with white: `tint("#555555", 0.2)` -> "#DDDDDD"."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - part)):02X}" for part in parts)


# In capitals: the page turns the colours of THEME into its own, and leaves these as they are.
DAVYS, PAYNES, ONYX, ARSENIC, CHARCOAL = "#555555", "#536878", "#353839", "#3B444B", "#36454F"
PAPER_TONES = {
    "sheet": ("#FFFFFF", "#FFFFFF"),
    "paper-card": (tint(PAYNES, 0.07), tint(PAYNES, 0.3)),
    "paper-head": (PAYNES, CHARCOAL),
    "paper-frozen": (tint(DAVYS, 0.2), tint(DAVYS, 0.42)),
    "paper-lit": (DAVYS, ONYX),
}
COLUMN = 3.4  # inches: one column of a two-column paper
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 0,
    "xtick.major.width": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "topgraft",
    "pdf.fonttype": 42,
}
# Colour in a file -> CSS variable in the page, so that inline figures follow light and dark mode.
THEME = {
    PAPER: "--paper",
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    ACCENT: "--accent",
    ON_HEAD: "--on-head",
    **{grey: f"--grey-{place}" for place, grey in enumerate(GREYS, 1)},
    **{stop: f"--{tone}-{end}" for tone, stops in TONES.items() for stop, end in zip(stops, "ab", strict=True)},
}
