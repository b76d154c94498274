"""Cost: time, tokens and memory of every stage."""

from topgraft.report.document import Block, Section, Table, Text
from topgraft.report.reading import Reading
from topgraft.report.words.story import cost_table

COST = (
    "Time, tokens and memory of every stage. Trunk passes per token: how often a token went through the frozen layers, "
    "1.00 at best; n/a where no frozen layers lie below. The total shows the highest peak."
)


def cost_section(reading: Reading) -> Section:
    """The table of the stages that have ended."""
    rows = cost_table(reading.stages)
    blocks: list[Block] = [Text(text="No stage has finished yet.", muted=True)]
    if rows:
        header, *stages, total = rows
        blocks = [
            Table(
                name="Cost by stage",
                header=header,
                rows=stages,
                caption=COST,
                source="stages/*/stage.json",
                numeric=frozenset(range(1, len(header))),
                foot=[total],
            )
        ]
    return Section(anchor="cost", title="Cost", blocks=blocks)
