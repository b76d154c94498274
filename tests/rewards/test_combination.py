"""Law: the reward is the weighted sum of its parts, each normalised and clipped by name; what is wrong is named."""

import math
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.data.template import pack
from topgraft.errors import UserError
from topgraft.model.heads import ScalarHead
from topgraft.recipe import build
from topgraft.records import Demonstration, Scores
from topgraft.rewards.combination import PartSettings, combine
from topgraft.rewards.learned import LearnedReward

ROWS = [
    Demonstration(key=str(number), group="g", prompt=prompt, response=response)
    for number, (prompt, response) in enumerate([("one", "a"), ("two", "abc"), ("three", "abcde")])
]
PROMPTS, RESPONSES = ["one", "two", "elsewhere"], ["abcd", "", "ab"]

OWN = '''
from topgraft.recipe import Settings


def length(prompt, response):
    return len(response)


def vowels(prompt: str, response: str) -> float:
    return float(sum(letter in "aeiou" for letter in response))


class Longer(Settings):
    """Whether a response is longer than `by` times the row's own."""

    by: float = 1.0

    def for_rows(self, rows):
        known = {row.prompt: row.response for row in rows}

        def score(prompt, response):
            return float(len(response) > self.by * len(known[prompt])) if prompt in known else float("nan")

        return score


class Many(Settings):
    def __call__(self, prompt, response):
        raise AssertionError("asked one by one")

    def score_all(self, prompts, responses):
        return [len(prompt) + len(response) for prompt, response in zip(prompts, responses)]


def text(prompt, response):
    return response


def infinite(prompt, response):
    return 1e999


def fails(prompt, response):
    return 1 / len(response)


def same(prompt, response):
    return 3.0


class Plain:
    pass


number = 7
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def score(parts: dict[str, dict], learned: LearnedReward | None = None) -> Scores:
    settings = {name: PartSettings(**part) for name, part in parts.items()}
    made = tiny.split()
    tokens = pack([([5, 6], [7, 8, 2]), ([5], [9, 2]), ([6], [2])], tiny.PAD, tiny.CPU)
    return combine(settings, learned, ROWS, ROWS)(PROMPTS, RESPONSES, tokens, made.trunk(tokens))


def test_the_total_is_the_weighted_sum_and_the_parts_are_kept_unweighted(own):
    found = score({"length": {"use": f"{own}:length", "weight": 0.5}, "vowels": {"use": f"{own}:vowels", "weight": -2}})
    assert_close(found.parts, {"length": torch.tensor([4.0, 0.0, 2.0]), "vowels": torch.tensor([1.0, 0.0, 1.0])})
    assert_close(found.total_B, torch.tensor([0.0, 0.0, -1.0]))


def test_a_part_is_normalised_on_the_references_then_clipped(own):
    # The references have 1, 3 and 5 letters: mean 3, standard deviation sqrt(8 / 3).
    spread = math.sqrt(8 / 3)
    found = score({"length": {"use": f"{own}:length", "normalise": True, "clip": (-1.5, 0.5)}})
    assert_close(found.total_B, torch.tensor([0.5, -1.5, (2 - 3) / spread]))


def test_a_rule_may_look_its_row_up_and_leaves_unknown_prompts_out(own):
    found = score({"longer": {"use": f"{own}:Longer", "options": {"by": 3.0}}})
    assert_close(found.parts["longer"], torch.tensor([1.0, 0.0, math.nan]), equal_nan=True)
    assert_close(found.total_B, torch.tensor([1.0, 0.0, 0.0]))


def test_a_rule_that_takes_many_texts_at_once_is_asked_once(own):
    assert_close(score({"many": {"use": f"{own}:Many"}}).total_B, torch.tensor([7.0, 3.0, 11.0]))


def test_the_learned_part_scores_tokens_and_states(own):
    torch.manual_seed(0)
    made = tiny.split()
    learned = LearnedReward(made, None, ScalarHead(made.hidden_size, init="normal"))
    tokens = pack([([5, 6], [7, 8, 2]), ([5], [9, 2]), ([6], [2])], tiny.PAD, tiny.CPU)
    alone = learned(tokens, made.trunk(tokens))
    assert alone.unique().numel() == 3
    found = score({"style": {"weight": 2.0}, "length": {"use": f"{own}:length"}}, learned)
    assert_close(found.parts["style"], alone)
    assert_close(found.total_B, 2 * alone + torch.tensor([4.0, 0.0, 2.0]))


def test_a_file_is_run_once_however_many_parts_it_has(own, tmp_path):
    own.write_text(f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n{OWN}")
    score({"a": {"use": f"{own}:length"}, "b": {"use": f"{own}:vowels"}})
    assert (tmp_path / "runs").read_text() == "x"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"use": "wrods"}, "Unknown reward 'wrods'"),
        ({"use": "{own}:lenght"}, "Did you mean 'length'"),
        ({"use": "nowhere.py:length"}, "There is no file"),
        ({"use": "{own}:text"}, "gave 'abcd' for the response 'abcd'; it must be a finite number"),
        ({"use": "{own}:infinite"}, "gave inf for"),
        ({"use": "{own}:fails"}, r"own\.py, line 44: ZeroDivisionError"),
        ({"use": "{own}:number"}, "must be a function"),
        ({"use": "{own}:Plain"}, "must be a function"),
        ({"use": "{own}:length", "options": {"x": 1}}, "takes no options"),
        ({"use": "{own}:Longer", "options": {"bye": 1}}, "Unknown key 'bye'.*Did you mean 'by'"),
        ({"use": "{own}:same", "normalise": True}, "same for all reference answers"),
        ({}, "no stage `reward` comes before"),
    ],
)
def test_what_is_wrong_with_a_part_is_said(own, part, said):
    part = {name: value.replace("{own}", str(own)) if isinstance(value, str) else value for name, value in part.items()}
    with pytest.raises(UserError, match=said):
        score({"part": part})


def test_a_file_that_cannot_be_run_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    for _ in range(2):
        with pytest.raises(UserError, match=r"broken\.py cannot be run: SyntaxError"):
            score({"part": {"use": f"{tmp_path / 'broken.py'}:f"}})


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"clip": (1.0, 1.0)}, r"clip = \[1.0, 1.0\] must be a lower and a higher number"),
        ({"normalise": True}, r"has its options in \[reward\]"),
        ({"options": {"a": 1}}, r"has its options in \[reward\]"),
    ],
)
def test_settings_that_cannot_act_are_refused(part, said):
    with pytest.raises(UserError, match=said):
        build(PartSettings, part)
