"""Text from data and models made safe to show: control characters, LaTeX, CSV formulas, file names."""

import math
import re
from typing import Any

TEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",
    "*": "{*}",
    "\N{MINUS SIGN}": "$-$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "—": "---",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Return `text` with control characters made visible and lone surrogates replaced; newline and tab stay.

    Example: `clean("a\\x00b")` -> "a␀b".
    """
    text = text.replace("\r\n", "\n")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", _visible, text)


def tidy(value: Any) -> Any:
    """Clean every text inside a JSON value, keys too, and turn NaN and infinities into None."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def one_line(text: str) -> str:
    """Join the lines and runs of blanks of `text` into one line."""
    return " ".join(text.split())


def tex(text: str) -> str:
    """Escape `text` for LaTeX, as one line.

    Example: `tex("50% of a_b")` -> r"50\\% of a\\_b".
    """
    return "".join(TEX_ESCAPES.get(character, character) for character in one_line(text))


def csv_text(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: a leading apostrophe where it would.

    Example: `csv_text("=1+1")` -> "'=1+1".
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def slug(text: str, taken: set[str]) -> str:
    """Return a short file name for `text` that is not in `taken`, and add it there."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") or "unnamed"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name
