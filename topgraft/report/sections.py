"""Sections that a run has only if it was asked for them: one row each, in the order of the report."""

from collections.abc import Callable

from topgraft.report.document import Section
from topgraft.report.parts.categories import by_category
from topgraft.report.parts.classifiers import classifiers
from topgraft.report.parts.elsewhere import elsewhere_section
from topgraft.report.parts.judge import judge_section
from topgraft.report.parts.layers import layers_section
from topgraft.report.parts.paper import paper_section
from topgraft.report.parts.rating import rating_section
from topgraft.report.parts.reward_model import reward_model
from topgraft.report.parts.separation import separation_section
from topgraft.runs import RunFolder

SECTIONS: tuple[Callable[[RunFolder], Section | None], ...] = (
    separation_section,
    by_category,
    classifiers,
    reward_model,
    elsewhere_section,
    layers_section,
    judge_section,
    rating_section,
    paper_section,
)
"""Each reads its part of the run folder, and gives None where there is nothing of the kind."""


def further_sections(run: RunFolder) -> list[Section]:
    """What the run folder holds beside training and evaluation."""
    found = (section(run) for section in SECTIONS)
    return [section for section in found if section is not None]
