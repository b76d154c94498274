"""A judge's results in words and rows, for the page and the screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.report.words.numbers import MISSING, count, number, show
from topgraft.report.words.results import bounds, cell_of, listed, mapping

NAMES = 8
"""Rows that are named before the rest is only counted."""
PLACES = 2
EDGE = 0.1
"""Where fewer pairs than this share are longer, or shorter, equal lengths are hardly among them."""


@dataclass(frozen=True)
class Row:
    """One pair of arms before one judge, formatted. `fell` counts wins, ties and losses; `n` the pairs with a
    verdict."""

    arm: str
    against: str
    raw: str
    even: str
    reading: str
    fell: Sequence[int]
    agree: str
    longer: str
    n: str

    @property
    def fallen(self) -> str:
        """Wins, ties and losses on one line, e.g. "32, 0, 8"."""
        return ", ".join(map(str, self.fell))


def pair_rows(found: dict[str, Any]) -> list[Row]:
    """The pairs of arms of one judge's results."""
    measures = {
        (str(entry.get("name")).partition("/")[0], entry.get("arm"), entry.get("against")): entry
        for entry in listed(found, "comparisons")
    }
    rows = []
    for pair in listed(found, "pairs"):
        arm, against = str(pair.get("arm")), str(pair.get("against"))
        raw, even = (measures.get((name, arm, against), {}) for name in ("win_rate", "win_rate_lc"))
        fell = [int(number(pair.get(key)) or 0) for key in ("wins", "ties", "losses")]
        agree = show(number(mapping(pair.get("consistency")).get("value")), PLACES)
        longer, n = show(number(pair.get("longer")), PLACES), str(raw.get("n", 0))
        rows.append(Row(arm, against, cell_text(raw), cell_text(even), _reading(raw), fell, agree, longer, n))
    return rows


def reliability_words(found: dict[str, Any]) -> list[str]:
    """Sentences on how far the judge is to be believed."""
    words, known = [], mapping(found.get("reliability"))
    first = mapping(known.get("first_position"))
    if first:
        ends = bounds(first)
        leans = "no preference for a place is shown"
        if ends and not ends[0] <= 0.5 <= ends[1]:
            leans = "it leans to the answer shown first" if ends[0] > 0.5 else "it leans to the answer shown second"
        words.append(f"Of the readings that name an answer, {cell_text(first)} name the one shown first: {leans}.")
    consistency = mapping(known.get("consistency"))
    if consistency:
        words.append(f"Both orders agree on {cell_text(consistency)} of {consistency.get('n')} pairs.")
    for pair in listed(found, "pairs"):
        longer = number(pair.get("longer"))
        if longer is not None and not EDGE <= longer <= 1 - EDGE:
            words.append(
                f"{pair.get('arm')} is longer than {pair.get('against')} in {show(longer, PLACES)} of the pairs: its "
                "win rate at equal lengths is read off at the edge of what was seen."
            )
    return words


def missing_words(found: dict[str, Any]) -> list[str]:
    """Sentences on the pairs without a verdict, each named; none where there are none."""
    words = []
    for pair in listed(found, "pairs"):
        name = f"{pair.get('arm')} against {pair.get('against')}"
        unreadable = [str(row) for row in pair.get("unreadable") or []]
        if unreadable:
            words.append(
                f"{name}: {len(unreadable)} pairs have no readable verdict and do not count: {_some(unreadable)}."
            )
        unjudged = mapping(pair.get("unjudged"))
        reasons: dict[str, list[str]] = {}
        for row, reason in unjudged.items():
            reasons.setdefault(str(reason), []).append(row)
        for reason, rows in reasons.items():
            words.append(f"{name}: {len(rows)} pairs are not judged ({reason}): {_some(rows)}.")
    return words


def cost_words(found: dict[str, Any]) -> str:
    """What all calls behind the results came to."""
    cost = mapping(found.get("cost"))
    usd = number(cost.get("usd"))
    words = (
        f"{cost.get('calls', 0)} calls, {count(cost.get('tokens_in'))} tokens in, {count(cost.get('tokens_out'))} out"
    )
    return words + (f", USD {usd:.2f}" if usd is not None else "")


def cell_text(entry: dict[str, Any]) -> str:
    """A measure with its interval on one line, a dash where there is none."""
    return cell_of(entry, PLACES).text if entry else MISSING


def _reading(entry: dict[str, Any]) -> str:
    ends = bounds(entry)
    if ends is None:
        return "no interval"
    return "preferred" if ends[0] > 0.5 else "the other is preferred" if ends[1] < 0.5 else "not separated"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more
