"""Rules that look up the row behind a prompt: similarity, facts, strictness, verdict."""

import math
from pathlib import Path

import pytest
import sacrebleu

from topgraft.data.reading import DataSettings, read
from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.records import Demonstration
from topgraft.rewards.facts import Facts, accuracy
from topgraft.rewards.similarity import Similarity, likeness
from topgraft.rewards.strictness import CHALLENGING, CORRECTING, Strictness
from topgraft.rewards.verdict import Verdict

TRUTHFULQA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "truthfulqa" / "TruthfulQA.csv"


def row(prompt: str, response: str = "", **known: object) -> Demonstration:
    return Demonstration(key=f"{prompt} {response}", group="g", prompt=prompt, response=response, **known)


def test_likeness_is_chrf_worked_by_hand():
    # "abc" to "abd": 2 of 3 letters, 1 of 2 pairs, 0 of 1 triple, both ways; longer ones there are none.
    assert likeness("abc", ["abd"]) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3, abs=1e-12)
    # "ab" to "abab": precision 1, 1; recall 2/4, 1/3 (orders 1 and 2; neither has order 3 in common).
    precision, recall = (1 + 1) / 2, (2 / 4 + 1 / 3) / 2
    assert likeness("ab", ["abab"]) == pytest.approx(5 * precision * recall / (4 * precision + recall), abs=1e-12)
    assert likeness("x", ["x"]) == likeness("grün \N{GRINNING FACE}", ["grün \N{GRINNING FACE}"]) == 1
    assert likeness("", ["abc"]) == likeness("abc", [""]) == likeness("", [""]) == likeness("abc", ["xyz"]) == 0


def test_likeness_is_that_to_the_most_similar_reference():
    references = ["Paris is the capital.", "It is Lyon.", "Paris"]
    scores = [sacrebleu.sentence_chrf("Paris is", [reference]).score / 100 for reference in references]
    assert likeness("Paris is", references) == pytest.approx(max(scores), abs=1e-12)
    assert len(set(scores)) == 3


def test_similarity_is_likeness_to_the_best_reference_of_the_prompt():
    rule = Similarity().for_rows([row("one", "abd"), row("two", "xyz"), row("two", "abc"), row("none")])
    assert rule("one", "abc") == pytest.approx(7 / 18, abs=1e-12)
    assert rule("two", "abc") == 1
    assert rule("two", "") == rule("none", "abc") == 0
    assert math.isnan(rule("three", "abc"))
    assert math.isnan(rule("One", "abd"))
    assert math.isnan(Similarity().for_rows([])("one", "abc"))


def test_facts_are_likeness_to_right_less_likeness_to_wrong_answers():
    rows = [
        row("both", right=("abd", "pqr"), wrong=("xyz", "abx")),
        row("right", right=("abc",)),
        row("wrong", wrong=("abc",)),
        row("apart", right=("xyz",)),
        row("apart", wrong=("abd",)),
        row("neither"),
    ]
    rule = Facts().for_rows(rows)
    assert rule("both", "pqr") == 1
    assert rule("both", "xyz") == -1
    assert rule("both", "abd") == pytest.approx(1 - 7 / 18, abs=1e-12)  # "abx" shares two letters and one pair with it
    assert rule("both", "abc") == pytest.approx(0, abs=1e-12)
    assert (rule("right", "abc"), rule("wrong", "abc"), rule("right", "xyz")) == (1, -1, 0)
    assert rule("apart", "abc") == pytest.approx(-7 / 18, abs=1e-12)
    assert rule("both", "") == 0
    assert math.isnan(rule("neither", "abc"))
    assert math.isnan(rule("unknown", "abc"))


def test_facts_tell_right_from_wrong_answers_of_truthfulqa_that_are_not_in_the_list():
    if not TRUTHFULQA.is_file():
        pytest.skip("TruthfulQA is not on this machine (shared/data/truthfulqa)")
    columns = {
        "prompt": "Question",
        "response": "Best Answer",
        "right": "Correct Answers",
        "wrong": "Incorrect Answers",
    }
    rows = read(DataSettings(source=str(TRUTHFULQA), max_rows=100, **columns))
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for each in rows:
        known = [*((text, True) for text in each.right), *((text, False) for text in each.wrong)]
        for place, (text, label) in enumerate(known):
            others = known[:place] + known[place + 1 :]
            if len({other for _, other in others}) == 2:
                value = accuracy(others, text)
                hits[label].append(value > 0 if label else value < 0)
    assert min(map(len, hits.values())) > 200
    right, wrong = (sum(found) / len(found) for found in hits.values())
    assert 0.6 < (right + wrong) / 2 < 0.75  # docs/rewards.md says how little that is


