"""Two numbered answers with a verdict in every usual dress, and what pairs are found to look like."""

import pytest
from refusing import refusal
from scipy.stats import binomtest

from topgraft.data.inspecting import inspect
from topgraft.data.preferred import look_at_pairs, refuses, share
from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import Splits
from topgraft.errors import UserError
from topgraft.records import Demonstration

ZERO, A, ONE = ("response_0", "response_1"), ("answer_a", "answer_b"), ("output_1", "output_2")


@pytest.mark.parametrize(
    ("names", "verdict", "better"),
    [
        (ZERO, {"better_response_id": 0}, 0),
        (ZERO, {"better_response_id": 1, "safer_response_id": 0}, 1),
        (ZERO, {"score_0": 0.2, "score_1": -1}, 0),
        (ZERO, {"score_0": 1, "score_1": 1}, None),
        (A, {"winner": "model_b"}, 1),
        (A, {"winner": "A"}, 0),
        (A, {"winner": "tie (bothbad)"}, None),
        (A, {"Winner": "answer_b"}, 1),
        (ONE, {"preference": 1}, 0),
        (ONE, {"preference": 2.0}, 1),
        (ONE, {"preference_strength": -3}, 0),
        (ONE, {"preference_strength": 0}, None),
        (("response_j", "response_k"), {}, 0),
    ],
)
def test_the_preferred_answer_is_found(source, names, verdict, better):
    (row,) = read(DataSettings(source=source({"question": "q", names[0]: "first", names[1]: "second"} | verdict)))
    texts = ["first", "second"]
    if better is None:
        assert (row.response, row.rejected, row.strength) == ("first", "second", 0.0)
    else:
        assert (row.response, row.rejected, row.strength) == (texts[better], texts[1 - better], 1.0)


def test_two_whole_dialogues_are_cut_where_they_part(source):
    def says(answer: str) -> list[dict]:
        return [{"role": "user", "content": "a?"}, {"role": "assistant", "content": answer}]

    (row,) = read(
        DataSettings(source=source({"conversation_a": says("b"), "conversation_b": says("c"), "winner": "b"}))
    )
    assert (row.prompt, row.response, row.rejected, row.group) == ("a?", "c", "b", "a?")


def test_a_verdict_that_names_neither_and_answers_without_one_are_refused(source):
    row = {"prompt": "q", "response_a": "x", "response_b": "y"}
    with pytest.raises(
        UserError, match="line 1: 'winner' is 'c', which is neither of response_a and response_b nor a tie"
    ):
        read(DataSettings(source=source(row | {"winner": "c"})))
    with pytest.raises(UserError, match="no column says which is preferred"):
        read(DataSettings(source=source(row)))
    (named,) = read(DataSettings(source=source(row), response="response_b", rejected="response_a"))
    assert (named.response, named.rejected) == ("y", "x")


def pair(key: str, prompt: str, chosen: str, rejected: str, strength: float = 1.0) -> Demonstration:
    return Demonstration(key=key, group=key, prompt=prompt, response=chosen, rejected=rejected, strength=strength)


def test_ties_lengths_and_contradictions_of_pairs_are_counted():
    rows = [
        pair("a", "p", "long answer here", "short"),
        pair("b", "p", "short", "long answer here"),  # the other way round
        pair("c", "q", "same", " same "),
        pair("d", "q", "one", "other two", strength=0.0),
        pair("e", "r", "I'm sorry, but I can't help with that.", "I cannot help with it."),
    ]
    found = look_at_pairs(rows, [3, 1, 1, 1, 8], [1, 3, 1, 2, 5])
    assert found is not None
    assert (found.n, found.ties, found.same, found.contradicted) == (5, ["c", "d"], 1, 2)
    assert (found.longer.count, found.longer.n) == (2, 3)
    assert (found.refusals.count, found.refusals.n) == (1, 5)
    assert look_at_pairs([], [], []) is None
    look = inspect(rows, Splits(train=rows, test=[], validation=[]))
    assert look.pairs == look_at_pairs(rows, [3, 1, 1, 1, 8], [1, 3, 2 - 1, 2, 5])
    assert look.sizes["rejected"] == [1, 3, 1, 2, 5]
    assert (look.refusals.count, look.refusals.n) == (1, 5)


def test_a_share_has_wilsons_interval():
    # p = 0.5, n = 10, z = 1.96: centre 0.5, half-width 1.96 sqrt(0.25 / 10 + 3.8416 / 400) / 1.38416 = 0.2634
    found = share(5, 10)
    assert (found.low, found.high) == (pytest.approx(0.2366, abs=1e-3), pytest.approx(0.7634, abs=1e-3))
    exact = binomtest(1, 40).proportion_ci(method="wilson")
    assert (share(1, 40).low, share(1, 40).high) == (exact.low, exact.high)
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m not comfortable answering this.", True),
        ("Sorry, I cannot provide medical advice.", True),
        ("As an AI, I have no opinion.", True),
        ("I am not able to assist you.", True),
        ("I won't tell you how.", True),
        ("I can't wait to hear about it!", False),
        ("You cannot do that with a hammer.", False),
        ("I don't know what you mean.", False),
        ("Sure. " + "Here is how. " * 20 + "I can't help more.", False),
    ],
)
def test_refusals_are_told_by_their_phrases(answer, refused):
    assert refuses(answer) is refused


@pytest.mark.parametrize("label", [True, False, "False"])
def test_answers_judged_one_by_one_are_not_taken_for_wanted_ones(source, label):
    row = {"prompt": "q", "completion": "a", "label": label}
    said = refusal(source(row))
    assert "'label' is true or false beside 'completion'" in said
    assert "write pairs" in said
    (read_as_label,) = read(DataSettings(source=source(row), correct="label"))
    assert read_as_label.correct is (label is True)
    (prompt,) = read(DataSettings(source=source(row), view="prompts"))
    assert prompt.response == ""


def test_a_label_that_is_a_class_is_no_judgement(source):
    (row,) = read(DataSettings(source=source({"prompt": "q", "completion": "a", "label": 3})))
    assert row.response == "a"
