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
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "–": "--",
    "—": "---",
    "\N{NO-BREAK SPACE}": "~",
}
TEX_KNOWN = frozenset(
    "ĂăĄąĆćČčĎďĐđĘęĚěĞğİıĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž‘’‚“”„‹›…•†‡€™" + "".join(map(chr, range(0xA1, 0x100)))
)
"""What LaTeX sets beside ASCII with T1 fonts, whatever the engine."""
TEX_LIGATURES = ("--", ",,", "''", "``", "?`", "!`")
"""What LaTeX would make one character of."""
TEX_OTHERS = (
    '\\ifdefined\\uni\\else\\protected\\def\\uni#1#2{\\ifdefined\\Umathchar\\iffontchar\\font"#1 #2\\else'
    "{\\tiny[U+#1]}\\fi\\else{\\tiny[U+#1]}\\fi\\allowbreak}\\fi\n"
)
"""Defines the command that `tex` gives all other characters to: XeLaTeX and LuaLaTeX set those that the font has, all
else is shown as its code."""
LONG_WORD, BREAK_EVERY = 24, 12
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula, or passes over before one."""


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code in (0x202D, 0x202E):
        return f"⟨U+{code:X}⟩"
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """Return `text` with control characters made visible and lone surrogates replaced; newline and tab stay.

    So are the two that turn the direction of all that follows: whoever reads a table must see its cells in their order.

    Example: `clean("a\\x00b")` -> "a␀b".
    """
    text = text.replace("\r\n", "\n")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]", _visible, text)


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


def sentence(text: str) -> str:
    """End `text` with a full stop, unless it ends as a sentence does."""
    return text if not text or text[-1] in ".!?:…" else f"{text}."


def tex(text: str) -> str:
    """Escape `text` for LaTeX, as one line; the file needs TEX_OTHERS in front. Very long words may break.

    Example: `tex("50% of a_b")` -> r"50\\% of a\\_b"; `tex("汉")` -> r"\\uni{6C49}{汉}".
    """
    parts: list[str] = []
    for word in text.split():
        size = len(word)
        parts += [" "] if parts else []
        for place, character in enumerate(word, 1):
            parts.append("{}" if word[max(0, place - 2) : place] in TEX_LIGATURES else "")
            parts.append(_tex_character(character))
            if size > LONG_WORD and place % BREAK_EVERY == 0 and place < size:
                parts.append(r"\allowbreak{}")
    return "".join(parts)


def _tex_character(character: str) -> str:
    if character in TEX_ESCAPES:
        return TEX_ESCAPES[character]
    if character.isascii() or character in TEX_KNOWN:
        return character
    return rf"\uni{{{ord(character):04X}}}{{{character}}}"


def tex_lines(text: str) -> str:
    """Escape `text` for LaTeX with its lines and their indentation, a paragraph each."""
    lines = []
    for line in text.expandtabs(4).split("\n"):
        depth = min(40, len(line) - len(line.lstrip(" ")))
        lines.append((rf"\hspace*{{{depth * 0.5:g}em}}" if depth else "") + (tex(line) or "~"))
    return "\\par\n".join(lines) + "\\par"


def csv_text(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: with an apostrophe in front where it would, and
    where it has such a one already, so that `from_csv` gives back every text.

    Example: `csv_text("=1+1")` -> "'=1+1"; `csv_text("'=1+1")` -> "''=1+1".
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def from_csv(text: str) -> str:
    """Return the text of which `csv_text` made a cell."""
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(FORMULA_STARTS) else text


def slug(text: str, taken: set[str]) -> str:
    """Return a short file name for `text` that is not in `taken`, and add it there."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") or "unnamed"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name
