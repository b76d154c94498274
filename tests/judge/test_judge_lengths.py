import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from topgraft.evaluate.judge.lengths import CERTAIN, PRIOR, controlled, fit, length_terms


def test_terms_are_tanh_of_standardised_differences():
    # differences 2, -2, 6, -6: mean 0, standard deviation sqrt(20)
    terms = length_terms([12, 10, 16, 4], [10, 12, 10, 10])
    expected = [math.tanh(value / math.sqrt(20)) for value in (2, -2, 6, -6)]
    np.testing.assert_allclose(terms, expected, rtol=1e-12)


@pytest.mark.parametrize("difference", [0, 5])
def test_lengths_that_always_differ_alike_leave_the_raw_win_rate(difference):
    terms = length_terms([10 + difference] * 4, [10] * 4)
    theta, phi = fit(np.array([1.0, 1.0, 0.5, 0.0]), terms)
    assert expit(theta) == pytest.approx(0.625)
    assert phi == pytest.approx(0, abs=1e-9)


def test_lengths_in_balance_leave_the_raw_win_rate_where_they_say_nothing():
    theta, phi = fit(np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0]), np.array([0.5, -0.5, 0.5, 0.5, -0.5, -0.5]))
    assert expit(theta) == pytest.approx(4 / 6)
    assert phi == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_that_of_scikit_learn(seed):
    draws = np.random.default_rng(seed)
    terms, scores = draws.uniform(-1, 1, 60), draws.choice([0.0, 0.5, 1.0], 60)
    # a tie is half a win and half a loss
    design, labels = np.concatenate([terms, terms])[:, None], np.repeat([1, 0], 60)
    weights = np.concatenate([scores, 1 - scores])
    reference = LogisticRegression(C=PRIOR**2, tol=1e-12, max_iter=10_000).fit(design, labels, weights)
    np.testing.assert_allclose(fit(scores, terms), [reference.intercept_[0], reference.coef_[0, 0]], atol=1e-5)


def test_an_arm_that_always_wins_wins_at_equal_lengths_too():
    theta, phi = fit(np.ones(12), np.linspace(-0.9, 0.9, 12))
    assert theta > math.log(99)
    assert abs(theta) <= CERTAIN
    assert math.isfinite(phi)


def test_a_judge_that_takes_the_longer_answer_is_even_at_equal_lengths():
    draws = np.random.default_rng(3)
    own, other = draws.integers(50, 150, 200), draws.integers(40, 120, 200)
    scores = np.where(own > other, 1.0, np.where(own < other, 0.0, 0.5))
    assert scores.mean() > 0.7
    measure = controlled(scores.tolist(), length_terms(own, other), [f"p{place // 4}" for place in range(200)])
    assert measure.low < 0.5 < measure.high
    assert abs(measure.value - 0.5) < 0.15
    assert measure.n == 200
