"""Words, terms, sentences and n-grams of a text."""

import pytest

from topgraft.rewards.wording import distinct, ngrams, occurrences, repeated, sentences, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The self-reliant nurse isn't in.", ["the", "self-reliant", "nurse", "isn't", "in"]),
        ("isn’t self‑reliant", ["isn't", "self-reliant"]),  # a curly apostrophe, a hyphen that does not break
        ("'quoted' - and-or -- dashed—apart", ["quoted", "and-or", "dashed", "apart"]),
        ("x_1 = 2.5", ["x_1", "2", "5"]),
        ("Über ÜBER u\u0308ber", ["über", "über", "über"]),  # the last is written with two characters
        ("", []),
        (" \n\t!?", []),
        ("\N{GRINNING FACE}", []),
    ],
)
def test_the_words_of_a_text(text, found):
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Bold, bold and BOLD.", ["bold", "bold", "bold"]),
        ("bolder boldly embolden", []),
        ("a self-reliant man", ["self-reliant"]),  # not "reliant" as well
        ("a reliant man", ["reliant"]),
        ("an over-bold man, bold's", ["bold", "bold"]),  # a word boundary stands at a hyphen and at an apostrophe
        ("she stood\n up for him, and stood up", ["stood up", "stood up"]),
        ("stood upright", []),
        ("bold_one bold1", []),
        ("CAFE\u0301 and cafes", ["café"]),
        ("", []),
    ],
)
def test_terms_are_found_as_whole_words(text, found):
    assert occurrences(text, ("reliant", "Bold", "self-reliant", "stood up", "Café")) == found


@pytest.mark.parametrize("terms", [("self", "self-reliant", "self-reliant man"), ("self-reliant man", "self")])
def test_of_terms_that_begin_alike_the_longest_is_found(terms):
    assert occurrences("The self-reliant man, one's self", terms) == ["self-reliant man", "self"]


def test_signs_in_a_term_stand_for_themselves():
    assert occurrences("C++ or C", ("c++",)) == ["c++"]
    assert occurrences("a.b axb", ("a.b",)) == ["a.b"]


def test_sentences_end_at_marks_and_at_line_breaks_and_hold_words():
    assert sentences("One. Two?! Three... !!! four\n\nfive 2.5") == ["One.", "Two?!", "Three...", "four", "five 2.5"]
    assert sentences("你好。再见！") == ["你好。", "再见！"]
    assert sentences("") == sentences("... !") == []


def test_ngrams_follow_one_another():
    assert ngrams("A b, c a", 2) == [("a", "b"), ("b", "c"), ("c", "a")]
    assert ngrams("a b", 2) == [("a", "b")]
    assert ngrams("a b", 3) == ngrams("", 1) == []


@pytest.mark.parametrize(
    ("text", "n", "share"),
    [
        ("a b a b a", 1, 3 / 5),
        ("a b a b a", 2, 1 / 2),  # ab ba ab ba
        ("a b a b a", 3, 1 / 3),  # aba bab aba
        ("a b a b a", 4, 0),
        ("a A, a! a", 1, 3 / 4),
        ("a b", 3, 0),
        ("", 1, 0),
    ],
)
def test_repeated_is_the_share_of_ngrams_that_were_there_before(text, n, share):
    assert repeated(text, n) == pytest.approx(share, abs=1e-15)


def test_distinct_counts_over_all_texts_and_not_across_them():
    texts = ["a b c", "a b", "c"]
    assert distinct(texts, 1) == 3 / 6
    assert distinct(texts, 2) == 2 / 3  # ab bc, ab
    assert distinct(["a b", "b a"], 2) == 1
    assert distinct(["a", "b"], 2) == distinct([], 1) == distinct([""], 1) == 1
