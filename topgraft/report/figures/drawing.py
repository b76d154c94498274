"""One drawing as a file pair and as inline SVG for the page."""

import io
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from topgraft.report.figures.palette import STYLE, THEME


@dataclass(frozen=True)
class Drawing:
    """One finished figure: its name without ending, its files (PDF may be empty), its content in words."""

    name: str
    svg: str
    pdf: bytes
    alt: str
    caption: str
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def diagnostic(self) -> bool:
        """True for a plot that only a closer look needs."""
        return "diagnostic" in self.tags

    @property
    def inline(self) -> str:
        """The SVG for inclusion in the page: unique ids, colours by CSS variable, no prologue."""
        return inline_svg(self.svg, self.name)


def inline_svg(svg: str, name: str) -> str:
    """Return `svg` fit for a page: ids prefixed with `name`, palette colours as CSS variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    head, body = svg.split(">", 1)
    head = re.sub(r'\s(?:width|height|xmlns(?::\w+)?|version|role|aria-label|class)="[^"]*"', "", head)
    viewbox = re.search(r'viewBox="0 0 ([\d.]+)', head)
    if viewbox:
        head += f' style="--natural: {float(viewbox.group(1)) * 4 / 3:.0f}px"'
    svg = f'{head} class="drawn" aria-hidden="true">{body}'
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = plain_fonts(svg)
    for colour, variable in THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.strip()


def plain_fonts(svg: str) -> str:
    """Return `svg` with size and weight of its fonts spelled out; the family is then that of its surroundings."""
    return re.sub(r"font: [^;\"]*;?", lambda found: _font(found.group()), svg)


def _font(declaration: str) -> str:
    """Keep the size and weight of a font declaration; the family is the page's."""
    size = re.search(r"([\d.]+)px", declaration)
    weight = "bold" if "700" in declaration or "bold" in declaration else "normal"
    return f"font-size: {size.group(1) if size else 8}px; font-weight: {weight};"


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """Return a figure and its axes (a flat list); call within `style()`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def style() -> Any:
    """Return the context in which figures are drawn and saved."""
    return matplotlib.rc_context(STYLE)


def whole_steps(axis: Any) -> None:
    """Label the x axis as steps, with whole numbers only."""
    axis.set_xlabel("Step")
    axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.grid(axis="x", visible=False)


def save(figure: Any, with_pdf: bool = True) -> tuple[str, bytes]:
    """Return the figure as SVG text and PDF bytes (empty without), the same for the same input."""
    svg, pdf = io.StringIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})  # savefig would draw everything twice
        if with_pdf:
            figure.set_layout_engine("none")  # laid out once: the PDF takes the same places
            FigureCanvasPdf(figure).print_pdf(pdf, metadata={"CreationDate": None})
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", svg.getvalue(), flags=re.DOTALL)
    text = re.sub(r"<!DOCTYPE.*?>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path.group()), text)
    return text, pdf.getvalue()
