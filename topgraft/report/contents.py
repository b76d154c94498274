"""What the report of a run says: the run folder as a document, whatever format it is then written in."""

from topgraft.report.document import Document, Link, Text
from topgraft.report.figures.curves import draw_panel, panels
from topgraft.report.parts.cost import cost_section
from topgraft.report.parts.pipeline import pipeline_section
from topgraft.report.parts.reproduce import reproduce_section
from topgraft.report.parts.results import results_section
from topgraft.report.parts.samples import samples_section
from topgraft.report.parts.summary import summary_section
from topgraft.report.parts.training import training_section
from topgraft.report.reading import Reading
from topgraft.report.sections import further_sections
from topgraft.report.words import story
from topgraft.report.words.story import Stage
from topgraft.report.words.text import slug
from topgraft.runs import RunFolder


def contents(run: RunFolder, reading: Reading) -> Document:
    """The whole report; a part that the run does not have yet says so."""
    _draw_stages(reading.stages)
    results, beside = results_section(reading)
    version = reading.provenance.get("topgraft")
    return Document(
        kicker=f"topgraft{f' {version}' if version else ''} report",
        title=reading.recipe or "Unnamed run",
        lead=story.opening(reading.recipe, reading.provenance, reading.stages),
        about=str(reading.provenance.get("about") or ""),
        facts=story.key_facts(reading.provenance, reading.stages),
        notices=_notices(reading),
        sections=[
            summary_section(reading),
            results,
            pipeline_section(reading),
            training_section(reading),
            samples_section(reading),
            *further_sections(run),
            cost_section(reading),
            reproduce_section(reading),
        ],
        drawings=beside,
    )


def _notices(reading: Reading) -> list[Text]:
    """What a reader must know before the first number."""
    notices = []
    if not reading.complete:
        stages = [f"{stage.title}: {stage.state}" for stage in reading.stages if stage.state != "finished"]
        said = f" {'; '.join(stages)}." if stages else ""
        text = f"{said} What is missing below has not been measured yet."
        notices.append(Text(lead="This run is not finished.", text=text, notice=True))
    warned = [stage for stage in reading.stages if stage.warnings]
    if warned:
        count = sum(len(stage.warnings) for stage in warned)
        where = "; ".join(f"{stage.title} ({', '.join(one.sign for one in stage.warnings)})" for stage in warned)
        notices.append(
            Text(
                lead=f"{count} {'sign' if count == 1 else 'signs'} of reward hacking",
                text=f" showed while training: {where}. Read the responses there before you trust the reward.",
                notice=True,
                see=[Link(title=stage.title, anchor=stage.anchor) for stage in warned],
            )
        )
    return notices


def _draw_stages(stages: list[Stage]) -> None:
    """Draw each stage's curves into it."""
    taken = set[str]()
    for stage in stages:
        if not stage.metrics:
            continue
        stem = slug(stage.name, taken)
        best = stage.summary.get("best_step")
        drawn = [draw_panel(stage.title, stem, panel, stage.metrics, best) for panel in panels(stage.metrics)]
        stage.drawings = [drawing for drawing in drawn if drawing]
