"""CA, correctness agreement: does the feedback say of the program what is true of it?

The verdict is read out of the text by rules; a text without a readable verdict counts as wrong. The reader is tried on
texts whose verdict is known, and its accuracy stands beside the figure, with the line of always saying the same.
"""

from collections.abc import Sequence

from topgraft.evaluate.intervals import share_interval
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.rewards.verdict import read_verdict


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
        measures={arm: share_interval(values, groups) for arm, values in per_row.items()},
        per_row=per_row,
        instrument=instrument,
    )


CA = Metric("share of answers whose verdict on the program is right; no verdict is wrong", "higher", measure)
