"""Rules on feedback: constructiveness and tone."""

import pytest

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.rewards.constructiveness import CUES, constructiveness
from topgraft.rewards.tone import HARSH, WARM, Tone


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("", set()),
        ("That is wrong.", set()),
        ("Trying? No", {"question"}),
        ("Try a shorter list.", {"next step"}),
        ("LET’S look at line 2", {"next step"}),
        ("It fails because the list is empty.", {"reason"}),
        ("It fails, e.g. for an empty list.", {"example"}),
        ("For instance [] fails", {"example"}),
        ("Hier?", {"question"}),
        ("为什么？", {"question"}),
        ("You should return 0, since a sum of nothing is 0.", {"next step", "reason"}),
        ("Suppose n is 0. What happens then? Check it, because the loop does not run.", set(CUES)),
    ],
)
def test_constructiveness_is_the_share_of_cues(text, cues):
    assert {name for name, cue in CUES.items() if cue.search(text.casefold().replace("’", "'"))} == cues
    assert constructiveness("Why? For example, try it because.", text) == len(cues) / 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("?!", 0),
        ("The loop ends early.", 1),
        ("Nonsense! This is sloppy.", 1),
        ("Well done, excellent work.", 1),
        ("Well done. But the loop is sloppy.", 0),
        ("Well done. Great job. Excellent. But the loop is sloppy.", 1 - 2 * 1 / 4),
        ("Nonsense, sloppy nonsense. WELL DONE though. Absurd!", 1 - 2 * 1 / 5),
        ("Don’t worry", 1),
    ],
)
def test_tone_is_consistent_where_one_kind_of_cue_prevails(text, value):
    assert Tone()("Well done, nonsense.", text) == pytest.approx(value, abs=1e-12)


def test_tone_takes_words_of_ones_own():
    tone = Tone(harsh=("schlecht",), warm=("schön", "sehr gut"))
    assert tone("", "Schön, aber schlecht.") == 0
    assert tone("", "Sehr gut, schön, aber schlecht.") == pytest.approx(1 / 3)
    assert tone("", "Well done, nonsense.") == 1
    with pytest.raises(UserError, match=r"\[warm\] in here: it is empty"):
        build(Tone, {"warm": []}, "here")


def test_no_cue_is_of_both_tones():
    assert not set(HARSH) & set(WARM)
