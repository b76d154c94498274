"""Law: a decoder that nobody listed is split exactly or refused by the name of its type."""

from pathlib import Path

import pytest
import tiny
import torch
from architectures import DEPTH, LISTED, OTHERS, SIZES, WINDOW
from torch.testing import assert_close
from transformers import AutoConfig, AutoModelForCausalLM

from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings
from topgraft.model.split import INSTEAD, TRIED
from topgraft.model.split_model import SplitModel
from topgraft.model.states import predicting

LENGTHS = [(5, 4), (9, 6), (1, 3), (3, 1)]
NEAR = {"atol": 1e-4, "rtol": 1e-5}
"""Linear attention computes in chunks, and so differs a little with the padding."""

TWO_STACKS = {"d_model": 32, "encoder_layers": DEPTH, "decoder_layers": DEPTH, "decoder_attention_heads": 4}
PICTURES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
PER_BLOCK_INPUTS = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": tiny.VOCABULARY}
REFUSED = {
    "bart": (TWO_STACKS, "one list"),
    "opt": ({"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": DEPTH, "num_attention_heads": 4}, "one list"),
    "gemma3": ({"text_config": {**SIZES, "vocab_size": tiny.VOCABULARY}, "vision_config": PICTURES}, "one list"),
    "nanochat": (
        SIZES,
        "differ from the whole model",
    ),  # one and the same norm stands in front of the blocks and behind
    "gemma4_text": ({**SIZES, **WINDOW, **PER_BLOCK_INPUTS}, "fails"),  # blocks look up the token ids
    "mamba": ({"hidden_size": 32, "num_hidden_layers": DEPTH, "state_size": 4}, "fails"),
    "minimax": (SIZES, "cache"),  # would split, but decodes with a cache of its own
}


@pytest.mark.parametrize("layers", [(3,), (1, 3), (0, 3)], ids=["split3", "split1", "split0"])
@pytest.mark.parametrize("architecture", OTHERS)
@torch.no_grad()
def test_an_architecture_that_nobody_listed_equals_the_unsplit_model(architecture, layers, tmp_path: Path):
    made, tokens = tiny.split(architecture, layers), tiny.random_tokens(LENGTHS)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    found = {}
    for slot in (None, "sft"):
        with made.slots.use(slot):
            found[slot] = made.logits(made.branch(made.trunk(tokens)))
        whole = tiny.unsplit(made, slot, tmp_path, architecture)
        for left in (False, True):
            for row, expected in enumerate(tiny.read_logits(whole, tokens, left=left)):
                assert_close(found[slot][row, : len(expected)], expected, **NEAR)
    assert found[None].std() > 0.1, "logits too flat to show a difference"
    assert predicting(found["sft"] - found[None], tokens).abs().max() > 1e-2


@pytest.mark.parametrize("split_layer", [0, 2])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_split_is_refused_by_name(kind: str, split_layer: int):
    options, why = REFUSED[kind]
    config = AutoConfig.for_model(kind, **{"vocab_size": tiny.VOCABULARY} | options)
    whole = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with pytest.raises(UserError, match=f"'{kind}' cannot be split") as caught:
        SplitModel(whole, [split_layer, 3], tiny.LORA)
    assert why in str(caught.value)
    assert INSTEAD in str(caught.value)


def test_the_architectures_that_are_named_instead_are_those_of_the_tests():
    assert set(TRIED) == set(LISTED)
    assert all(name in INSTEAD for name in LISTED)


@pytest.mark.parametrize("target", ["down_proj", "gate_up_proj"])
def test_experts_in_one_tensor_are_refused_as_targets(target: str):
    made = SplitModel(tiny.model("gpt_oss"), [3], LoraSettings(targets=("q_proj", target)))
    with pytest.raises(UserError, match=rf"no module '{target}'.*attention, ffn, k_proj, o_proj, q_proj, qv, v_proj"):
        made.slots.check_targets()
