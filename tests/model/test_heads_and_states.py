"""Law: heads start as the papers say and load strictly; trunk states are refused by any base or split but their own."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from topgraft.errors import UserError
from topgraft.model.heads import ScalarHead
from topgraft.model.split_model import digest


def test_a_value_head_starts_at_zero():
    assert_close(ScalarHead(32, init="zero")(torch.randn(4, 32)), torch.zeros(4), atol=0, rtol=0)


def test_a_reward_head_starts_with_deviation_1_over_root_of_hidden_size_plus_1_and_no_bias():
    torch.manual_seed(0)
    head = ScalarHead(40_000, init="normal")
    deviation = head.linear.weight.std().item() * math.sqrt(40_001)
    assert abs(deviation - 1) < 0.02  # five standard errors of 40,000 draws
    assert head.linear.bias.item() == 0


def test_gain_and_shift_act_on_the_raw_score_and_are_not_learned():
    head = ScalarHead(3, init="normal")
    hidden = torch.randn(2, 5, 3)
    raw = head(hidden)
    head.gain.fill_(2.0)
    head.shift.fill_(-1.0)
    assert raw.shape == (2, 5)
    assert_close(head(hidden), 2 * raw - 1)
    assert {name for name, _ in head.named_parameters()} == {"linear.weight", "linear.bias"}


def test_a_head_comes_back_from_disk_whole(tmp_path: Path):
    head = ScalarHead(8, init="normal")
    head.gain.fill_(3.0)
    head.shift.fill_(0.5)
    head.save(tmp_path / "new" / "folder")
    again = ScalarHead(8, init="zero")
    again.load(tmp_path / "new" / "folder")
    hidden = torch.randn(4, 8)
    assert_close(again(hidden), head(hidden), atol=0, rtol=0)


@pytest.mark.parametrize("harm", ["missing", "unexpected", "shape", "no file"])
def test_a_head_that_is_not_this_head_is_refused(harm: str, tmp_path: Path):
    ScalarHead(8, init="normal").save(tmp_path)
    weights = load_file(tmp_path / "head.safetensors")
    if harm == "missing":
        del weights["gain"]
    elif harm == "unexpected":
        weights["surplus"] = torch.ones(1)
    elif harm == "shape":
        weights["linear.weight"] = torch.ones(1, 9)
    save_file(weights, tmp_path / "head.safetensors")
    if harm == "no file":
        (tmp_path / "head.safetensors").unlink()
    with pytest.raises(UserError, match=r"head\.safetensors"):
        ScalarHead(8, init="zero").load(tmp_path)


def test_a_trunk_state_of_another_base_is_refused():
    state = tiny.split(seed=0).trunk(tiny.random_tokens([(2, 2)]))
    with pytest.raises(UserError, match=state.base_digest):
        tiny.split(seed=1).branch(state)


def test_a_trunk_state_of_another_split_is_refused():
    state = tiny.split(layers=(2, 3)).trunk(tiny.random_tokens([(2, 2)]))
    with pytest.raises(UserError, match=r"split at 2.*split at 3"):
        tiny.split(layers=(3,)).branch(state)


def test_a_state_relabelled_with_this_base_is_accepted_so_the_label_is_what_is_checked():
    state = tiny.split(seed=0).trunk(tiny.random_tokens([(2, 2)]))
    other = tiny.split(seed=1)
    assert other.branch(replace(state, base_digest=other.base_digest)).shape == (1, 3, 32)


def test_the_digest_is_of_the_base_alone_and_sees_one_changed_weight():
    made = tiny.split()
    made.slots.add("sft")
    tiny.fill(made, "sft")
    assert digest(made.model) == made.base_digest == tiny.split().base_digest
    with torch.no_grad():
        next(iter(made.parts.blocks[0].parameters())).view(-1)[0] += 1e-3
    assert digest(made.model) != made.base_digest


def test_the_meter_counts_real_tokens_once_a_pass_and_nothing_at_split_0():
    made, tokens = tiny.split(), tiny.random_tokens([(4, 3), (2, 1), (5, 5)])
    assert made.meter.tokens_in == 0
    made.trunk(tokens, tokens_at_once=10)
    assert made.meter.tokens_in == 20
    made.trunk(tokens)
    assert made.meter.tokens_in == 40
    assert made.meter.counts
    assert not tiny.split(layers=(0, 3)).meter.counts


@torch.no_grad()
def test_the_branch_and_the_head_never_enter_the_trunk():
    made, tokens = tiny.split(), tiny.random_tokens([(4, 3)])
    state = made.trunk(tokens)
    before = made.meter.tokens_in
    made.logprobs(made.branch(state), tokens)
    assert made.meter.tokens_in == before
