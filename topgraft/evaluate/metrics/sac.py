"""SAC, style agreement by a classifier: the calibrated probability that a text is in the wanted voice.

Logistic regression on word and character n-grams (TF-IDF), Platt-calibrated by cross-validation over problems.
Fitted on training rows only: the reference answers against the base model's samples, neutral answers and answers in
other voices to the same prompts. The two classes weigh the same. Held-out accuracy and calibration error come from
the validation problems. The classifier is never a reward.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union

from topgraft.evaluate.classified import classified
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import shares

Texts = Sequence[tuple[str, str]]
VOICES = ("wanted voice", "other voice")


def fit(target: Texts, other: Texts) -> CalibratedClassifierCV:
    """Fit the classifier on (group, text) pairs; predict_proba(texts)[:, 1] is the probability of the wanted voice."""
    texts = [text for _, text in [*target, *other]]
    groups = [group for group, _ in [*target, *other]]
    labels = np.array([1] * len(target) + [0] * len(other))
    weights = np.where(labels == 1, 0.5 / len(target), 0.5 / len(other)) * len(labels)
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2),
    )
    model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced"))
    folds = list(GroupKFold(n_splits=min(5, len(set(groups)))).split(texts, labels, groups))
    calibrated = CalibratedClassifierCV(model, method="sigmoid", cv=folds, ensemble=False)
    with warnings.catch_warnings():
        # The weights are meant for the calibration alone (the regression balances by itself); sklearn warns of it.
        warnings.filterwarnings("ignore", message=".*sample weights will only be used for the calibration.*")
        return calibrated.fit(texts, labels, sample_weight=weights)


def probabilities(classifier: CalibratedClassifierCV, texts: Sequence[str]) -> np.ndarray:
    """The probability of the wanted voice for each text; an empty text has none of it."""
    found = classifier.predict_proba(list(texts))[:, 1]
    return np.where([bool(text.strip()) for text in texts], found, 0.0)


def calibration_error(probability: np.ndarray, label: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3) over equal-width bins; both classes weigh the same."""
    weight = np.where(label == 1, 0.5 / max(1, (label == 1).sum()), 0.5 / max(1, (label == 0).sum()))
    place = np.minimum((probability * bins).astype(int), bins - 1)
    error = 0.0
    for bin_ in range(bins):
        inside = place == bin_
        share = weight[inside].sum()
        if share > 0:
            gap = np.average(probability[inside], weights=weight[inside]) - np.average(
                label[inside], weights=weight[inside]
            )
            error += share * abs(gap)
    return float(error)


def measure(evaluation: Evaluation) -> MetricResult | None:
    """Mean probability of the wanted voice; None where there are no texts in other voices to tell it from."""
    groups_known = {group for group, _ in evaluation.target_texts}
    if len(evaluation.target_texts) < 10 or len(evaluation.other_texts) < 10 or len(groups_known) < 2:
        return None
    classifier = fit(evaluation.target_texts, evaluation.other_texts)
    per_row = {
        arm: probabilities(classifier, [row.response for row in rows]).tolist()
        for arm, rows in evaluation.responses.items()
    }
    held = [*evaluation.held_out_target, *evaluation.held_out_other]
    instrument: dict[str, float] = {}
    classifiers = {}
    if held:
        label = np.array([1] * len(evaluation.held_out_target) + [0] * len(evaluation.held_out_other))
        probability = probabilities(classifier, [text for _, text in held])
        hit = (probability >= 0.5) == (label == 1)
        instrument = {
            "held_out_accuracy": float((hit[label == 1].mean() + hit[label == 0].mean()) / 2),
            "calibration_error": calibration_error(probability, label),
            "n": float(len(held)),
        }
        classifiers["sac"] = classified(_named(label == 1), _named(probability >= 0.5), VOICES)
    return shares(evaluation, per_row, instrument=instrument, classifiers=classifiers)


def _named(wanted: np.ndarray) -> list[str]:
    return [VOICES[0] if is_wanted else VOICES[1] for is_wanted in wanted]


SAC = Metric(
    "mean probability, by a calibrated style classifier, that an answer is in the wanted voice",
    "higher",
    measure,
)
