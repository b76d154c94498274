"""What comparisons rest on, and what they do not show: tests, effect sizes, and how many problems are needed."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from topgraft.report.document import Block, Fold, Section, Table, Text
from topgraft.report.words.comparisons import Comparison, asked
from topgraft.report.words.numbers import MISSING, number, plain, show
from topgraft.report.words.results import label, listed, lone_cell
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder

SOURCE = "evaluation/results.json: comparisons"
MOST = 10_000
"""More problems than this nobody will write: their number is not worth a figure."""
RULE = (
    "Two arms are separated where both agree: the 95 % interval of their difference, over problems, does not hold 0, "
    "and a signed-rank test over problems has p < 0.05 after Holm's correction for the comparisons of the same metric "
    "that answer the same question. Metrics are not corrected for one another."
)
NEEDED = (
    "What is not told apart with these problems is not shown to be equal either. Needs about: the number of problems "
    "at which a paired comparison would have 80 % power at 5 % if the true difference and its spread were those "
    "measured here. It plans a further measurement, and is as uncertain as the difference itself."
)
TESTS = (
    "First arm less second. p: two-sided signed-rank test over problem means (exact up to 50 problems), before and "
    "after the correction for so many comparisons (family). Rank correlation: (gains - losses) / all, by ranks. d_z: "
    "mean over standard deviation of the problems' differences."
)


def separation_section(run: RunFolder) -> Section | None:
    """The section of a finished evaluation whose comparisons were tested."""
    results = tidy(run.results())
    tested = [entry for entry in listed(results, "comparisons") if number(entry.get("p")) is not None]
    if not tested:
        return None
    blocks: list[Block] = [Text(text=RULE)]
    unclear = [row for row in asked(results) if row.reading == "not separated"]
    if unclear:
        blocks += [Text(text=NEEDED), not_shown_table(unclear)]
    else:
        blocks.append(Text(text="Every two arms that are compared are separated in every metric."))
    blocks.append(Fold(title="All comparisons with their tests and effect sizes", blocks=[tests_table(tested)]))
    return Section(anchor="separation", title="What is and is not shown", blocks=blocks)


def not_shown_table(rows: Sequence[Comparison]) -> Table:
    """The comparisons that do not separate their arms."""
    return Table(
        name="Not separated",
        header=["Metric", "Arm", "Against", "Difference [95 %]", "Problems", "Needs about"],
        rows=[[row.label, row.arm, row.against, row.cell.text, plain(row.problems), about(row.needed)] for row in rows],
        caption="Differences that these answers do not show, and how many problems might.",
        source=SOURCE,
        numeric=frozenset({3, 4, 5}),
    )


def tests_table(entries: Iterable[dict[str, Any]]) -> Table:
    """Every tested comparison with its p-values and effect sizes."""
    rows = []
    for entry in entries:
        names = [label(str(entry.get("name"))), str(entry.get("arm")), str(entry.get("against"))]
        tests = [probability(entry.get("p")), probability(entry.get("p_adjusted")), plain(entry.get("family"))]
        sizes = [show(number(entry.get(key)), 2) for key in ("rank_biserial", "d_z")]
        rows.append([*names, lone_cell(entry).text, *tests, *sizes, "yes" if entry.get("separated") else "no"])
    tests_header = ["p", "p adjusted", "Family", "Rank correlation", "d_z", "Separated"]
    return Table(
        name="Comparisons with tests",
        header=["Metric", "Arm", "Against", "Difference [95 %]", *tests_header],
        rows=rows,
        caption=TESTS,
        source=SOURCE,
        numeric=frozenset(range(3, 9)),
    )


def by_pair(results: dict[str, Any]) -> list[str]:
    """One line for every two arms: what is better and worse with its difference, and what is not separated.

    Example: "ppo against sft: better Reward 0.30 [0.20, 0.40]; not separated SAC (10 problems, needs about 60)".
    Metrics without a direction are left out.
    """
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for row in asked(results):
        if row.directed:
            pairs.setdefault((row.arm, row.against), []).append(row)
    return [f"{arm} against {against}: {'; '.join(_readings(rows))}" for (arm, against), rows in pairs.items()]


def _readings(rows: Sequence[Comparison]) -> list[str]:
    found = []
    for reading in ("better", "worse"):
        shown = [f"{row.label} {row.cell.text}" for row in rows if row.reading == reading]
        found += [f"{reading} {', '.join(shown)}"] if shown else []
    unclear = [f"{row.label}{_lacking(row)}" for row in rows if row.reading == "not separated"]
    found += [f"not separated {', '.join(unclear)}"] if unclear else []
    bare = [row.label for row in rows if row.reading == "no interval"]
    return [*found, f"no interval {', '.join(bare)}"] if bare else found


def _lacking(row: Comparison) -> str:
    """What would show the difference, in brackets: " (10 problems, needs about 60)"."""
    if row.problems is None:
        return ""
    return f" ({row.problems} problems, needs {needs(row.needed)})" if row.needed else f" ({row.problems} problems)"


def needs(needed: int | None) -> str:
    """A number of problems in words: "about 60", "more than 10,000", or a dash."""
    found = about(needed)
    return found if needed is None or needed > MOST else f"about {found}"


def about(needed: int | None) -> str:
    """A number of problems, rounded up to two digits: 57 as "57", 134 as "140", 20,000 as "more than 10,000"."""
    if needed is None:
        return MISSING
    if needed > MOST:
        return f"more than {MOST:,}"
    unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return plain(math.ceil(needed / unit) * unit)


def probability(p: Any) -> str:
    """A p-value: three decimals, and "< 0.001" below that."""
    found = number(p)
    return "< 0.001" if found is not None and found < 0.001 else show(found, 3)
