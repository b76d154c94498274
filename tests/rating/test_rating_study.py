from collections import Counter

import pytest
from commands import ROOT
from rated_run import ARMS, build_run

from topgraft.errors import UserError
from topgraft.rating.questions import DIMENSIONS, read_dimensions
from topgraft.rating.study import from_json, new_study, screens_of


@pytest.fixture(scope="module")
def responses(tmp_path_factory):
    return build_run(tmp_path_factory.mktemp("run"), problems=6, rows=3).responses()


def study_of(responses, arms=None, prompts=10, repeat=0.1, seed=3):
    return new_study(responses, arms, DIMENSIONS, prompts=prompts, repeat=repeat, seed=seed)


def test_prompts_come_from_every_problem_before_a_second_of_any(responses):
    assert len({prompt.group for prompt in study_of(responses, prompts=6).prompts}) == 6
    twice = Counter(prompt.group for prompt in study_of(responses, prompts=9).prompts)
    assert sorted(twice.values()) == [1, 1, 1, 2, 2, 2]
    assert len({prompt.key for prompt in study_of(responses, prompts=100).prompts}) == 18


def test_prompts_are_drawn_by_the_seed(responses):
    drawn = {tuple(prompt.key for prompt in study_of(responses, prompts=4, seed=seed).prompts) for seed in range(8)}
    assert len(drawn) > 4
    assert study_of(responses, seed=1) == study_of(responses, seed=1)


def test_every_rater_sees_every_answer_once_and_every_pair_once_before_the_repeats(responses):
    study = study_of(responses)
    for rater in ("anna", "ben"):
        first = [screen for screen in screens_of(study, rater) if screen.repeats is None]
        scores = Counter((screen.prompt, screen.arms) for screen in first if len(screen.arms) == 1)
        pairs = Counter((screen.prompt, frozenset(screen.arms)) for screen in first if len(screen.arms) == 2)
        assert scores == Counter((prompt, (arm,)) for prompt in range(10) for arm in ARMS)
        assert pairs == Counter((prompt, frozenset(pair)) for prompt in range(10) for pair in study.pairs)


def test_one_prompt_at_a_time(responses):
    first = [screen.prompt for screen in screens_of(study_of(responses), "anna") if screen.repeats is None]
    assert len([place for place in range(1, len(first)) if first[place] != first[place - 1]]) == 9


def test_order_and_sides_are_each_raters_own_and_stay(responses):
    study = study_of(responses)
    orders = [screens_of(study, f"rater {number}") for number in range(20)]
    assert len({tuple(screen.prompt for screen in order) for order in orders}) == 20
    assert orders[4] == screens_of(study, "rater 4")
    left = Counter(screen.arms[0] for order in orders for screen in order if len(screen.arms) == 2)
    first = Counter(order[0].arms[0] for order in orders)
    assert set(first) == set(ARMS)
    assert min(left.values()) > 0.25 * sum(left.values())


def test_repeats_show_a_screen_of_the_first_half_again_with_sides_changed(responses):
    screens = screens_of(study_of(responses), "anna")
    again = [screen for screen in screens if screen.repeats is not None]
    assert screens[-len(again) :] == again
    assert Counter(len(screen.arms) for screen in again) == {1: 3, 2: 3}  # 10 % of 30 and of 30
    for screen in again:
        assert screen.repeats < 30
        assert screens[screen.repeats].prompt == screen.prompt
        assert screens[screen.repeats].arms == screen.arms[::-1]


def test_at_least_one_of_each_kind_is_repeated(responses):
    screens = screens_of(study_of(responses, prompts=1, repeat=0.01), "anna")
    assert Counter(len(screen.arms) for screen in screens if screen.repeats is not None) == {1: 1, 2: 1}
    assert not [screen for screen in screens_of(study_of(responses, repeat=0), "anna") if screen.repeats is not None]


def test_more_than_three_arms_stand_beside_the_first(responses):
    more = [*responses, *({**row, "arm": "tapir"} for row in responses if row["arm"] == ARMS[0])]
    assert study_of(responses).pairs == [(ARMS[1], ARMS[0]), (ARMS[2], ARMS[0]), (ARMS[2], ARMS[1])]
    assert study_of(more).pairs == [(arm, ARMS[0]) for arm in (ARMS[1], ARMS[2], "tapir")]
    assert study_of(responses, arms=[ARMS[2]]).pairs == []


def test_a_study_comes_back_as_it_was_kept(responses):
    import json

    study = study_of(responses)
    assert from_json(json.loads(json.dumps(study.as_json()))) == study


def test_wrong_arms_are_refused(responses):
    with pytest.raises(UserError, match="Did you mean 'okapi-ppo'"):
        study_of(responses, arms=["okapi-pp"])
    with pytest.raises(UserError, match="names an arm twice"):
        study_of(responses, arms=[ARMS[0], ARMS[0]])
    with pytest.raises(UserError, match="no answers to rate"):
        study_of([])
    many = [{**row, "arm": f"arm-{number}"} for row in responses[:3] for number in range(5)]
    with pytest.raises(UserError, match="5 arms are more than people can rate"):
        study_of(many)
    apart = [{**row, "id": f"{row['arm']} {row['id']}"} for row in responses]
    with pytest.raises(UserError, match="No prompt was answered by all"):
        study_of(apart)


def test_the_docs_give_every_dimension_as_raters_read_it():
    page = (ROOT / "docs" / "rating.md").read_text(encoding="utf-8")
    for name, found in DIMENSIONS.items():
        assert f"| {name} | {found.means} | {found.one} | {found.five} |" in page


def test_dimensions_by_name_and_from_a_file(tmp_path):
    assert list(DIMENSIONS) == ["coherence", "relevance", "helpfulness", "completeness", "hallucination_toxicity"]
    assert list(read_dimensions("helpfulness, coherence")) == ["helpfulness", "coherence"]
    file = tmp_path / "own.toml"
    file.write_text('[politeness]\nmeans = "Is it polite?"\none = "rude"\nfive = "kind"\n')
    assert read_dimensions(str(file))["politeness"].five == "kind"
    with pytest.raises(UserError, match="Did you mean 'coherence'"):
        read_dimensions("coherense")
    file.write_text('[politeness]\nmeans = "Is it polite?"\none = "rude"\n')
    with pytest.raises(UserError, match="'five' in"):
        read_dimensions(str(file))
    for content, words in (
        ("", "no dimension"),
        ('comment = "x"', "is no dimension"),
        ("[win_rate]", "is no dimension"),
    ):
        file.write_text(content)
        with pytest.raises(UserError, match=words):
            read_dimensions(str(file))
    with pytest.raises(UserError, match="There is no file"):
        read_dimensions("absent.toml")
