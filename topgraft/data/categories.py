"""The categoriser: of what sort is a question? It learns from rows that have a category.

Calibrated logistic regression on how a question is put: its words and pairs of words where two rows or more have
them, with every number and every name as such, its punctuation, and where it begins and ends. Words of one topic only
say little of a question's sort, and are left out by that count as far as may be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from topgraft.errors import UserError
from topgraft.records import Demonstration

PIECE = re.compile(r"\d[\d.,]*|\w+(?:['\u2019-]\w+)*|[?!.,:;]")
FOLDS = 5
FEWEST = 2 * FOLDS
"""Rows that a category must have."""


def shape(question: str) -> list[str]:
    """The pieces of a question.

    Example: "I wrote that Rome fell in 476." -> ["^", "i", "wrote", "that", "NAME", "fell", "in", "NUMBER", ".", "$"].
    """
    found, begins = ["^"], True
    for piece in PIECE.findall(question):
        if piece[0].isdigit():
            found.append("NUMBER")
        elif piece[0].isupper() and not begins and piece.lower() not in ("i", "i'm", "i've"):
            found.append("NAME")
        else:
            found.append(piece.lower())
        begins = piece in ".?!:"
    return [*found, "$"]


@dataclass(frozen=True)
class Categoriser:
    """Says of what category a question is."""

    model: CalibratedClassifierCV

    @property
    def categories(self) -> list[str]:
        """Those that it knows."""
        return [str(name) for name in self.model.classes_]

    def __call__(self, questions: Sequence[str]) -> list[tuple[str, float]]:
        """The likeliest category of each question, and its calibrated probability."""
        probabilities = self.model.predict_proba(list(questions))
        names = self.categories
        return [(names[best], float(row[best])) for row in probabilities for best in [int(np.argmax(row))]]


def fit(rows: Sequence[Demonstration]) -> Categoriser:
    """A categoriser from the rows that have a category, calibrated over groups.

    Raises UserError where there are too few.
    """
    rows = [row for row in rows if row.category]
    labels = [row.category for row in rows]
    counts = {name: labels.count(name) for name in dict.fromkeys(labels)}
    groups = {row.group for row in rows}
    if len(counts) < 2 or min(counts.values()) < FEWEST or len(groups) < FOLDS:
        shown = ", ".join(f"{name}: {count}" for name, count in counts.items()) or "none"
        raise UserError(
            f"A categoriser needs two categories, {FEWEST} rows of each and {FOLDS} groups; the training rows have "
            f"{shown}, in {len(groups)} groups. Add rows, or name their column with data.category."
        )
    words = TfidfVectorizer(analyzer=_grams, min_df=2, sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(C=30.0, max_iter=1000))
    questions = [row.prompt for row in rows]
    folds = list(StratifiedGroupKFold(FOLDS).split(questions, labels, [row.group for row in rows]))
    calibrated = CalibratedClassifierCV(model, method="sigmoid", cv=folds, ensemble=False)
    return Categoriser(calibrated.fit(questions, labels))


def _grams(question: str) -> list[str]:
    pieces = shape(question)
    return [*pieces, *(" ".join(pair) for pair in zip(pieces, pieces[1:], strict=False))]
