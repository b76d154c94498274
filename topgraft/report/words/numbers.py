"""How numbers are shown. Digits follow the uncertainty: two significant digits of the half-interval."""

import math
import re
from collections.abc import Iterable
from typing import Any

MISSING = "–"
MINUS = "\N{MINUS SIGN}"


def number(value: Any) -> float | None:
    """Return `value` as a float when it is a finite number, else None (bools are not numbers)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def decimals(values: Iterable[float | None], half_widths: Iterable[float | None] = ()) -> int:
    """Choose the decimals that a row of numbers shares.

    Example: `decimals([0.412], [0.06])` -> 3; `decimals([12.31], [2.1])` -> 1.
    """
    widths = [width for width in half_widths if width]
    sizes = [abs(value) for value in values if value]
    if widths:
        return min(4, max(0, 1 - math.floor(math.log10(min(widths)))))
    return min(4, max(0, 2 - math.floor(math.log10(max(sizes))))) if sizes else 0


def show(value: float | None, places: int) -> str:
    """Format one number with a true minus sign; a dash when there is none."""
    if value is None:
        return MISSING
    if 0 < abs(value) < 0.5 * 10**-places and places >= 4:
        text = f"{value:.1e}"
    else:
        text = f"{value:,.{places}f}" if abs(value) >= 10_000 else f"{value:.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def plain(value: Any) -> str:
    """Format a lone number to about three significant digits; whole numbers with thousands separators."""
    found = number(value)
    if found is None:
        return MISSING
    if found == int(found) and abs(found) < 1e15:
        return f"{int(found):,}".replace("-", MINUS)
    if abs(found) < 1e-3:
        return f"{found:.2e}".replace("-", MINUS)
    return show(found, decimals([found]))


def count(value: Any) -> str:
    """Format a count in words that fit a sentence.

    Example: `count(30_100_000)` -> "30.1 M".
    """
    found = number(value)
    if found is None:
        return MISSING
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(found) >= size:
            scale = 1e3 if unit == "k" else size
            return f"{found / scale:.3g} {unit}" if found / scale < 1000 else f"{found / scale:.0f} {unit}"
    return f"{found:,.0f}"


def duration(seconds: Any) -> str:
    """Format seconds for a reader.

    Example: `duration(3725)` -> "1 h 02 min"; `duration(75)` -> "1 min 15 s"; `duration(3.21)` -> "3.2 s".
    """
    found = number(seconds)
    if found is None:
        return MISSING
    if found < 59.95:
        return f"{found:.1f} s"
    minutes, rest = divmod(round(found), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def gigabytes(size: Any) -> str:
    """Format bytes in GB (10^9 bytes)."""
    found = number(size)
    return MISSING if found is None else f"{found / 1e9:.2f}"


UNITS = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "s": 1.0, "min": 60.0, "h": 3600.0}


def rank(text: str) -> float | None:
    """The number that a text sorts by, the first in it, with its unit and those that go on from it; None without one.

    Example: `rank("0.41 [0.35, 0.47]")` -> 0.41; `rank("1 min 15 s")` -> 75.0; `rank("30.1 M")` -> 30_100_000.0.
    """
    plain_text = text.replace(MINUS, "-").replace(",", "")
    found = re.search(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", plain_text)
    if not found:
        return None
    total, rest = 0.0, plain_text[found.start() :]
    while part := re.match(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: (min|[kMBTsh])\b)? ?", rest):
        if total and not part.group(2):
            break
        total += float(part.group(1)) * UNITS.get(part.group(2), 1.0)
        if part.group(2) not in ("h", "min"):
            break
        rest = rest[part.end() :]
    return total
