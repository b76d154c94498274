"""The words of a text, whether given terms are among them, and how much a text or a set of texts repeats itself.

A word is a run of letters, digits and underscores; hyphens and apostrophes inside it belong to it. Capitals make no
difference, nor do typographic hyphens and apostrophes, nor how an accent is written.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Annotated

from pydantic import AfterValidator

WORD = re.compile(r"\w+(?:['-]\w+)*")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")
TYPOGRAPHIC = str.maketrans({"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{HYPHEN}": "-", "\N{NON-BREAKING HYPHEN}": "-"})


def _terms(terms: tuple[str, ...]) -> tuple[str, ...]:
    if not terms:
        raise ValueError("it is empty, so nothing could be found. Name a word or a phrase")
    if wordless := [term for term in terms if not WORD.search(term)]:
        raise ValueError(f"{wordless[0]!r} holds no word, so it would be found anywhere or nowhere. Remove it")
    return terms


Terms = Annotated[tuple[str, ...], AfterValidator(_terms)]
"""Words and phrases that a rule looks for; one at least."""


def plain(text: str) -> str:
    """The text with composed accents, plain hyphens and apostrophes, and no capitals."""
    return unicodedata.normalize("NFC", text).translate(TYPOGRAPHIC).casefold()


def words(text: str) -> list[str]:
    """The words of a text, without capitals.

    Example: "The self-reliant nurse isn't in." -> ["the", "self-reliant", "nurse", "isn't", "in"].
    """
    return WORD.findall(plain(text))


def sentences(text: str) -> list[str]:
    """The parts of a text between full stops, question or exclamation marks and line breaks that hold a word."""
    return [part for part in SENTENCE_END.split(text) if WORD.search(part)]


def occurrences(text: str, terms: tuple[str, ...]) -> list[str]:
    """The terms (words or phrases) that stand in a text as whole words, each as often as it does, in its order.

    Where one term is part of another, the longer one is found. A word boundary is where a letter, digit or underscore
    meets anything else, a hyphen too.

    Example: "Bold, bold and self-reliant", ("bold", "self-reliant") -> ["bold", "bold", "self-reliant"].
    """
    return [" ".join(found.split()) for found in _pattern(terms).findall(plain(text))]


@cache
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted((plain(term).split() for term in terms), key=lambda parts: -len(" ".join(parts)))
    choices = "|".join(r"\s+".join(map(re.escape, parts)) for parts in longest_first)
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)")


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """Every n words that follow one another in a text; none where it has fewer."""
    found = words(text)
    return [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]


def repeated(text: str, n: int) -> float:
    """Share of a text's n-grams of words that occurred in it before, 0 to 1; 0 where it has none.

    Example: ("a b a b a", 2) -> 0.5: of ab, ba, ab, ba the last two did.
    """
    return 1 - distinct([text], n)


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams of words / n-grams, over all texts (distinct-n of Li et al. 2016, arXiv 1510.03055), 0 to 1;
    1 where there are none. No n-gram reaches from one text into the next."""
    found = [gram for text in texts for gram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else 1.0
