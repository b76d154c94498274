"""Law: an alias adapts the same part of every architecture, exactly, and what is saved of it loads in plain peft."""

from pathlib import Path

import pytest
import tiny
import torch
from architectures import LISTED, OTHERS
from torch.testing import assert_close

from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings
from topgraft.model.split_model import SplitModel
from topgraft.model.targets import describe, numbers

LLAMA = {
    "attention": "self_attn: q_proj k_proj v_proj o_proj",
    "ffn": "mlp: gate_proj up_proj down_proj",
    "qv": "self_attn: q_proj v_proj",
}
NEOX = {"ffn": "mlp: dense_h_to_4h dense_4h_to_h"}
FALCON = NEOX | {"attention": "self_attention: query_key_value dense", "qv": "self_attention: query_key_value"}
EXPERTS = LLAMA | {"ffn": None}
MODULES = {
    **dict.fromkeys((*LISTED, *OTHERS), LLAMA),
    "phi3": {
        "attention": "self_attn: qkv_proj o_proj",
        "ffn": "mlp: gate_up_proj down_proj",
        "qv": "self_attn: qkv_proj",
    },
    "gpt_oss": EXPERTS,
    "gpt2": {"attention": "attn: c_attn c_proj", "ffn": "mlp: c_fc c_proj", "qv": "attn: c_attn"},
    "gpt_neox": NEOX | {"attention": "attention: query_key_value dense", "qv": "attention: query_key_value"},
    "starcoder2": LLAMA | {"ffn": "mlp: c_fc c_proj"},
    "falcon": FALCON,
    "phi": LLAMA | {"attention": "self_attn: q_proj k_proj v_proj dense", "ffn": "mlp: fc1 fc2"},
    "mpt": {"attention": "attn: Wqkv out_proj", "ffn": "ffn: up_proj down_proj", "qv": "attn: Wqkv"},
    "bloom": FALCON,
    "xglm": LLAMA | {"attention": "self_attn: q_proj k_proj v_proj out_proj", "ffn": ": fc1 fc2"},
    "qwen3_moe": EXPERTS,
    "lfm2": LLAMA | {"attention": "self_attn: q_proj k_proj v_proj out_proj", "ffn": "feed_forward: w1 w2 w3"},
}
"""What each alias adapts in the last block of an architecture; None: nothing."""
BELOW = MODULES | {
    "lfm2": {"attention": "", "qv": "", "ffn": "feed_forward: w1 w2 w3"},
    "qwen3_5_text": LLAMA
    | {
        "attention": "linear_attn: in_proj_qkv in_proj_z in_proj_b in_proj_a out_proj",
        "qv": "linear_attn: in_proj_qkv",
    },
}
"""The same in block 2, which is of another kind in two of them."""
FUSED = ("gpt2", "gpt_neox", "phi3", "falcon", "mpt", "bloom", "qwen3_5_text")
CASES = [(name, alias) for name, found in MODULES.items() for alias in found if found[alias] is not None]
REFUSED = [(name, alias) for name, found in MODULES.items() for alias in found if found[alias] is None]


def split(architecture: str, *targets: str, layers: tuple[int, ...] = (2, 3)) -> SplitModel:
    return SplitModel(tiny.model(architecture), list(layers), LoraSettings(rank=2, alpha=4, targets=targets))


def spelled(part: str) -> set[str]:
    where, _, names = part.partition(":")
    return {f"{where}.{name}".removeprefix(".") for name in names.split()}


def adapted(made: SplitModel, slot: str) -> dict[int, set[str]]:
    """Block -> the modules in it that have both matrices of an adapter."""
    found: dict[int, dict[str, int]] = {}
    for name, _ in made.slots.named_weights(slot):
        words = name.split(".lora_")[0].split(".")
        place = next(place for place, word in enumerate(words) if word.isdigit())
        counts = found.setdefault(int(words[place]), {})
        path = ".".join(words[place + 1 :])
        counts[path] = counts.get(path, 0) + 1
    assert all(count == 2 for counts in found.values() for count in counts.values())
    return {number: set(counts) for number, counts in found.items()}


@pytest.mark.parametrize(("architecture", "alias"), CASES)
def test_an_alias_adapts_exactly_its_part_of_the_trained_blocks(architecture: str, alias: str):
    made = split(architecture, alias)
    made.slots.add("sft")
    expected = {2: spelled(BELOW[architecture][alias]), 3: spelled(MODULES[architecture][alias])}
    assert adapted(made, "sft") == {number: modules for number, modules in expected.items() if modules}
    said = [note for note in made.slots.check_targets() if note.endswith("one matrix for query, key and value")]
    assert len(said) == (alias == "qv" and architecture in FUSED)
    made.slots.add("ppo", copy_of="sft")
    assert adapted(made, "ppo") == adapted(made, "sft")


