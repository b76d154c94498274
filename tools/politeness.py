"""Fit the politeness scorer anew on the Stanford Politeness Corpus, and measure it beside a plain baseline.

    python -m tools.politeness FOLDER

FOLDER holds wikipedia.jsonl.gz and stack-exchange.jsonl.gz: a line a request, with "request" and the annotators' mean
"normalized". Writes weights.json and README.md in topgraft/shipped/politeness, with no text of the corpus but n-grams that
stand in MIN_REQUESTS requests or more. Takes about a minute.
"""

import argparse
import gzip
import html
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import sparse, stats
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import normalize

from topgraft.evaluate.politeness.scorer import WEIGHTS, Politeness
from topgraft.evaluate.politeness.strategies import STRATEGIES, ngrams, sentences, strategies
from topgraft.evaluate.statistics.intervals import RESAMPLES

COMMUNITIES = ("wikipedia", "stack-exchange")
MIN_REQUESTS = 8
"""An n-gram is taken that stands in so many requests of the rows fitted on."""
PENALTY, BASELINE_PENALTY = 2.0, 4.0
"""Of both ridge regressions: the best of 1, 2, 3, 4, 6, 8, 10 on the folds that the tables show."""
FOLDS = 5
README = """# Politeness

Weights of a linear politeness score: {strategies} published politeness strategies and {ngrams:,} n-grams of one to three words
(`topgraft/evaluate/politeness`), fitted by `python -m tools.politeness FOLDER`.

- Fitted on the Stanford Politeness Corpus: requests on Wikipedia and Stack Exchange, each rated by five people (Danescu-Niculescu-Mizil,
  Sudhof, Jurafsky, Leskovec and Potts 2013, "A computational approach to politeness with application to social factors", ACL). The corpus
  states no licence; its texts are their authors' under CC BY-SA 3.0 and are not here: nothing but weights, and n-grams that stand in
  {least} requests or more.
- The requests are two sentences to a stranger, the second a question, and in English. How well the score agrees with people on other texts,
  such as feedback on a program, is not measured.

Spearman correlation with the human scores of requests that the fit has not seen, with a 95 % interval over requests. "All" and the
communities' rows: {folds} folds, equal texts in one fold. Across: fitted on one community, tried on the other. Beside it stands a ridge regression on
TF-IDF of words and word pairs (seen at least twice, logarithmic counts); both have the best penalty of seven on these folds.

| requests | n | this score | TF-IDF ridge | difference |
|---|---|---|---|---|
{table}
"""

Matrix = sparse.csr_matrix
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows to fit on, rows to predict) -> predictions."""


@dataclass(frozen=True)
class Corpus:
    """Requests with their human scores; equal texts share a `group`."""

    texts: list[str]
    scores: np.ndarray
    community: np.ndarray
    groups: np.ndarray


def read(folder: Path) -> Corpus:
    """The corpus, HTML's escapes undone."""
    texts, scores, community = [], [], []
    for name in COMMUNITIES:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                texts.append(html.unescape(re.sub(r"&#(\d+)(?!\d|;)", r"&#\1;", row["request"])))
                scores.append(row["normalized"])
                community.append(name)
    groups = np.unique([" ".join(text.lower().split()) for text in texts], return_inverse=True)[1]
    return Corpus(texts, np.array(scores), np.array(community), groups)


class Features:
    """What the score reads of every request: means over its sentences."""

    def __init__(self, texts: list[str]) -> None:
        parts = [sentences(text) for text in texts]
        owner = np.repeat(np.arange(len(texts)), [len(found) for found in parts])
        flat = [sentence for found in parts for sentence in found]
        share = 1 / np.array([max(1, len(found)) for found in parts])[owner]
        self.mean = sparse.csr_matrix((share, (owner, np.arange(len(flat)))), shape=(len(texts), len(flat)))
        vectorizer = CountVectorizer(analyzer=ngrams, dtype=np.float64)
        self.grams = vectorizer.fit_transform(flat)
        self.names = vectorizer.get_feature_names_out()
        self.requests = ((self.mean @ self.grams) > 0).astype(float).tocsr()
        used = [strategies(sentence) for sentence in flat]
        self.strategies = self.mean @ np.array([[float(name in found) for name in STRATEGIES] for found in used])

    def of(self, fitted_on: np.ndarray) -> tuple[np.ndarray, Matrix]:
        """The n-grams that are frequent in some rows, and the features of all rows: n-grams, then strategies."""
        kept = np.flatnonzero(np.asarray(self.requests[fitted_on].sum(0)).ravel() >= MIN_REQUESTS)
        grams = self.mean @ normalize(self.grams[:, kept])
        return self.names[kept], sparse.hstack([grams, self.strategies]).tocsr()


