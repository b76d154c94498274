"""The reader of verdicts."""

import pytest

from topgraft.rewards.verdict import read_verdict

SENTENCES = [
    ("Your solution is correct, and it keeps to the specification.", True),
    ("This program is correct.", True),
    ("This program is incorrect.", False),
    ("Your solution is not yet correct, although the loop is well conceived.", False),
    ("I regret that this program is incorrect; it will pass once corrected.", False),
    ("I regret that the answer is not correct.", False),
    ("The result is not quite right for an empty list, though the idea is correct.", False),
    ("It isn't correct for negative numbers.", False),
    ("It isn’t correct for negative numbers.", False),
    ("This is wrong. The correct bound is n + 1.", False),
    ("Correct. An empty list would be the wrong thing to test here.", True),
    ("CORRECT!", True),
    ("Your program cannot be called correct, since [] raises an error.", False),
    ("It is never correct for an odd length.", False),
    ("This can't be right for an empty list.", False),
    ("It is far from correct.", False),
    ("No, this is not the correct approach.", False),
    ("It fails for the empty list.", False),
    ("Looks right to me.", True),
    ("You will want to correct the bound.", None),
    ("The program handles the empty list correctly.", None),
    ("Once corrected, the loop will end.", None),
    ("An incorrectly placed return ends the loop.", None),
    ("What does the function return for [2, 4]?", None),
    ("Correctness is a matter of the specification.", None),
    ("", None),
    ("  \n ", None),
]


@pytest.mark.parametrize(("text", "verdict"), SENTENCES)
def test_the_verdict_of_a_sentence_is_read(text, verdict):
    assert read_verdict(text) is verdict


MISREAD = [("It never fails.", True), ("Nothing about this is correct.", False)]
"""Known limits of rules that look for words: each is read as something else."""


@pytest.mark.xfail(strict=True, reason="the rules look for words and do not parse sentences")
@pytest.mark.parametrize(("text", "verdict"), MISREAD)
def test_the_limits_of_the_reader_are_known(text, verdict):
    assert read_verdict(text) is verdict


TURNS = [
    ("Correct the indentation of the return and submit again.", None),
    ("The program is only partly correct.", False),
    ("It is almost correct.", False),
    ("To correct this, look at the loop.", None),
]


@pytest.mark.parametrize(("text", "verdict"), TURNS)
def test_turns_of_phrase_around_the_word_correct_are_read(text, verdict):
    assert read_verdict(text) is verdict