@pytest.mark.parametrize("architecture", MODULES)
@torch.no_grad()
def test_what_aliases_adapted_loads_in_plain_peft_with_the_same_outputs(architecture: str, tmp_path: Path):
    aliases = [alias for alias in ("attention", "ffn") if MODULES[architecture][alias] is not None]
    made, tokens = split(architecture, *aliases), tiny.random_tokens([(5, 4), (2, 3)])
    made.slots.add("sft")
    tiny.fill(made, "sft")
    whole = tiny.unsplit(made, "sft", tmp_path, architecture)
    state = made.trunk(tokens)
    base = made.logits(made.branch(state))
    with made.slots.use("sft"):
        ours = made.logits(made.branch(state))
    for row, expected in enumerate(tiny.read_logits(whole, tokens)):
        assert_close(ours[row, : len(expected)], expected, atol=1e-4, rtol=1e-4)
        assert (ours - base)[row, : len(expected)].abs().max() > 1e-2
    again = split(architecture, *aliases)
    again.slots.load("policy", tmp_path / "sft")
    assert adapted(again, "policy") == adapted(made, "sft")


@pytest.mark.parametrize(("architecture", "alias"), REFUSED)
def test_experts_in_one_tensor_are_not_adapted_in_silence(architecture: str, alias: str):
    made = split(architecture, "attention", alias)
    with pytest.raises(
        UserError, match=rf'"ffn" cannot be .* {architecture} model: the experts of blocks 0-3 .*k_proj'
    ):
        made.slots.check_targets()


@pytest.mark.parametrize("target", ["ffn", "down_proj"])
def test_a_layer_with_the_name_of_experts_elsewhere_is_refused(target: str):
    # peft would adapt the experts of all blocks by that name, those of the trunk as well.
    made = SplitModel(tiny.model("qwen3_moe", mlp_only_layers=[2, 3]), [2, 3], LoraSettings(targets=(target,)))
    with pytest.raises(UserError, match=rf'"{target}" cannot be adapted .* experts of blocks 0-1 are stacked'):
        made.slots.check_targets()


@pytest.mark.parametrize("target", ["attention", "qv", "q_proj"])
def test_targets_that_only_other_blocks_have_are_refused_where_nothing_else_is_adapted(target: str):
    with pytest.raises(
        UserError, match=rf"\['{target}'\]: blocks 0, 2 of this lfm2 .* but in_proj, out_proj, w1, w2, w3"
    ):
        split("lfm2", target, layers=(0, 2)).slots.check_targets()
    made = split("lfm2", target, "w1", layers=(0, 2))
    made.slots.add("sft")
    assert adapted(made, "sft") == {0: {"feed_forward.w1"}, 2: {"feed_forward.w1"}}


def test_an_alias_that_a_model_has_no_modules_for_is_refused():
    made = SplitModel(tiny.model("llama"), [3], LoraSettings(targets=("qv",)))
    for block in made.parts.blocks:
        for name in ("q_proj", "v_proj"):
            block.self_attn.add_module(f"odd_{name}", block.self_attn._modules.pop(name))
    with pytest.raises(UserError, match=r"this llama model has no module 'qv'\. Known: .*odd_q_proj, odd_v_proj"):
        made.slots.check_targets()


def test_aliases_stand_beside_names_and_near_misses_are_told():
    made = split("llama", "qv", "down_proj", "v_proj")
    made.slots.add("sft")
    assert adapted(made, "sft")[3] == spelled(LLAMA["qv"]) | {"mlp.down_proj"}
    with pytest.raises(UserError, match=r"'atention'\. Did you mean 'attention'"):
        split("llama", "atention").slots.check_targets()


def test_names_of_llama_say_what_they_are_in_gpt2():
    made = split("gpt2", "q_proj", "v_proj", "o_proj")
    made.slots.add("sft")
    assert adapted(made, "sft")[2] == {"attn.c_attn", "attn.c_proj"}
    assert made.slots.check_targets() == [
        f'"{name}" adapts attn.c_attn, one matrix for query, key and value' for name in ("q_proj", "v_proj")
    ]
    assert split("gpt2", "c_attn").slots.check_targets() == []


def test_a_slot_is_described_by_its_modules_blocks_and_rank():
    described = {}
    for name, *targets in (("llama", "qv"), ("gpt2", "attention", "ffn"), ("qwen3_5_text", "qv")):
        made = split(name, *targets, layers=(0, 1, 3))
        made.slots.add("sft")
        described[name] = made.slots.describe("sft")
    assert described == {
        "llama": "q_proj, v_proj of blocks 0-1, 3, rank 2",
        "gpt2": "attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj of blocks 0-1, 3, rank 2",
        "qwen3_5_text": "in_proj_qkv of block 0; q_proj, v_proj of blocks 1, 3, rank 2",
    }


def test_numbers_and_modules_worked_by_hand():
    assert numbers([7, 4, 5, 6, 1]) == "1, 4-7"
    assert numbers([3]) == "3"
    assert describe({0: ["a.x", "b.x"], 1: ["a.x"], 2: ["a.x", "b.x"]}) == "a.x, b.x of blocks 0, 2; a.x of block 1"