LEVELS = {"misconception": 3, "logic": 2, "question": 1}
STRICT = Strictness(levels=LEVELS)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("The list has 3 entries.", 1),
        ("Are you sure that it ends?", 2),
        ("RECONSIDER the bound.", 2),
        ("That is a misconception.", 3),
        ("Are you sure? That is wrong.", 3),
        ("Nonsense.", 3),
        ("The wrongdoer proves it.", 1),
        ("Du hast recht \N{GRINNING FACE}", 1),
        ("", None),
        (" ?! ", None),
    ],
)
def test_the_level_is_that_of_the_strictest_cue(text, level):
    assert STRICT.level(text) == level
    rule = STRICT.for_rows([row(name, category=name) for name in LEVELS])
    for name, wanted in LEVELS.items():
        fit = 0 if level is None else {0: 1, 1: 0.5, 2: 0}[abs(level - wanted)]
        assert rule(name, text) == fit


def test_cues_of_ones_own_replace_the_lists():
    own = Strictness(levels=LEVELS, challenging=("sicher",), correcting=("falsch",))
    assert [own.level(text) for text in ("Bist du sicher?", "Das ist falsch.", "That is wrong.")] == [2, 3, 1]
    assert not set(CHALLENGING) & set(CORRECTING)


def test_strictness_without_a_category_is_unknown_and_of_two_the_better_fit_counts():
    rule = STRICT.for_rows([row("p"), row("q", category="logic"), row("q", category="question"), row("q")])
    assert math.isnan(rule("p", "That is wrong."))
    assert math.isnan(rule("unknown", "That is wrong."))
    assert [rule("q", text) for text in ("Yes.", "Are you sure?", "Wrong.")] == [1, 1, 0.5]


def test_a_category_without_a_level_is_refused_with_the_nearest():
    with pytest.raises(UserError) as caught:
        STRICT.for_rows([row("p", category="logics")])
    message = str(caught.value)
    assert "Row 'p ' is of category 'logics', for which strictness has no level. Did you mean 'logic'?" in message


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "'levels' in here: Field required"),
        ({"levels": {}}, "'levels' in here"),
        ({"levels": {"a": 4}}, "'levels.a' in here"),
        ({"levels": {"a": 0}}, "'levels.a' in here"),
        ({"levels": {"a": 1}, "correcting": [" "]}, "[correcting] in here: ' ' holds no word"),
    ],
)
def test_levels_that_are_none_are_refused(raw, said):
    with pytest.raises(UserError) as caught:
        build(Strictness, raw, "here")
    assert said in str(caught.value)


def test_a_verdict_is_worth_1_where_it_is_the_label():
    rows = [row("right", correct=True), row("wrong", correct=False), row("unknown"), row("torn", correct=True)]
    rule = Verdict().for_rows([*rows, row("torn", correct=False), row("right"), row("wrong", "twice", correct=False)])
    yes, no, neither = "Your solution is correct.", "It isn’t correct.", "What does it return?"
    assert [rule("right", text) for text in (yes, no, neither, "")] == [1, 0, 0, 0]
    assert [rule("wrong", text) for text in (yes, no, neither, "")] == [0, 1, 0, 0]
    assert all(math.isnan(rule(prompt, yes)) for prompt in ("unknown", "torn", "not there"))


def test_the_reference_answers_of_the_shipped_rows_have_a_verdict_of_1():
    rows = read(DataSettings(source="feedback-200"))
    rule = Verdict().for_rows(rows)
    values = [rule(each.prompt, each.response) for each in rows]
    assert len({each.prompt for each in rows}) == len(rows)
    assert sum(values) / len(values) >= 0.99
    similarity = Similarity().for_rows(rows)
    assert similarity(rows[0].prompt, rows[0].response) == 1
    assert 0.1 < similarity(rows[0].prompt, rows[4].response) < 0.9


def test_strictness_guesses_the_category_of_a_prompt_that_is_no_rows():
    put = {"myth": "They say that thing {} is so.", "question": "Why is thing {} so?"}
    rows = [
        Demonstration(key=f"{kind} {n}", group=str(n % 5), prompt=text.format(n), response="", category=kind)
        for kind, text in put.items()
        for n in range(12)
    ]
    plain = Strictness(levels={"myth": 3, "question": 1})
    guessing = plain.model_copy(update={"guesses": True}).for_rows(rows)
    for prompt, wrong, helpful in (("They say that he is so.", 1, 0), ("Why is he so?", 0, 1)):
        assert (guessing(prompt, "That is wrong."), guessing(prompt, "Here you are.")) == (wrong, helpful)
        assert math.isnan(plain.for_rows(rows)(prompt, "That is wrong."))
    assert guessing(rows[0].prompt, "That is wrong.") == 1
