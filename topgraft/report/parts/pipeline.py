"""Pipeline: the arms, and the diagram of what grew from what."""

from topgraft.report.document import Block, Figures, Section, Table, Text
from topgraft.report.figures.pipeline import draw_pipeline
from topgraft.report.reading import Reading
from topgraft.report.words.lineage import arms_table

ARMS = (
    "What each arm went through. Trainable: parameters of the last stage. Time of its way: of all stages that the arm "
    "went through, some of which other arms share; pairs and reward models come on top."
)


def pipeline_section(reading: Reading) -> Section:
    """Arms and diagram, as far as the run has recorded them."""
    blocks: list[Block] = []
    arms = arms_table(reading.provenance, reading.summaries)
    if arms:
        blocks.append(
            Table(
                name="Arms",
                header=arms[0],
                rows=arms[1:],
                caption=ARMS,
                source="provenance.json: arms; stages/*/stage.json",
                numeric=frozenset({3, 4, 5}),
            )
        )
    drawn = draw_pipeline(reading.provenance, reading.summaries)
    if drawn:
        blocks.append(Figures(drawings=drawn, source="provenance.json: model; stages/*/stage.json"))
    else:
        blocks.append(Text(text="The run has not recorded its layers and stages yet.", muted=True))
    return Section(anchor="pipeline", title="Pipeline", blocks=blocks)
