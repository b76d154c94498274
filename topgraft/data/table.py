"""The rows of a source as they stand there, with what is wrong with some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from topgraft.errors import UserError

SHOWN = 3
"""Places named for each kind of fault, and kinds named."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row: where it is ("rows.csv, line 3"), its columns, and the part of the split that the source puts it into
    ("" where it says nothing of one)."""

    place: str
    values: dict[str, Any]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not as it should be: its place, and a message that begins with it."""

    place: str
    message: str

    @property
    def kind(self) -> str:
        """What is wrong, without the place and the row's own words: rows of one kind are counted together."""
        return self.message.removeprefix(self.place).lstrip(": ").split(":")[0].split(". ")[0][:80]


class Table(list[RawRow]):
    """The rows of a source, in its order, as readers and formats hand them on.

    `faults` are rows that cannot be used, `odd` rows that are used although something about them is strange,
    `remarks` how the rows were understood; `format` is one that the source itself names.
    """

    def __init__(self, rows: Iterable[RawRow] = ()) -> None:
        super().__init__(rows)
        self.faults: list[Fault] = []
        self.odd: list[Fault] = []
        self.remarks: list[str] = []
        self.format = ""

    @contextmanager
    def at(self, row: RawRow) -> Iterator[None]:
        """What is done with one row: a UserError leaves out this row and no other."""
        try:
            yield
        except UserError as error:
            self.faults.append(Fault(row.place, str(error)))
        except RecursionError:
            self.faults.append(Fault(row.place, f"{row.place} holds lists or objects within others, too deep to read."))

    def columns(self) -> dict[str, Any]:
        """Every column with the first value that stands in it (None where all are empty)."""
        found: dict[str, Any] = {}
        for row in self:
            for column, value in row.values.items():
                if found.get(column) in (None, ""):
                    found[column] = value
        return found

    def speaking(self, language: str) -> Table:
        """The rows whose column `lang` (or `language`) says `language`; all where none is asked for."""
        if not language:
            return self
        column = next((name for name in ("lang", "language") if name in self.columns()), "")
        if not column:
            raise UserError(f"data.lang = '{language}', but no row has a column 'lang'. Leave data.lang out.")
        kept = [row for row in self if row.values.get(column) == language]
        known = Counter(str(row.values.get(column)) for row in self)
        refuse_language(language, bool(kept), known)
        self.remarks.append(f"{len(kept)} of {len(self)} rows have {column} = {language}")
        self[:] = kept
        return self


def refuse_language(language: str, found: bool, known: Counter[str]) -> None:
    """Raise UserError where no row is in the language asked for."""
    if not found:
        usual = ", ".join(f"{name} ({count})" for name, count in known.most_common(8))
        raise UserError(f"data.lang = '{language}', but no row is in it. There are: {usual}.")


def refuse(faults: Sequence[Fault], rows: int, *, skipping: bool) -> None:
    """Raise UserError for faults that must not be passed over: any without `skipping`, with it only where nothing is
    left. `rows` are those that can be used."""
    if not faults or (skipping and rows):
        return
    first, total = faults[0].message, rows + len(faults)
    if skipping:
        raise UserError(f"None of the {total} rows can be used, so leaving bad rows out leaves nothing. {first}")
    many = f"{len(faults)} of {total} rows are no good" if len(faults) > 1 else f"1 of {total} rows is no good"
    raise UserError(f"{first} ({many}; --skip-bad, or data.skip_bad = true in a recipe, goes on without.)")


def summary(faults: Sequence[Fault], noun: str = "rows") -> list[str]:
    """How many faults there are of each kind, and where the first of them stand."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        kinds.setdefault(fault.kind, []).append(fault.place)
    ordered = sorted(kinds.items(), key=lambda item: -len(item[1]))
    lines = [
        f"{len(places)} {noun if len(places) > 1 else noun.removesuffix('s')}: {kind}; {_named(places)}"
        for kind, places in ordered[:SHOWN]
    ]
    rest = ordered[SHOWN:]
    return lines + ([f"{sum(len(places) for _, places in rest)} {noun} for {len(rest)} other reasons"] if rest else [])


def _named(places: Sequence[str]) -> str:
    """The first places; what they have in common is said once: "rows.csv, line 3, line 5"."""
    first, comma, _ = places[0].rpartition(", ")
    shown = [places[0], *(place.removeprefix(first + comma) for place in places[1:SHOWN])]
    return ", ".join(shown) + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
