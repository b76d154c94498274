"""Appropriateness of strictness: is an answer as strict as its sort of question asks for?

A judge reads the level of an answer: a reader of levels (topgraft/data/level_reader.py), fitted on the texts that
[evaluate.strictness] names and on nothing else, so that it shares neither words nor topics with what a reward was made
from. How often it is right on the reference answers of the test rows stands beside the figure.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from topgraft.data.level_reader import fit, levels_of, own_accuracy
from topgraft.data.levels import LEVELS
from topgraft.evaluate.classified import classified
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult, Response, as_json
from topgraft.evaluate.statistics.intervals import share_interval
from topgraft.evaluate.statistics.measures import shares
from topgraft.recipe import Settings


class StrictnessSettings(Settings):
    """[evaluate.strictness]: what metric `strictness` reads with. (The rule of that name has options of its own.)"""

    texts: str = ""
    """Texts of known level, from which the judge learns (rows of topic, level, text); a shipped name or a file. They
    should be none of the data that policies and rewards are trained on."""
    levels: dict[str, Annotated[int, Field(ge=1, le=3)]] = Field(default_factory=dict)
    """Category of a prompt (column `data.category`) -> wanted level: 1 helps, 2 challenges the thinking, 3 corrects."""


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Share of answers whose level is the wanted one; None where a prompt has no category with a level, or no texts."""
    wanted, first = evaluation.levels, next(iter(evaluation.responses.values()))
    if not evaluation.level_texts or any(row.category not in wanted for row in first):
        return None
    judge = fit(tuple(evaluation.level_texts))
    read = {arm: levels_of(judge, [row.response for row in rows]) for arm, rows in evaluation.responses.items()}
    per_row = {
        arm: [float(level == wanted[row.category]) for level, row in zip(read[arm], rows, strict=True)]
        for arm, rows in evaluation.responses.items()
    }
    asked = [row for row in first if row.sample == 0]
    references = levels_of(judge, [row.reference for row in asked])
    hits = [float(level == wanted[row.category]) for level, row in zip(references, asked, strict=True)]
    instrument = {
        "held_out_accuracy": as_json(share_interval(hits, [row.group for row in asked])),
        "accuracy_on_own_texts": own_accuracy(evaluation.level_texts),
        "n": float(len(hits)),
    }
    classifiers = {"strictness/reference answers": _counted(wanted, asked, references)}
    classifiers |= {
        f"strictness/{arm}": _counted(wanted, evaluation.responses[arm], found) for arm, found in read.items()
    }
    return shares(evaluation, per_row, instrument=instrument, classifiers=classifiers)


def _counted(wanted: Mapping[str, int], rows: Sequence[Response], read: Sequence[int]) -> dict[str, Any]:
    """Wanted levels against those that were read."""
    names = [f"level {level}" for level in (*LEVELS, 0)]
    return classified([f"level {wanted[row.category]}" for row in rows], [f"level {level}" for level in read], names)


STRICTNESS = Metric(
    "share of answers as strict as their sort of question asks for, read by a judge that was fitted on other texts",
    "higher",
    measure,
)
