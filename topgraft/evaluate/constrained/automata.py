"""What a text must keep to, as automata that read it letter by letter: a term as a whole word, a number of words.

They accept what rewards/wording.py finds and counts, in texts of printable ASCII letters: no accents to compose.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from topgraft.rewards.wording import plain

LETTERS = "\n\t" + "".join(map(chr, range(32, 127)))
"""What automata read; capitals count as small letters."""
DEAD = -1
"""The state in which nothing is accepted any more, in tables."""


class Automaton(Protocol):
    """States are whatever can be hashed; None is the dead one."""

    @property
    def start(self) -> Any:
        """The state before the first letter."""

    def step(self, state: Any, letter: str) -> Any:
        """The state after one more small letter."""

    def accepts(self, state: Any) -> bool:
        """Whether a text may end here."""


def is_word(letter: str) -> bool:
    """Whether a letter is one of which words are made."""
    return letter.isalnum() or letter == "_"


@dataclass(frozen=True)
class WordCount:
    """Accepts texts of `low` to `high` words, a word being letters with the hyphens and apostrophes inside it. A state
    is (words begun, where: "out" of a word, "in" one, or at a "joint" that belongs to it if a letter follows)."""

    low: int
    high: int
    start: tuple[int, str] = (0, "out")

    def step(self, state: tuple[int, str], letter: str) -> tuple[int, str] | None:
        """Count a word at its first letter."""
        count, where = state
        if is_word(letter):
            count += where == "out"
            return (count, "in") if count <= self.high else None
        return (count, "joint" if where == "in" and letter in "-'" else "out")

    def accepts(self, state: tuple[int, str]) -> bool:
        """Whether the number of words will do."""
        return self.low <= state[0] <= self.high


@dataclass(frozen=True)
class HasTerm:
    """Accepts texts with one of the terms between word boundaries. A state is (beginnings of terms that the text ends
    with, whether its last letter is one of words), or True once a term was found."""

    terms: tuple[str, ...]
    start: tuple[frozenset[str], bool] = (frozenset(), False)

    @cached_property
    def _known(self) -> tuple[frozenset[str], frozenset[str]]:
        """The terms, and all their beginnings; one space for any between words."""
        terms = {" ".join(plain(term).split()) for term in self.terms}
        return frozenset(terms), frozenset(term[:end] for term in terms for end in range(1, len(term) + 1))

    def step(self, state: tuple[frozenset[str], bool] | bool, letter: str) -> tuple[frozenset[str], bool] | bool:
        """Go on with every beginning that the letter fits, and begin anew at a word boundary."""
        if isinstance(state, bool):
            return state
        (begun, inside), (terms, beginnings) = state, self._known
        if begun & terms and not is_word(letter):
            return True
        if letter.isspace():
            grown = {text.rstrip() + " " for text in begun}
        else:
            grown = {text + letter for text in (begun if inside else begun | {""})}
        return frozenset(grown & beginnings), is_word(letter)

    def accepts(self, state: tuple[frozenset[str], bool] | bool) -> bool:
        """Whether a term was found, the one that the text ends with included."""
        return state if isinstance(state, bool) else bool(state[0] & self._known[0])


@dataclass(frozen=True)
class Table:
    """An automaton written out: `next` [states, letters] of state numbers, from 0, the start; `accepts` [states]."""

    next: np.ndarray
    accepts: np.ndarray


def tabulate(automaton: Automaton) -> Table:
    """Write out the states that can be reached."""
    numbers: dict[Hashable, int] = {automaton.start: 0}
    found: list[Hashable] = [automaton.start]
    rows = []
    for state in found:  # grows while it is read
        row = []
        for letter in LETTERS:
            after = automaton.step(state, letter.lower())
            if after is not None and after not in numbers:
                numbers[after] = len(found)
                found.append(after)
            row.append(DEAD if after is None else numbers[after])
        rows.append(row)
    return Table(np.array(rows), np.array([automaton.accepts(state) for state in found]))
