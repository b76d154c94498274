"""Law: the matrices of frozen blocks are quantized, nothing else; the model stays near itself and trains as before."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from topgraft.data.template import LengthSettings, Template
from topgraft.errors import UserError
from topgraft.model.load import Loaded, ModelSettings, load
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

HAS = importlib.util.find_spec("bitsandbytes") is not None
needs = pytest.mark.skipif(not HAS, reason='bitsandbytes is not installed: pip install "topgraft[quant]"')
KINDS = {"8bit": "Linear8bitLt", "4bit": "Linear4bit"}


WIDER = {"llama": {"hidden_size": 64, "intermediate_size": 128}, "gpt2": {"n_embd": 64}}
"""4 bits need rows of 64."""


@pytest.fixture
def folder(tmp_path: Path, tokenizer) -> Path:
    return saved("llama", tmp_path / "wider", tokenizer)


def saved(architecture: str, folder: Path, tokenizer) -> Path:
    tiny.model(architecture, **WIDER[architecture]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def loaded(folder: Path, kind: str, layers: str = "last-2") -> Loaded:
    return load(ModelSettings(name=str(folder), layers=layers, quantize=kind))


def matrices(made: Loaded) -> dict[str, str]:
    """The kind of every linear layer, by name."""
    return {name: type(part).__name__ for name, part in made.split.model.named_modules() if isinstance(part, nn.Linear)}


@needs
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_blocks_are_quantized_and_nothing_else(kind: str, folder: Path):
    plain, made = loaded(folder, "none"), loaded(folder, kind)
    found = matrices(made)
    assert found.keys() == matrices(plain).keys()
    for name, what in found.items():
        assert what == (KINDS[kind] if name.startswith(("model.layers.0.", "model.layers.1.")) else "Linear"), name
    theirs = dict(plain.split.model.named_parameters())
    for name, weight in made.split.model.named_parameters():
        if found.get(name.removesuffix(".weight")) in (None, "Linear"):
            assert torch.equal(weight, theirs[name]), name


def unpacked(layer: nn.Module) -> torch.Tensor:
    """What a quantized matrix stands for, [out, in]."""
    from bitsandbytes.functional import dequantize_4bit

    if type(layer).__name__ == "Linear4bit":
        return dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return layer.weight.data.float() * layer.state.SCB[:, None] / 127


def norm_of_difference(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    """As a share of the norm of `theirs`."""
    return float((torch.cat(ours) - torch.cat(theirs)).norm() / torch.cat(theirs).norm())


@needs
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize(("kind", "rounding", "apart"), [("8bit", 0.01, 0.05), ("4bit", 0.1, 1e-4)])
@torch.no_grad()
def test_states_are_those_of_the_rounded_matrices(architecture, kind, rounding, apart, tmp_path: Path, tokenizer):
    """A random model carries rounding far, so it is compared with itself, its matrices rounded alike. With 8 bits the
    states that a matrix multiplies are rounded as well."""
    folder = saved(architecture, tmp_path / "model", tokenizer)
    plain, made = loaded(folder, "none"), loaded(folder, kind)
    parts = dict(plain.split.model.named_modules())
    for name, layer in made.split.model.named_modules():
        if type(layer).__name__ != KINDS[kind]:
            continue
        matrix, rounded = parts[name].weight.data, unpacked(layer)
        lies = rounded.t() if isinstance(parts[name], Conv1D) else rounded
        assert 0 < (lies - matrix).norm() < rounding * matrix.norm(), name
        matrix.copy_(lies)
    tokens = tiny.random_tokens([(6, 5), (3, 8)])
    ours, theirs = (tiny.rows_of(side.split.trunk(tokens)) for side in (made, plain))
    assert norm_of_difference(ours, theirs) < apart


@needs
@pytest.mark.parametrize("kind", KINDS)
def test_the_branch_learns_and_sampled_states_are_those_of_a_pass(kind: str, folder: Path, tokenizer):
    made = loaded(folder, kind)
    made.split.slots.add("sft")
    weights = [weight.requires_grad_() for weight in made.split.slots.weights("sft")]
    tokens = tiny.random_tokens([(6, 5), (3, 8)])
    with made.split.slots.use("sft", learning=True):
        logprobs_R, _ = made.split.logprobs(made.split.branch(made.split.trunk(tokens)), tokens)
    logprobs_R.sum().backward()
    assert all(weight.grad is not None for weight in weights)
    assert max(float(weight.grad.abs().max()) for weight in weights if weight.grad is not None) > 1e-3
    template = Template(tokenizer, (tiny.END,), tiny.VOCABULARY, LengthSettings(max_response_tokens=12))
    prompts, seeded = [[5, 6, 7], [9, 10, 11, 12, 13, 14]], torch.Generator().manual_seed(0)
    rollouts = sample(made.split, template, prompts, SamplingSettings(), seeded)
    fresh = made.split.trunk(rollouts.tokens)
    apart = norm_of_difference(tiny.rows_of(rollouts.trunk), tiny.rows_of(fresh))
    assert apart < (0.05 if kind == "8bit" else 1e-4)  # which states 8 bits round depends on what passes with them


@needs
@pytest.mark.parametrize("kind", KINDS)
def test_the_digest_tells_models_apart_that_differ_only_in_scale(kind: str, folder: Path, tmp_path: Path):
    copy = Path(shutil.copytree(folder, tmp_path / "model"))
    weights = load_file(copy / "model.safetensors")
    scaled = {name: 2 * value if "layers.0.mlp.up" in name else value for name, value in weights.items()}
    save_file(scaled, copy / "model.safetensors", metadata={"format": "pt"})
    digests = [loaded(place, how).split.base_digest for place in (folder, copy) for how in (kind, kind, "none")]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


@needs
def test_a_model_that_is_trained_from_its_first_block_has_nothing_to_quantize(folder: Path):
    for layers in ("all", "full", "first-2"):
        with pytest.raises(UserError, match=r'quantize = "4bit" has nothing to quantize: block 0 is trained'):
            loaded(folder, "4bit", layers)


@needs
def test_rows_that_four_bits_cannot_hold_on_a_cpu_are_refused(model_folder: Path):
    with pytest.raises(UserError, match=r"width is a multiple of 64; this model has 32\. Use \"8bit\""):
        loaded(model_folder, "4bit")
    assert loaded(model_folder, "8bit").split.split_layer == 2


def test_a_missing_library_is_named_with_the_way_to_install_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # Python's way to say that there is none
    with pytest.raises(UserError, match=r'"8bit" needs bitsandbytes, which is not installed: pip install "topgraft\[q'):
        loaded(folder, "8bit")
