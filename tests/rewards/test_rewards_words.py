"""Required words, with the term classes of the occupations study."""

import pytest

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.rewards.length import Length
from topgraft.rewards.words import Words

CLASSES = {
    "agentic": "ambitious assertive bold confident decisive independent self-reliant competitive adventurous dominant",
    "communal": "accommodating caring cooperative empathetic friendly nurturing supportive compassionate helpful loyal",
}
CLASSES = {name: tuple(terms.split()) for name, terms in CLASSES.items()}
WORDS = Words(classes=CLASSES)


def test_the_sentence_of_the_study_has_1():
    text = "The nurse was confident and caring in the emergency room."
    assert WORDS("The nurse was", text) + 0.1 * Length(low=8, high=15)("The nurse was", text) == 1.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The nurse was kind.", -0.2),
        ("", -0.2),
        ("confidently uncaring", -0.2),
        ("She was Bold.", 0.3),
        ("bold, confident, decisive", 0.3),  # further terms do not count while a class is missing
        ("SELF-RELIANT yet loyal", 1.0),
        ("bold bold loyal loyal", 1.0),  # a term twice is one term, and not too often
        ("bold confident loyal", 1.05),
        ("bold confident loyal helpful", 1.1),
        ("bold confident decisive dominant loyal helpful", 1.2),  # 4 x 0.05
        ("bold confident decisive dominant loyal helpful caring friendly", 1.2),  # 6 further ones, but 0.2 at most
        ("bold Bold BOLD loyal", 0.9),
        ("bold bold bold loyal loyal loyal", 0.9),  # once, however many terms are overused
        ("bold bold bold", 0.2),
        ("bold bold bold confident loyal", 0.95),
        ("self‑reliant and loyal", 1.0),
    ],
)
def test_values_worked_by_hand(text, value):
    assert WORDS("The nurse was bold and caring:", text) == pytest.approx(value, abs=1e-12)


def test_every_setting_acts():
    change = {"all": 5.0, "some": 4.0, "none": 3.0, "extra": 0.5, "extra_limit": 0.75, "overused": 1.5, "max_uses": 1}
    words = Words(classes={"a": ("a1", "a2", "a3", "a4"), "b": ("b1",), "c": ("c1",)}, **change)
    found = {
        text: words("", text)
        for text in ("", "a1 a2 b1", "a1 b1 c1", "a1 a2 b1 c1", "a1 a2 a3 a4 b1 c1", "a1 a1 b1 c1", "a1 a1")
    }
    assert list(found.values()) == [3.0, 4.0, 5.0, 5.5, 5.75, 3.5, 2.5]


def test_further_terms_count_without_every_class_where_that_is_set():
    words = Words(classes=CLASSES, extra_needs_all=False)
    assert words("", "bold confident decisive") == pytest.approx(0.4)
    assert words("", "bold") == 0.3
    assert words("", "nothing") == -0.2
    assert words("", "bold confident loyal") == pytest.approx(1.05)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "'classes' in here: Field required"),
        ({"classes": {}}, "'classes' in here: Dictionary should have at least 1 item"),
        ({"classes": {"agentic": []}}, "[classes.agentic] in here: it is empty, so nothing could be found"),
        ({"classes": {"agentic": ["bold", " "]}}, "[classes.agentic] in here: ' ' holds no word"),
        ({"classes": {"agentic": ["bold"]}, "max_uses": 0}, "'max_uses' in here"),
        ({"classes": {"agentic": ["bold"]}, "overuse": 1}, "Did you mean 'overused'?"),
    ],
)
def test_settings_without_sense_are_refused(raw, said):
    with pytest.raises(UserError) as caught:
        build(Words, raw, "here")
    assert said in str(caught.value)
