"""CA, correctness agreement: does the feedback say of the program what is true of it?

The verdict is read out of the text by rules; a text without a readable verdict counts as wrong. The reader is tried on
texts whose verdict is known, and its accuracy stands beside the figure, with the line of always saying the same.
"""

import re
from collections.abc import Sequence

from topgraft.evaluate.intervals import mean_interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult

NEGATIVE = re.compile(
    r"\b(?:incorrect|wrong|broken|(?<!never )fails?|crashes|nope|(?:almost|nearly|partly|partially)\s+correct"
    r"|(?:not|never|cannot|can't|far from|(?:is|are|was|does)n't)(?:\s+\w+){0,3}\s+(?:correct|right|work))\b",
    re.IGNORECASE,
)
POSITIVE = re.compile(
    r"\b(?<!to )(?:correct(?! the\b)|looks? (?:good|fine|right)|lgtm|works (?:fine|great|perfectly)|all good|nailed)\b",
    re.IGNORECASE,
)


def read_verdict(text: str) -> bool | None:
    """True: the text calls the program correct; False: incorrect; None: it says neither. The first word counts.

    Example: "Your solution is not yet correct, although ..." -> False.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    negative, positive = NEGATIVE.search(text), POSITIVE.search(text)
    if negative and (not positive or negative.start() <= positive.start()):
        return False
    return True if positive else None


def accuracy(labelled: Sequence[tuple[bool, str]]) -> float:
    """Share of texts whose verdict is read as it is labelled."""
    return sum(read_verdict(text) is label for label, text in labelled) / len(labelled)


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Share of responses whose verdict is right; None where the rows carry no labels."""
    first = next(iter(evaluation.responses.values()))
    labels = [row.correct for row in first]
    if any(label is None for label in labels):
        return None
    per_row = {
        arm: [float(read_verdict(row.response) is row.correct) for row in rows]
        for arm, rows in evaluation.responses.items()
    }
    groups = [row.group for row in first]
    readable = {
        f"readable_{arm}": sum(read_verdict(row.response) is not None for row in rows) / len(rows)
        for arm, rows in evaluation.responses.items()
    }
    instrument = {"majority": max(labels.count(True), labels.count(False)) / len(labels), **readable}
    for voice, texts in evaluation.verdict_texts.items():
        instrument[f"reader_accuracy_{voice}"] = accuracy(texts)
    if "reference" in evaluation.verdict_texts:
        instrument |= {
            "reader_accuracy": instrument.pop("reader_accuracy_reference"),
            "n": float(len(evaluation.verdict_texts["reference"])),
        }
    return MetricResult(
        measures={arm: mean_interval(values, groups, seed=evaluation.seed) for arm, values in per_row.items()},
        per_row=per_row,
        instrument=instrument,
    )


CA = Metric("share of answers whose verdict on the program is right; no verdict is wrong", "higher", measure)
