"""Sections that a run has only if it was asked for them: one row each, in the order of the report."""

from collections.abc import Callable

from topgraft.report.categories import by_category
from topgraft.report.classifiers import classifiers
from topgraft.report.document import Section
from topgraft.report.judge import judge_section
from topgraft.report.layers import layers_section
from topgraft.report.paper import paper_section
from topgraft.report.rating import rating_section
from topgraft.report.reward_model import reward_model
from topgraft.report.separation import separation_section
from topgraft.runs import RunFolder

SECTIONS: tuple[Callable[[RunFolder], Section | None], ...] = (
    separation_section,
    by_category,
    classifiers,
    reward_model,
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
