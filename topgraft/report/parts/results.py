"""Results: every metric in every arm, what the data separate, how good the measuring instruments are."""

from typing import Any

from topgraft.report.document import Block, Figures, Heading, Section, Table, Term, Terms, Text
from topgraft.report.figures.bars import draw_bars
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.frontier import draw_frontier
from topgraft.report.reading import Reading
from topgraft.report.words import comparisons, tables
from topgraft.report.words.instruments import instruments
from topgraft.report.words.results import Cell
from topgraft.report.words.tables import Headline

FILE = "evaluation/results.json"
BEST = (
    "A star: shown to be best, that is separated from every other arm, by its paired comparison (interval and "
    "corrected test) or, where that metric has none, by intervals that do not meet."
)
NO_BEST = "No value is marked as best: none is separated from every other arm."
WINNERS = (
    "The arm with the best value of each metric, and the difference to the next. Separated from: how many of the other "
    "arms it is shown to beat, by paired comparison or, where the metric has none, by intervals that do not meet. The "
    "best of many arms is in part the luckiest: expect less of it on other problems."
)
COMPARED = (
    "Differences of the arm to the other on the same rows, with 95 % intervals. The word says what is shown of the "
    "arm, by the interval and a corrected test. Not separated: these rows do not show which of the two is better."
)
OF_MANY = "Of many arms each stands against Base and against the arm it starts from; the file holds all comparisons."


def results_section(reading: Reading) -> tuple[Section, list[Drawing]]:
    """The section, and the figure of all metrics in one, which stands in a file only."""
    results = reading.results
    headline, bars = tables.headline(results), draw_bars(results)
    blocks: list[Block] = []
    if headline.rows:
        blocks += [headline_table(headline), _legend(headline)]
        blocks += [Figures(drawings=[one for one in bars if "metric" in one.tags], source=f"{FILE}: arms")]
        blocks += _colours(headline)
    else:
        blocks.append(Text(text="No results yet: the evaluation has not finished.", muted=True))
    frontier = draw_frontier(results, reading.provenance)
    if frontier:
        blocks += [Heading(title="Reward against KL", anchor="frontier"), Figures(drawings=frontier, source=FILE)]
    blocks += [*_winners(results), *_compared(results), *_instruments(results)]
    section = Section(anchor="results", title="Results", blocks=blocks)
    return section, [one for one in bars if "metric" not in one.tags]


def headline_table(headline: Headline, file: str = FILE) -> Table:
    """Every metric in every arm; many arms stand down and the metrics across."""
    caption = f"Value and 95 % interval of every metric in every arm. {BEST if headline.marks_best else NO_BEST}"
    foot: list[list[str]] = []
    if headline.turned:
        header = ["Arm", *(row.title for row in headline.rows)]
        rows: list[list[str | Cell]] = [[arm, *cells] for arm, cells in headline.lines]
        foot = [["n", *(row.n for row in headline.rows)]]
    else:
        header = ["Metric", *headline.arms, "n"]
        rows = [[row.title, *row.cells, row.n] for row in headline.rows]
    return Table(
        name="Results",
        header=header,
        rows=rows,
        caption=caption,
        source=f"{file}: arms",
        numeric=frozenset(range(1, len(header))),
        foot=foot,
        prominent=True,
        stacked=headline.turned,
    )


def _legend(headline: Headline) -> Terms:
    terms = [Term(name=row.label, text=row.description) for row in headline.rows if row.description]
    arrows = Term(name="↑ ↓", text="The direction that is better. n: the problems or rows behind a value.")
    return Terms(terms=[*terms, arrows], source=f"{FILE}: descriptions")


def _colours(headline: Headline) -> list[Text]:
    """Say what line and colour in the bars mean where they do not mark the last arm of a chain."""
    said = [f"Dotted: {headline.arms[0]}."] if headline.turned else []
    if headline.marks_best and (headline.turned or not headline.chain):
        said.append("In colour: shown to be best.")
    return [Text(text=" ".join(said), muted=True)] if said else []


def _winners(results: dict[str, Any]) -> list[Block]:
    found = comparisons.winners(results)
    if not found:
        return []
    table = Table(
        name="The best of each metric",
        header=["Metric", "Best", "Next", "Difference and 95 % interval", "Separated from"],
        rows=[[row.label, row.best, row.second, row.difference, row.separated] for row in found],
        caption=WINNERS,
        source=f"{FILE}: arms, comparisons",
        numeric=frozenset({3, 4}),
    )
    return [Heading(title="The best of each metric", anchor="winners"), table]


def _compared(results: dict[str, Any]) -> list[Block]:
    matrix = comparisons.matrix(results)
    if not matrix.rows:
        return []
    rows = [
        [arm, against, *(_compared_cell(found) if found else "" for found in cells)]
        for arm, against, cells in matrix.rows
    ]
    table = Table(
        name="Paired comparisons",
        header=["Arm", "Against", *matrix.labels],
        rows=rows,
        caption=f"{COMPARED} {OF_MANY}" if comparisons.winners(results) else COMPARED,
        source=f"{FILE}: comparisons",
        numeric=frozenset(range(2, 2 + len(matrix.labels))),
        stacked=True,
    )
    notes = [Text(text=note, muted=True) for note in matrix.notes]
    return [Heading(title="Paired comparisons", anchor="comparisons"), table, *notes]


def _compared_cell(found: comparisons.Comparison) -> Cell:
    return Cell(found.cell.value, found.cell.interval, found.cell.n, reading=found.reading)


def _instruments(results: dict[str, Any]) -> list[Block]:
    terms = [Term(name=row.label, facts=row.facts, warning=row.warning) for row in instruments(results)]
    if not terms:
        return []
    return [
        Heading(title="Measuring instruments", anchor="instruments"),
        Text(text="Some metrics are read by a model. How well each of these reads rows it has not seen:"),
        Terms(terms=terms, source=f"{FILE}: instruments"),
    ]
