"""The categoriser: of what sort is a question? It learns from rows that have a category.

Calibrated logistic regression on how a question is put: its words and pairs of words, and parts of words, with every
number and every name as such, its punctuation, its length, and where it begins and ends. What only questions of one
group have is left out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline, make_union

from topgraft.errors import UserError
from topgraft.records import Demonstration

PIECE = re.compile(r"\d+(?:[.,]\d+)*|\w+(?:['\u2019-]\w+)*|[?!.,:;]")
FOLDS = 5
SPREAD = 2
"""Groups whose questions must have a word for it to count: what is about one thing alone says little of a category."""
FEWEST = 2 * FOLDS
"""Rows that a category must have."""

LENGTHS = (6, 9, 12, 15, 18, 21)
"""Numbers of pieces that a question may have more than."""


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
    labels, groups = [row.category for row in rows], [row.group for row in rows]
    counts = {name: labels.count(name) for name in dict.fromkeys(labels)}
    if len(counts) < 2 or min(counts.values()) < FEWEST or len(set(groups)) < FOLDS:
        shown = ", ".join(f"{name}: {count}" for name, count in counts.items()) or "none"
        raise UserError(
            f"A categoriser needs two categories, {FEWEST} rows of each and {FOLDS} groups; the training rows have "
            f"{shown}, in {len(set(groups))} groups. Add rows, or name their column with data.category."
        )
    questions = [row.prompt for row in rows]
    features = make_union(*(_vectorizer(pieces, questions, groups) for pieces in (_grams, _parts)))
    model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000))
    folds = list(StratifiedGroupKFold(FOLDS).split(questions, labels, groups))
    calibrated = CalibratedClassifierCV(model, method="sigmoid", cv=folds, ensemble=False)
    return Categoriser(calibrated.fit(questions, labels))


def _vectorizer(pieces: Callable[[str], list[str]], questions: Sequence[str], groups: Sequence[str]) -> TfidfVectorizer:
    """TF-IDF of the pieces that questions of several groups have."""
    found: dict[str, set[str]] = {}
    for question, group in zip(questions, groups, strict=True):
        for piece in pieces(question):
            found.setdefault(piece, set()).add(group)
    known = sorted(piece for piece, where in found.items() if len(where) >= SPREAD)
    return TfidfVectorizer(analyzer=pieces, vocabulary=known, lowercase=False, sublinear_tf=True)


def _grams(question: str) -> list[str]:
    pieces = shape(question)
    length = [f"OVER {words} WORDS" for words in LENGTHS if len(pieces) - 2 > words]
    return [*pieces, *(" ".join(pair) for pair in pairwise(pieces)), *length]


def _parts(question: str) -> list[str]:
    """Two to four neighbouring characters of a piece, its borders counted as one."""
    pieces = [f" {piece} " for piece in shape(question)]
    return [piece[at : at + n] for piece in pieces for n in (2, 3, 4) for at in range(len(piece) - n + 1)]