def scorer(corpus: Corpus, features: Features, penalty: float = PENALTY) -> Predict:
    """Our score."""

    def predict(fit: np.ndarray, other: np.ndarray) -> np.ndarray:
        _, found = features.of(fit)
        return Ridge(alpha=penalty).fit(found[fit], corpus.scores[fit]).predict(found[other])

    return predict


def baseline(corpus: Corpus, penalty: float = BASELINE_PENALTY) -> Predict:
    """A ridge regression on TF-IDF of words and word pairs."""
    texts = np.array(corpus.texts, dtype=object)

    def predict(fit: np.ndarray, other: np.ndarray) -> np.ndarray:
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        model = Ridge(alpha=penalty).fit(words.fit_transform(texts[fit]), corpus.scores[fit])
        return model.predict(words.transform(texts[other]))

    return predict


def held_out(corpus: Corpus, predict: Predict) -> np.ndarray:
    """Every request's score by weights that were fitted without its fold."""
    found = np.zeros(len(corpus.texts))
    for fit, other in GroupKFold(FOLDS, shuffle=True, random_state=0).split(found, groups=corpus.groups):
        found[other] = predict(fit, other)
    return found


def agreement(human: np.ndarray, *scores: np.ndarray) -> list[tuple[float, float, float]]:
    """Spearman correlation of each column of scores with the human one, with a 95 % bootstrap interval over requests;
    of two columns, that of their difference follows."""

    def measured(rows: np.ndarray) -> list[float]:
        found = [float(stats.spearmanr(human[rows], column[rows])[0]) for column in scores]
        return [*found, found[0] - found[1]] if len(found) == 2 else found

    generator = np.random.default_rng(0)
    draws = [measured(generator.integers(0, len(human), len(human))) for _ in range(RESAMPLES)]
    ends = np.percentile(draws, [2.5, 97.5], axis=0).T.tolist()
    return [(value, low, high) for value, (low, high) in zip(measured(np.arange(len(human))), ends, strict=True)]


def fitted(corpus: Corpus, features: Features, unseen: np.ndarray) -> Politeness:
    """The scorer fitted on everything, with the quantiles and the correlation of the `unseen` scores."""
    names, found = features.of(np.arange(len(corpus.texts)))
    model = Ridge(alpha=PENALTY).fit(found, corpus.scores)
    weights = [round(value, 4) for value in model.coef_.tolist()]
    value, low, high = agreement(corpus.scores, unseen)[0]
    held = {"spearman": value, "low": low, "high": high, "n": float(len(corpus.texts))}
    return Politeness(
        intercept=round(float(model.intercept_), 4),
        strategies=dict(zip(STRATEGIES, weights[len(names) :], strict=True)),
        ngrams=dict(zip(names.tolist(), weights[: len(names)], strict=True)),
        quantiles=tuple(np.quantile(unseen, np.linspace(0, 1, 201)).round(4).tolist()),
        held_out={name: round(value, 4) for name, value in held.items()},
    )


def table(corpus: Corpus, features: Features, ours: np.ndarray) -> str:
    """Ours and the baseline, on all requests, on each community, and across them."""
    theirs, lines = held_out(corpus, baseline(corpus)), []
    everything = np.arange(len(corpus.texts))
    parts = {name: np.flatnonzero(corpus.community == name) for name in COMMUNITIES}
    rows = {name: (rows, ours[rows], theirs[rows]) for name, rows in {"all": everything, **parts}.items()}
    for one, other in (COMMUNITIES, COMMUNITIES[::-1]):
        both = [predict(parts[one], parts[other]) for predict in (scorer(corpus, features), baseline(corpus))]
        rows[f"{one} to {other}"] = (parts[other], both[0], both[1])
    for name, (chosen, *both) in rows.items():
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in agreement(corpus.scores[chosen], *both)]
        lines.append(f"| {name} | {len(chosen):,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the two files of the corpus lie")
    corpus = read(parser.parse_args().folder)
    features = Features(corpus.texts)
    unseen = held_out(corpus, scorer(corpus, features))
    made, rows = fitted(corpus, features, unseen), table(corpus, features, unseen)
    WEIGHTS.write_text(json.dumps(asdict(made), indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    about = README.format(
        strategies=len(STRATEGIES), ngrams=len(made.ngrams), least=MIN_REQUESTS, folds=FOLDS, table=rows
    )
    (WEIGHTS.parent / "README.md").write_text(about, encoding="utf-8")
    print(f"{rows}\n\n{len(made.ngrams):,} n-grams, {WEIGHTS.stat().st_size / 1000:.0f} kB: {WEIGHTS}")


if __name__ == "__main__":
    main()
