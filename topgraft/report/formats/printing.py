"""A figure made fit for a program that turns the page into paper, and that reads less of SVG than a browser does."""

import re
from typing import Any

from topgraft.report.figures.drawing import plain_fonts

FAMILY = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def breakable(value: Any) -> Any:
    """Return a text with places to break in its very long words; anything else, our own markup too, as it is.

    WeasyPrint finds such places by itself too, in time that grows with the square of the word.
    """
    if type(value) is not str:
        return value
    return re.sub(r"\S{60,}", lambda word: re.sub(r"(.{30})(?=.)", "\\1\u200b", word[0]), value)


def printable(svg: str) -> str:
    """Return `svg` with its fonts spelled out, and with a gradient of its own for each box.

    WeasyPrint knows no `font` in one word; and a gradient that several boxes share becomes a pattern of one unit, which
    PDF viewers draw coarsely or leave out.
    """
    svg = plain_fonts(svg).replace("<svg ", f'<svg font-family="{FAMILY}" ', 1)
    stops = dict(re.findall(r'<linearGradient id="([^"]+)"[^>]*>(.*?)</linearGradient>', svg, flags=re.DOTALL))
    made = 0

    def own(box: re.Match[str]) -> str:
        nonlocal made
        top, height, name = float(box[1]), float(box[2]), box[3]
        if name not in stops:
            return box[0]
        made += 1
        place = f'x1="0" x2="0" y1="{top:g}" y2="{top + height:g}"'
        gradient = (
            f'<linearGradient id="own-{made}" gradientUnits="userSpaceOnUse" {place}>{stops[name]}</linearGradient>'
        )
        return gradient + box[0].replace(f"url(#{name})", f"url(#own-{made})")

    return re.sub(r'<rect [^>]*?\by="([-\d.]+)"[^>]*?\bheight="([\d.]+)"[^>]*?url\(#([^)]+)\)[^>]*/>', own, svg)
