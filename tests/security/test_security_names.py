"""A name from a recipe, a model or a judge becomes that of a folder inside the one it belongs to, or is refused."""

from pathlib import Path

import pytest

from topgraft.errors import UserError
from topgraft.evaluate.judge.judging import plain_name
from topgraft.report.words.text import slug
from topgraft.runs import RunFolder
from topgraft.train.settings import settings_of

OUTSIDE = ["../x", "..", "/etc/x", "a/../../b", "..\\x", "a\0b", "", " "]


@pytest.mark.parametrize("name", OUTSIDE)
def test_recipes_arms_and_learners_are_called_nothing_that_leads_elsewhere(name):
    for raw, said in (
        ({"name": name, "stages": []}, "cannot be a folder's"),
        ({"name": "x", "stages": [], "arms": {name: {}}}, "An arm cannot be called"),
        ({"name": "x", "stages": [], "learners": {name: {"use": "x.py:Y"}}}, "a learner cannot be called"),
    ):
        with pytest.raises(UserError, match=said):
            settings_of(raw)


@pytest.mark.parametrize("name", [*OUTSIDE, "https://host/../../a.csv", "....//x", "a/b\\..\\c.jsonl"])
def test_what_is_called_after_data_judges_and_figures_stays_inside(name, tmp_path):
    names = [RunFolder(tmp_path).elsewhere(name).path.name, slug(name, set())]
    try:
        names.append(plain_name(name))
    except UserError:
        assert not any(char.isalnum() for char in name)
    for made in names:
        assert Path(made).name == made
        assert made not in ("", ".", "..")
        assert "\0" not in made
