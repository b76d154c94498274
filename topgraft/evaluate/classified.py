"""What a classifier said of texts whose label is known: confusion matrix, precision and recall."""

import math
from collections.abc import Sequence
from typing import Any

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


def classified(truth: Sequence[str], said: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """The classifier's record: {"labels", "matrix", "report", "n"}, as it stands in results.json.

    `matrix[i][j]` counts texts of label i of which it said label j. `report` has precision, recall, F1 and n of every
    label that some text has; precision is None for a label that it never said.
    """
    matrix = confusion_matrix(truth, said, labels=list(labels))
    scores = precision_recall_fscore_support(truth, said, labels=list(labels), zero_division=math.nan)
    report = {}
    for label, *found, n in zip(labels, *scores, strict=True):
        if n:
            known = [None if math.isnan(value) else float(value) for value in found]
            report[label] = dict(zip(("precision", "recall", "f1"), known, strict=True)) | {"n": int(n)}
    return {"labels": list(labels), "matrix": matrix.tolist(), "report": report, "n": len(truth)}
