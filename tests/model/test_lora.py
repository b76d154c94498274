"""Law: a frozen matrix and its adapter in one operation give what they give one after the other, gradients included."""

import pytest
import tiny
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.testing import assert_close

from topgraft.model.adapters import LoraSettings, Slots
from topgraft.model.lora import _Adapted, adapt
from topgraft.model.split import cut, find_blocks


def slots(architecture: str, dropout: float = 0.0, dtype: torch.dtype = torch.float64) -> Slots:
    """One filled slot on the last block."""
    model = tiny.model(architecture).to(dtype).requires_grad_(False)
    settings = LoraSettings(rank=4, alpha=12, dropout=dropout, targets=("q_proj", "down_proj"))
    made = Slots(model, cut(model, 3), find_blocks(model)[1], [3], settings)
    made.add("sft")
    torch.manual_seed(0)
    for weight in made.weights("sft"):
        weight.normal_().requires_grad_()
    return made


def layers(made: Slots) -> list[LoraLayer]:
    found = [module for module in made.model.modules() if isinstance(module, LoraLayer)]
    assert len(found) == 2
    return found


def gradients(made: Slots, layer: LoraLayer, forward, states: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Output, and the gradients of states and adapter."""
    weights = [states.requires_grad_(), layer.lora_A["sft"].weight, layer.lora_B["sft"].weight]
    with made.use("sft", learning=True):
        torch.manual_seed(1)
        out = forward(states)
    return out.detach(), *torch.autograd.grad((out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum(), weights)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2"])
def test_output_and_gradients_are_those_of_the_steps_one_by_one(architecture):
    made = slots(architecture)
    for layer in layers(made):
        states = torch.randn(2, 5, layer.in_features, dtype=torch.float64)
        ours = gradients(made, layer, layer, states)
        theirs = gradients(made, layer, lambda states, layer=layer: type(layer).forward(layer, states), states)
        assert_close(ours, theirs, atol=1e-11, rtol=1e-11)


def test_worked_by_hand():
    states, matrix, bias = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([5.0])
    down, up = torch.tensor([[0.5, 0.25]]), torch.tensor([[2.0]])
    inputs = [given.double().requires_grad_() for given in (states, down, up)]
    out = _Adapted.apply(inputs[0], matrix.double(), bias.double(), inputs[1], inputs[2], 3.0)
    assert out.item() == 3 + 8 + 5 + 3 * 2 * (0.5 + 0.5)
    to_states, to_down, to_up = torch.autograd.grad(out.sum(), inputs)
    assert to_states.tolist() == [[3 + 3 * 2 * 0.5, 4 + 3 * 2 * 0.25]]
    assert to_down.tolist() == [[3 * 2 * 1.0, 3 * 2 * 2.0]]
    assert to_up.tolist() == [[3 * 1.0]]


def test_gradients_equal_differences():
    torch.manual_seed(0)
    shapes = ((3, 4, 6), (5, 6), (5,), (2, 6), (5, 2))
    states, matrix, bias, down, up = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    learned = [given.requires_grad_() for given in (states, down, up)]
    torch.autograd.gradcheck(lambda x, a, b: _Adapted.apply(x, matrix, bias, a, b, 0.7), learned)


def test_dropout_acts_where_a_slot_learns_and_nowhere_else():
    made = slots("llama", dropout=0.5)
    layer = layers(made)[0]
    states = torch.randn(4, 32, dtype=torch.float64)
    learning = gradients(made, layer, layer, states)[0]
    assert_close(learning, gradients(made, layer, lambda states: type(layer).forward(layer, states), states)[0])
    with made.use("sft"), torch.no_grad():
        plain = layer(states)
        assert_close(plain, type(layer).forward(layer, states))
    assert (learning - plain).abs().max() > 0.1


def test_the_base_acts_alone_without_a_slot_and_half_precision_keeps_its_adapter_in_full():
    made = slots("llama", dtype=torch.bfloat16)
    layer = layers(made)[0]
    states = torch.randn(4, 32, dtype=torch.bfloat16)
    with made.use(None):
        assert torch.equal(layer(states), layer.get_base_layer()(states))
    layer.lora_A["sft"].float()
    layer.lora_B["sft"].float()
    with made.use("sft"), torch.no_grad():
        assert layer(states).dtype == torch.bfloat16
        assert torch.equal(layer(states), type(layer).forward(layer, states))
    assert isinstance(layer.get_base_layer(), nn.Linear)


def test_an_adapter_that_is_more_than_two_matrices_acts_as_peft_has_it():
    for more in ({"use_dora": True}, {"lora_bias": True}):
        torch.manual_seed(0)
        model = tiny.model("llama")
        config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False, **more)
        wrapped = get_peft_model(model, config)
        layer = next(module for module in wrapped.modules() if isinstance(module, LoraLayer))
        states = torch.randn(4, 32)
        with torch.no_grad():
            for name, weight in layer.named_parameters():
                if "base_layer" not in name:
                    weight.normal_()
            expected = layer(states)
            adapt(layer)
            assert_close(layer(states), expected, atol=0, rtol=0)
