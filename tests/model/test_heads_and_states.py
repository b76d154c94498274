"""Law: heads start as the papers say and load strictly; trunk states are refused by any base or split but their own."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close

from topgraft.errors import UserError
from topgraft.model.digest import digest
from topgraft.model.heads import ScalarHead

KINDS = pytest.mark.parametrize("kind", ["linear", "mlp"])


@KINDS
def test_a_value_head_starts_at_zero(kind: str):
    assert_close(ScalarHead(32, init="zero", kind=kind)(torch.randn(4, 32)), torch.zeros(4), atol=0, rtol=0)


def test_a_reward_head_starts_with_deviation_1_over_root_of_hidden_size_plus_1_and_no_bias():
    torch.manual_seed(0)
    head = ScalarHead(40_000, init="normal")
    deviation = head.linear.weight.std().item() * math.sqrt(40_001)
    assert abs(deviation - 1) < 0.02  # five standard errors of 40,000 draws
    assert head.linear.bias.item() == 0


def test_an_mlp_head_starts_with_scores_as_spread_as_those_of_a_linear_one():
    torch.manual_seed(0)
    hidden = torch.randn(200, 64)
    for kind in ("linear", "mlp"):
        scores = torch.stack([ScalarHead(64, init="normal", kind=kind)(hidden) for _ in range(50)])
        assert 0.6 < scores.std().item() < 1.4, kind
        assert abs(scores.mean().item()) < 0.4, kind


def sequential(head: ScalarHead) -> nn.Sequential:
    """The MLP head as PyTorch's own modules, on the same weights."""
    first, second = head.layers
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(0.1), second, nn.ReLU(), nn.Dropout(0.1), head.linear)


def test_the_mlp_head_is_512_256_1_with_relu():
    head = ScalarHead(8, init="normal", kind="mlp")
    shapes = {name: list(weight.shape) for name, weight in head.named_parameters()}
    assert shapes == {
        "layers.0.weight": [512, 8],
        "layers.0.bias": [512],
        "layers.1.weight": [256, 512],
        "layers.1.bias": [256],
        "linear.weight": [1, 256],
        "linear.bias": [1],
    }
    hidden = torch.randn(4, 8)
    assert_close(head(hidden), sequential(head).eval()(hidden).squeeze(-1))


def test_dropout_acts_in_update_passes_only_and_is_seeded():
    head, hidden = ScalarHead(8, init="normal", kind="mlp"), torch.randn(4, 8)
    assert torch.equal(head(hidden), head(hidden))
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(head(hidden, learning=True))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    torch.manual_seed(1)
    assert_close(found[0], sequential(head).train()(hidden).squeeze(-1))


@KINDS
def test_gain_and_shift_act_on_the_raw_score_and_are_not_learned(kind: str):
    head = ScalarHead(3, init="normal", kind=kind)
    hidden = torch.randn(2, 5, 3)
    raw = head(hidden)
    head.gain.fill_(2.0)
    head.shift.fill_(-1.0)
    assert raw.shape == (2, 5)
    assert_close(head(hidden), 2 * raw - 1)
    assert not {"gain", "shift"} & {name for name, _ in head.named_parameters()}


@KINDS
def test_a_head_comes_back_from_disk_whole(kind: str, tmp_path: Path):
    head = ScalarHead(8, init="normal", kind=kind)
    head.gain.fill_(3.0)
    head.shift.fill_(0.5)
    head.save(tmp_path / "new" / "folder")
    again = ScalarHead(8, init="zero", kind=kind)
    again.load(tmp_path / "new" / "folder")
    hidden = torch.randn(4, 8)
    assert_close(again(hidden), head(hidden), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("missing", r"'gain' is missing"),
        ("unexpected", r"'surplus' is unexpected"),
        ("shape", r"'linear\.weight' has shape \[1, 9\] instead of \[1, 8\]"),
        ("damage", r"damaged"),
        ("no file", r"No head\.safetensors"),
    ],
)
def test_a_head_that_is_not_this_head_is_refused(harm: str, said: str, tmp_path: Path):
    ScalarHead(8, init="normal").save(tmp_path)
    file = tmp_path / "head.safetensors"
    weights = load_file(file)
    if harm == "missing":
        del weights["gain"]
    elif harm == "unexpected":
        weights["surplus"] = torch.ones(1)
    elif harm == "shape":
        weights["linear.weight"] = torch.ones(1, 9)
    save_file(weights, file)
    if harm == "damage":
        file.write_bytes(file.read_bytes()[:-4])
    elif harm == "no file":
        file.unlink()
    with pytest.raises(UserError, match=said) as refused:
        ScalarHead(8, init="zero").load(tmp_path)
    assert "head.safetensors" in str(refused.value)


def test_a_head_of_another_kind_is_refused_by_the_weights_that_it_lacks_or_has(tmp_path: Path):
    ScalarHead(8, init="normal").save(tmp_path)
    with pytest.raises(UserError, match=r"'layers\.0\.weight' is missing.* and 2 more"):
        ScalarHead(8, init="normal", kind="mlp").load(tmp_path)
    ScalarHead(8, init="normal", kind="mlp").save(tmp_path)
    with pytest.raises(UserError, match=r"'layers\.0\.bias' is unexpected"):
        ScalarHead(8, init="normal").load(tmp_path)


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
