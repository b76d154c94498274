"""Samples: the arms' answers side by side, in file order."""

from topgraft.report.document import Answers, Block, Fold, Section, Text
from topgraft.report.reading import Reading
from topgraft.report.words.samples import FIRST, MOST, side_by_side

FILE = "evaluation/responses.jsonl"


def samples_section(reading: Reading) -> Section:
    """The first rows, the others in a fold."""
    rows = side_by_side(reading.responses)
    if not rows:
        return Section(anchor="samples", title="Samples", blocks=[Text(text="No evaluated responses yet.", muted=True)])
    first, rest, left = rows[:FIRST], rows[FIRST:MOST], len(rows) - MOST
    opening = f"The first {len(first)} of {len(rows)} test rows of {FILE}, in file order: none was chosen."
    blocks: list[Block] = [Text(text=opening), *first]
    if rest:
        blocks.append(Fold(title=f"Show all: {len(rest)} more rows", blocks=rest))
    if left > 0:
        blocks.append(Text(text=f"{left} more rows are in {FILE}; the page stays light without them.", muted=True))
    return Section(anchor="samples", title="Samples", blocks=blocks)


def feedback(reading: Reading, most: int) -> list[Answers]:
    """The first rows that every arm answered, for a figure of a paper."""
    rows = side_by_side(reading.responses)
    arms = max((len(row.answers) for row in rows), default=0)
    return [row for row in rows if len(row.answers) == arms][:most]
