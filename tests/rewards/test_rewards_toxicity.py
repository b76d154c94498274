"""Toxicity by a list of insults, by a list of one's own, by a classifier of one's own."""

import pytest

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.rewards.toxicity import Toxicity

CLASSIFIERS = """
import numpy

def shouting(texts):
    return [sum(c.isupper() for c in text) / max(1, len(text)) for text in texts]

def in_numpy(texts):
    return numpy.full(len(texts), 0.25, dtype=numpy.float32)

def too_few(texts):
    return [0.5]

def too_large(texts):
    return [1.5 for text in texts]

def nothing(texts):
    return [float("nan") for text in texts]

def a_word(texts):
    return ["0.5" for text in texts]

level = 0.5
"""


@pytest.fixture
def classifiers(tmp_path, monkeypatch) -> None:
    (tmp_path / "my_classifiers.py").write_text(CLASSIFIERS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("That is wrong. Try again.", 0),
        ("You idiot.", -1),
        ("You IDIOT. Try again.", -1 / 2),
        ("You stupid, stupid fool. Try again. Or not\nYou moron", -2 / 4),
        ("Shut  up! Please.", -1 / 2),
        ("A foolproof, idiotproof plan.", 0),
        ("\N{ANGRY FACE} fool", -1),
    ],
)
def test_toxicity_is_minus_the_share_of_sentences_with_an_insult(text, value):
    assert Toxicity()("You idiot.", text) == value


def test_a_lexicon_of_ones_own_replaces_the_list(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# my words\nDummkopf\n\n  dumme Gans  \n", encoding="utf-8")
    rule = Toxicity(lexicon=str(path))
    assert rule("", "Du Dummkopf! Du idiot. Du dumme\u00a0Gans. Gut.") == -2 / 4
    assert rule("", "my words") == 0


def test_a_lexicon_that_is_none_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n \n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for path, said in [
        (tmp_path / "nowhere.txt", "nowhere.txt' cannot be read: No such file or directory. Paths are seen from"),
        (tmp_path, "cannot be read"),
        (tmp_path / "empty.txt", "empty.txt' holds no word"),
        (tmp_path / "latin.txt", "latin.txt is not UTF-8 text"),
    ]:
        with pytest.raises(UserError) as caught:
            build(Toxicity, {"lexicon": str(path)}, "here")
        assert said in str(caught.value)


@pytest.mark.usefixtures("classifiers")
def test_a_classifier_of_ones_own_gets_all_texts_at_once():
    rule = Toxicity(classifier="my_classifiers:shouting")
    assert rule.score_all(["P"] * 3, ["ABcd", "", "abc"]) == [-0.5, 0, 0]
    assert rule("P", "You IDIOT") == -6 / 9
    assert Toxicity(classifier="my_classifiers:in_numpy")("P", "x") == -0.25


@pytest.mark.usefixtures("classifiers")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("too_few", "returned 1 numbers for 2 texts"),
        ("too_large", "gave 1.5 for 'one'"),
        ("nothing", "gave nan for 'one'"),
        ("a_word", "gave '0.5' for 'one'"),
    ],
)
def test_a_classifier_must_return_a_number_from_0_to_1_for_each_text(name, said):
    with pytest.raises(UserError) as caught:
        Toxicity(classifier=f"my_classifiers:{name}").score_all(["", ""], ["one", "two"])
    assert f"Classifier 'my_classifiers:{name}' {said}" in str(caught.value)


@pytest.mark.usefixtures("classifiers")
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"classifier": "my_classifiers:shout"}, "has no 'shout'. Did you mean 'shouting'?"),
        ({"classifier": "no_such_module:score"}, "Cannot import classifier 'no_such_module:score'"),
        ({"classifier": "my_classifiers:level"}, "Classifier 'my_classifiers:level' is 0.5, not a function"),
        ({"classifier": "my_classifiers:shouting", "lexicon": "w.txt"}, "Leave one out"),
    ],
)
def test_a_classifier_that_cannot_be_used_is_refused_before_any_text(raw, said):
    with pytest.raises(UserError) as caught:
        build(Toxicity, raw, "here")
    assert said in str(caught.value)
