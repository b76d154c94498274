"""CA, correctness agreement: does the feedback say of the program what is true of it?

The verdict is read out of the text by rules; a text without a readable verdict counts as wrong. The reader is tried on
texts whose verdict is known, and its accuracy stands beside the figure, with the line of always saying the same.
"""

from collections.abc import Sequence
from typing import Any

from topgraft.evaluate.classified import classified
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import shares
from topgraft.rewards.verdict import read_verdict

NAMES = {True: "correct", False: "incorrect", None: "none"}
"""A verdict -> its name."""


def accuracy(labelled: Sequence[tuple[bool, str]]) -> float:
    """Share of texts whose verdict is read as it is labelled."""
    return sum(read_verdict(text) is label for label, text in labelled) / len(labelled)


def verdicts(labelled: Sequence[tuple[bool | None, str]]) -> dict[str, Any]:
    """What the reader says of texts beside what is true of their programs, as `classified` counts it."""
    truth, said = [NAMES[label] for label, _ in labelled], [NAMES[read_verdict(text)] for _, text in labelled]
    return classified(truth, said, list(NAMES.values()))


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
    classifiers = {
        f"ca/{arm}": verdicts([(r.correct, r.response) for r in rows]) for arm, rows in evaluation.responses.items()
    }
    others = [text for voice, texts in evaluation.verdict_texts.items() if voice != "reference" for text in texts]
    known = {"reference answers": evaluation.verdict_texts.get("reference", []), "other voices": others}
    readers = {f"verdict reader/{name}": verdicts(texts) for name, texts in known.items() if texts}
    return shares(evaluation, per_row, instrument=instrument, classifiers=readers | classifiers)


CA = Metric("share of answers whose verdict on the program is right; no verdict is wrong", "higher", measure)
