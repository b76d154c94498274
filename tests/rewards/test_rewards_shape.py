"""Rules on the shape of a response: length, repetition, format."""

import pytest

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.rewards.format import Format
from topgraft.rewards.length import Length
from topgraft.rewards.repetition import Repetition


@pytest.mark.parametrize(
    ("window", "values"),
    [
        ({"low": 2, "high": 4}, [-1, -1, 0, 0, 0, -1, -1]),
        ({"low": 2}, [-1, -1, 0, 0, 0, 0, 0]),
        ({"high": 4}, [0, 0, 0, 0, 0, -1, -1]),
        ({"low": 3, "high": 3, "softness": 2}, [-1, -1, -0.5, 0, -0.5, -1, -1]),
        ({"low": 3, "high": 3, "softness": 4}, [-0.75, -0.5, -0.25, 0, -0.25, -0.5, -0.75]),
        ({"high": 0, "softness": 1}, [0, -1, -1, -1, -1, -1, -1]),
    ],
)
def test_length_by_number_of_words(window, values):
    assert [Length(**window)("", " well-known" * count) for count in range(7)] == values


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "here: neither low nor high is given"),
        ({"softness": 3}, "here: neither low nor high is given"),
        ({"low": 9, "high": 8}, "here: low = 9 is above high = 8"),
        ({"low": -1}, "'low' in here"),
    ],
)
def test_a_window_that_is_none_is_refused(raw, said):
    with pytest.raises(UserError) as caught:
        build(Length, raw, "here")
    assert said in str(caught.value)


def test_repetition_is_minus_the_share_of_repeated_ngrams():
    text = "the nurse was kind and the nurse was calm"
    assert Repetition()("", text) == pytest.approx(-1 / 7, abs=1e-12)  # of 7 trigrams "the nurse was" is there twice
    assert Repetition(n=1)("", text) == pytest.approx(-3 / 9, abs=1e-12)
    assert Repetition()("the nurse was", "the nurse was kind") == 0
    assert [Repetition()("", short) for short in ("", "a a", "a a a")] == [0, 0, 0]
    assert Repetition()("", "a a a a") == -1 / 2
    assert str(Repetition()("", "")) == "0.0"  # and not -0.0


@pytest.mark.parametrize(
    ("pattern", "where", "text", "value"),
    [
        ("<answer>.+</answer>", "anywhere", "so <answer>5</answer>.", 1),
        ("<answer>.+</answer>", "anywhere", "so <answer></answer>.", 0),
        ("<answer>.+</answer>", "whole", "so <answer>5</answer>.", 0),
        ("<answer>.+</answer>", "whole", "<answer>5</answer>", 1),
        ("<answer>.+</answer>", "whole", "<answer>5</answer>\n", 0),
        ("<answer>.+</answer>", "anywhere", "<answer>5\n6</answer>", 0),
        ("(?s)<answer>.+</answer>", "anywhere", "<answer>5\n6</answer>", 1),
        ("grün", "anywhere", "Das ist grün.", 1),
        ("(?i)GRÜN", "anywhere", "Das ist grün.", 1),
        (".", "anywhere", "", 0),
        (".*", "whole", "", 1),
    ],
)
def test_format_is_1_where_the_pattern_matches(pattern, where, text, value):
    assert Format(pattern=pattern, where=where)("<answer>x</answer> grün", text) == value


@pytest.mark.parametrize("pattern", ["(", "*", "[a", "a{99999999999999999999}", "(?P<x>a)(?P<x>b)"])
def test_a_broken_pattern_is_refused_with_what_is_wrong(pattern):
    with pytest.raises(UserError) as caught:
        build(Format, {"pattern": pattern}, "here")
    assert f"[pattern] in here: {pattern!r} is not a regular expression: " in str(caught.value)
    assert "needs a backslash before it." in str(caught.value)


def test_an_unknown_place_is_refused():
    with pytest.raises(UserError, match="'where' in here: Input should be 'anywhere' or 'whole'"):
        build(Format, {"pattern": "a", "where": "start"}, "here")
