"""The categoriser: what it reads of a question, what it learns, and when it cannot."""

import pytest

from topgraft.data.categories import fit, shape
from topgraft.errors import UserError
from topgraft.records import Demonstration


def rows(number: int, categories: tuple[str, ...] = ("claim", "question"), groups: int = 5) -> list[Demonstration]:
    """Claims about a thing and questions about it, so many of each; the last digit of a thing is its group."""
    put = {"claim": "I am sure that {}.", "question": "Why is it {}?", "": "Well, {}."}
    return [
        Demonstration(
            key=f"{category}{place}",
            group=str(place % groups),
            prompt=put[category].format(f"thing {chr(97 + place)}"),
            response="Yes.",
            category=category,
        )
        for category in categories
        for place in range(number)
    ]


@pytest.mark.parametrize(
    ("question", "pieces"),
    [
        ("I wrote that Rome fell in 476.", "^ i wrote that NAME fell in NUMBER . $"),
        ("Why? Because Rome fell.", "^ why ? because NAME fell . $"),
        ("It's 1,000.5 so there", "^ it's NUMBER so there $"),
        ("", "^ $"),
    ],
)
def test_the_shape_of_a_question_has_numbers_and_names_as_such(question, pieces):
    assert shape(question) == pieces.split()


def test_it_tells_questions_from_claims_about_other_things_and_says_how_sure_it_is():
    categoriser = fit(rows(12))
    assert categoriser.categories == ["claim", "question"]
    (claim, sure), (question, as_sure) = categoriser(["I am sure that Rome fell.", "Why is it Rome?"])
    assert (claim, question) == ("claim", "question")
    assert 0.5 < sure <= 1
    assert 0.5 < as_sure <= 1


def test_rows_without_a_category_teach_nothing():
    assert fit([*rows(12), *rows(12, ("",))])(["Well, then."])[0][0] in ("claim", "question")


@pytest.mark.parametrize(
    ("taught", "said"),
    [
        (rows(9), "claim: 9, question: 9, in 5 groups"),
        (rows(20, ("claim",)), "claim: 20, in 5 groups"),
        (rows(20, groups=4), "in 4 groups"),
        (rows(20, ("",)), "have none"),
    ],
)
def test_too_little_to_learn_from_is_refused(taught, said):
    with pytest.raises(UserError, match=said):
        fit(taught)
