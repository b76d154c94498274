"""Appropriateness of strictness: is an answer as strict as its sort of question asks for?

A judge reads the level of an answer: calibrated logistic regression on word and character n-grams (TF-IDF), fitted on
the texts that [evaluate.strictness] names and on nothing else, so that it shares neither words nor topics with what a
reward was made from. How often it is right on the reference answers of the test rows stands beside the figure.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from topgraft.data.levels import LEVELS, LevelText
from topgraft.evaluate.classified import classified
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult, Response, as_json
from topgraft.evaluate.statistics.intervals import share_interval
from topgraft.evaluate.statistics.measures import shares
from topgraft.recipe import Settings

FOLDS = 4


class StrictnessSettings(Settings):
    """[evaluate.strictness]: what metric `strictness` reads with. (The rule of that name has options of its own.)"""

    texts: str = ""
    """Texts of known level, from which the judge learns (rows of topic, level, text); a shipped name or a file. They
    should be none of the data that policies and rewards are trained on."""
    levels: dict[str, Annotated[int, Field(ge=1, le=3)]] = Field(default_factory=dict)
    """Category of a prompt (column `data.category`) -> wanted level: 1 helps, 2 challenges the thinking, 3 corrects."""


def fit(texts: Sequence[LevelText]) -> CalibratedClassifierCV:
    """The judge, calibrated over topics."""
    said, levels = [text.text for text in texts], [text.level for text in texts]
    folds = list(StratifiedGroupKFold(FOLDS).split(said, levels, [text.topic for text in texts]))
    return CalibratedClassifierCV(_model(), method="sigmoid", cv=folds, ensemble=False).fit(said, levels)


def _model() -> Pipeline:
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[?!]"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2),
    )
    return make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000))


def levels_of(judge: CalibratedClassifierCV, texts: Sequence[str]) -> list[int]:
    """The level of each text, as the judge reads it; 0 for one without words."""
    found = judge.predict(list(texts))
    return [int(level) if text.strip() else 0 for level, text in zip(found, texts, strict=True)]


def own_accuracy(texts: Sequence[LevelText]) -> float:
    """How often such a judge is right on texts of topics that it did not learn from."""
    said, levels = [text.text for text in texts], np.array([text.level for text in texts])
    topics = [text.topic for text in texts]
    return float(
        (cross_val_predict(_model(), said, levels, groups=topics, cv=StratifiedGroupKFold(FOLDS)) == levels).mean()
    )


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Share of answers whose level is the wanted one; None where a prompt has no category with a level, or no texts."""
    wanted, first = evaluation.levels, next(iter(evaluation.responses.values()))
    if not evaluation.level_texts or any(row.category not in wanted for row in first):
        return None
    judge = fit(evaluation.level_texts)
    read = {arm: levels_of(judge, [row.response for row in rows]) for arm, rows in evaluation.responses.items()}
    per_row = {
        arm: [float(level == wanted[row.category]) for level, row in zip(read[arm], rows, strict=True)]
        for arm, rows in evaluation.responses.items()
    }
    references = levels_of(judge, [row.reference for row in first])
    hits = [float(level == wanted[row.category]) for level, row in zip(references, first, strict=True)]
    instrument = {
        "held_out_accuracy": as_json(share_interval(hits, evaluation.groups)),
        "accuracy_on_own_texts": own_accuracy(evaluation.level_texts),
        "n": float(len(hits)),
    }
    classifiers = {"strictness/reference answers": _counted(wanted, first, references)}
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
