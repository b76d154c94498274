"""Rows -> train, test and validation parts, by group: the rows of one group never straddle two parts."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from topgraft.errors import UserError
from topgraft.records import Demonstration

PARTS = ("train", "test", "validation")


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The three parts, each in the order of the source."""

    train: list[Demonstration]
    test: list[Demonstration]
    validation: list[Demonstration]

    def parts(self) -> dict[str, list[Demonstration]]:
        """Name -> rows."""
        return {name: getattr(self, name) for name in PARTS}


def split(rows: Sequence[Demonstration], fractions: Sequence[float], seed: int) -> Splits:
    """Share whole groups out: 50 groups at (0.7, 0.2, 0.1) give exactly 35, 10 and 5.

    The groups are sorted by name and shuffled by `random.Random(seed)`, so that neither the platform nor the
    order of the rows matters. Raises UserError where the fractions do not add up to 1 or a part stays empty. Rows that
    say which part they are of keep it.
    """
    if rows and all(row.part for row in rows):
        return _own(rows)
    shares = _shares(fractions)
    groups = sorted({row.group for row in rows})
    counts = _counts(len(groups), shares)
    for name, count in zip(PARTS, counts, strict=True):
        if count == 0:
            raise UserError(
                f"data.split = {list(fractions)} leaves the {name} part empty: these shares need "
                f"{_needed(shares)} groups, and there are {len(groups)} (rows of one group stay together). "
                f"Add rows, raise data.max_rows, or give the parts other shares: --set data.split=[...]."
            )
    random.Random(seed).shuffle(groups)
    part_of: dict[str, str] = {}
    for name, count in zip(PARTS, counts, strict=True):
        part_of |= dict.fromkeys(groups[len(part_of) : len(part_of) + count], name)
    return Splits(**{name: [row for row in rows if part_of[row.group] == name] for name in PARTS})


def _own(rows: Sequence[Demonstration]) -> Splits:
    """The parts that the rows name themselves."""
    parts = {name: [row for row in rows if row.part == name] for name in PARTS}
    for name, part in parts.items():
        if not part:
            raise UserError(
                f"The data bring parts of their own, and the {name} part has no rows: every part needs one at least. "
                f"Raise data.max_rows, or name one file as data.source to have it split anew."
            )
    return Splits(**parts)


def _shares(fractions: Sequence[float]) -> list[Fraction]:
    # Through the decimal text, so that 0.7 is seven tenths and not the nearest binary number.
    usable = len(fractions) == len(PARTS) and all(0 < value < 1 for value in fractions)
    shares = [Fraction(repr(float(value))) for value in fractions] if usable else []
    total = sum(shares, Fraction(0))
    if abs(total - 1) > Fraction(1, 1000):
        raise UserError(
            f"data.split = {list(fractions)} must be three shares above 0 that add up to 1, for train, test "
            f"and validation, e.g. [0.7, 0.2, 0.1]."
        )
    return [share / total for share in shares]


def _counts(groups: int, shares: list[Fraction]) -> list[int]:
    """Whole numbers that add up to `groups`, by largest remainder; of equals the smaller part gains."""
    exact = [share * groups for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda part: (counts[part] - exact[part], counts[part]))
    for part in by_remainder[: groups - sum(counts)]:
        counts[part] += 1
    return counts


def _needed(shares: list[Fraction]) -> int:
    """The smallest number of groups from which on no part is empty."""
    needed = int(1 / min(shares)) + 1
    while needed > len(shares) and min(_counts(needed - 1, shares)) > 0:
        needed -= 1
    return needed
