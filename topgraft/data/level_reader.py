"""A reader of strictness: of what level is an answer? It learns from texts of known level.

Calibrated logistic regression on word and character n-grams (TF-IDF).
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from topgraft.data.levels import LEVELS, LevelText
from topgraft.errors import UserError

FOLDS = 4


@cache
def fit(texts: tuple[LevelText, ...]) -> CalibratedClassifierCV:
    """A reader, calibrated over topics; made once for the same texts. Raises UserError where there are too few."""
    said, levels, topics = _columns(texts)
    for level in LEVELS:
        found = {text.topic for text in texts if text.level == level}
        if len(found) < FOLDS:
            raise UserError(
                f"The texts have level {level} on {len(found)} topics; a reader of levels needs each of "
                f"{', '.join(map(str, LEVELS))} on {FOLDS} topics at least. Add rows of that level."
            )
    folds = list(StratifiedGroupKFold(FOLDS).split(said, levels, topics))
    return CalibratedClassifierCV(_model(), method="sigmoid", cv=folds, ensemble=False).fit(said, levels)


def levels_of(reader: CalibratedClassifierCV, texts: Sequence[str]) -> list[int]:
    """The likeliest level of each text; 0 for one without words."""
    found = reader.predict(list(texts))
    return [int(level) if text.strip() else 0 for level, text in zip(found, texts, strict=True)]


def probabilities(reader: CalibratedClassifierCV, texts: Sequence[str]) -> list[dict[int, float]]:
    """Of each text, level -> how probable it is; 0 for every level where the text has no words."""
    names = [int(level) for level in reader.classes_]
    found = reader.predict_proba(list(texts))
    return [
        dict(zip(names, map(float, row if text.strip() else np.zeros_like(row)), strict=True))
        for row, text in zip(found, texts, strict=True)
    ]


def own_accuracy(texts: Sequence[LevelText]) -> float:
    """How often such a reader is right on texts of topics that it did not learn from."""
    said, levels, topics = _columns(texts)
    read = cross_val_predict(_model(), said, levels, groups=topics, cv=StratifiedGroupKFold(FOLDS))
    return float((read == np.array(levels)).mean())


def _columns(texts: Sequence[LevelText]) -> tuple[list[str], list[int], list[str]]:
    return [text.text for text in texts], [text.level for text in texts], [text.topic for text in texts]


def _model() -> Pipeline:
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[?!]"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2),
    )
    return make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000))
