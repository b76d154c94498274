"""Law: norm, rotation and gate in fewer passes give what the library's own classes give, gradients included, and a
module that computes something else is left as it is."""

import copy

import pytest
import tiny
import torch
from architectures import LISTED
from torch import nn
from torch.testing import assert_close

from topgraft.model import lean
from topgraft.model.lean import _Gate, _lean_rotation, _Norm, _Turned

TAKEN = {
    "llama": {"LlamaAttention", "LlamaMLP", "LlamaRMSNorm"},
    "qwen3": {"Qwen3Attention", "Qwen3MLP", "Qwen3RMSNorm"},
    "mistral": {"MistralAttention", "MistralMLP", "MistralRMSNorm"},
    "olmo2": {"Olmo2Attention", "Olmo2MLP", "Olmo2RMSNorm"},
    "gemma2": {"Gemma2Attention"},
    "gpt2": set(),
}
"""Gemma's norm multiplies by 1 + weight and its gate is not silu's; GPT-2 has none of the three."""


@pytest.fixture(autouse=True)
def small_states_are_turned_too(monkeypatch):
    monkeypatch.setattr(lean, "WORTH_TURNING", 0)


def taken(model: nn.Module) -> set[str]:
    return {type(module).__name__ for module in model.modules() if "forward" in vars(module)}


def run(model: nn.Module, states_BTH: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Logits, and the gradients of the input and of every weight."""
    model.requires_grad_(True)
    logits = model(inputs_embeds=states_BTH.requires_grad_(), use_cache=False).logits
    slope = torch.linspace(-1, 2, logits.numel()).view_as(logits)
    learned = [weight for weight in model.parameters() if weight is not model.get_input_embeddings().weight]
    found = torch.autograd.grad((logits * slope).sum(), [states_BTH, *learned], allow_unused=True)
    return logits.detach(), *(grad for grad in found if grad is not None)


@pytest.mark.parametrize("architecture", LISTED)
def test_logits_and_every_gradient_are_the_librarys(architecture):
    plain, ours = tiny.model(architecture), tiny.model(architecture)
    lean.lean(ours)
    states_BTH = torch.randn(3, 7, 32, generator=torch.Generator().manual_seed(1))
    for mine, theirs in zip(run(ours, states_BTH), run(plain, states_BTH), strict=True):
        assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("architecture", TAKEN)
def test_what_is_taken(architecture, dtype):
    model = tiny.model(architecture, dtype=dtype)
    lean.lean(model)
    assert taken(model) == TAKEN[architecture]


def test_half_precision_is_the_librarys_to_the_last_bit():
    plain, ours = tiny.model("llama").bfloat16(), tiny.model("llama").bfloat16()
    lean.lean(ours)
    states_BTH = torch.randn(2, 5, 32, dtype=torch.bfloat16)
    assert taken(ours) == {"LlamaAttention"}
    with torch.no_grad():
        assert torch.equal(ours(inputs_embeds=states_BTH).logits, plain(inputs_embeds=states_BTH).logits)


def test_norm_by_hand():
    states, weight = torch.tensor([3.0, 4.0, 0.0, 0.0]), torch.tensor([1.0, 2.0, 1.0, 1.0])
    assert_close(_Norm.apply(states, weight, 0.0), torch.tensor([1.2, 3.2, 0.0, 0.0]))  # root mean square 2.5
    assert_close(_Norm.apply(torch.zeros(4), weight, 1e-6), torch.zeros(4))


def test_gate_by_hand():
    assert_close(_Gate.apply(torch.tensor([0.0, 1.0]), torch.tensor([5.0, -2.0])), torch.tensor([0.0, -1.462117]))


def test_rotation_by_hand():
    cos, sin = torch.tensor([0.6, 0.6]), torch.tensor([0.8, 0.8])
    assert_close(_Turned.apply(torch.tensor([1.0, 0.0]), cos, sin), torch.tensor([0.6, 0.8]))
    assert_close(_Turned.apply(torch.tensor([0.0, 1.0]), cos, sin), torch.tensor([-0.8, 0.6]))


def test_gradients_equal_differences():
    torch.manual_seed(0)
    states, weight, gate, cos, sin = (torch.randn(shape, dtype=torch.float64) for shape in ((2, 3, 6), 6, (2, 6), 6, 6))
    learned = [given.requires_grad_() for given in (states, weight)]
    torch.autograd.gradcheck(lambda x, w: _Norm.apply(x, w, 1e-3), learned)
    torch.autograd.gradcheck(_Gate.apply, [gate.requires_grad_(), torch.randn_like(gate).requires_grad_()])
    torch.autograd.gradcheck(lambda x: _Turned.apply(x, cos, sin), [states])


def test_a_copy_computes_with_its_own_weights():
    model = tiny.model("llama")
    lean.lean(model)
    states_BTH = torch.randn(1, 4, 32)
    with torch.no_grad():
        before = model(inputs_embeds=states_BTH).logits
        other = copy.deepcopy(model)
        for weight in other.model.parameters():
            weight.zero_()
        assert torch.equal(model(inputs_embeds=states_BTH).logits, before)
        assert other(inputs_embeds=states_BTH).logits.abs().max() == 0


class TwiceRMSNorm(nn.Module):
    """A norm by its name that is none of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(8)), 1e-6

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return 2 * nn.functional.rms_norm(states, (8,), self.weight, self.eps)


def apply_rotary_pos_emb(query, key, cos, sin, unsqueeze_dim=1):
    """Turns the other way round."""
    return query * cos.unsqueeze(1), key * sin.unsqueeze(1)


class Turning(nn.Module):
    def forward(self, query, key, cos, sin):
        return apply_rotary_pos_emb(query, key, cos, sin)


class Scaled(nn.Module):
    """A gate as the library has it, its output halved."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = (nn.Linear(8, 8) for _ in range(3))
        self.act_fn = nn.SiLU()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.gate_proj(states)) * self.up_proj(states)) / 2


def test_what_computes_something_else_is_left_alone():
    model = nn.ModuleList([TwiceRMSNorm(), Turning(), Scaled()])
    lean.lean(model)
    assert taken(model) == set()


def test_a_rotation_of_fewer_dimensions_than_the_states_have_is_the_modules_own():
    kind = type(tiny.model("llama").model.layers[0].self_attn)
    made = _lean_rotation(kind)
    assert made is not None
    rotate, theirs = made.__globals__[lean.ROTATE], kind.forward.__globals__[lean.ROTATE]
    query, narrow = torch.randn(1, 2, 3, 8), torch.randn(1, 3, 1)
    for ours, expected in zip(rotate(query, query, narrow, narrow), theirs(query, query, narrow, narrow), strict=True):
        assert torch.equal(ours, expected)
