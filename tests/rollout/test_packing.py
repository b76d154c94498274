"""Law: packed matrices, the adapter in use added, give the same products, for as long as the context lasts."""

import pytest
import tiny
import torch
from torch import nn
from torch.testing import assert_close

from topgraft.rollout import packing
from topgraft.rollout.packing import WORTH_PACKING, packed

EXACT = {"atol": 1e-5, "rtol": 1e-5}


@pytest.mark.parametrize("width", [80, WORTH_PACKING // 48 + 1])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_products_are_the_same_and_the_layer_is_itself_again_afterwards(bias: bool, width: int):
    torch.manual_seed(0)
    layer = nn.Linear(48, width, bias=bias)
    rows, few = torch.randn(5, 3, 48), torch.randn(1, 48)
    expected, plain = (layer(rows), layer(few)), layer.forward
    with packed([nn.Sequential(layer)], rows=15):
        assert layer.forward != plain
        assert_close((layer(rows), layer(few)), expected, **EXACT)
    assert "forward" not in vars(layer)
    assert_close((layer(rows), layer(few)), expected, atol=0, rtol=0)


def forwards(model: nn.Module) -> dict[str, object]:
    """What stands in for a module's own forward."""
    return {name: vars(module)["forward"] for name, module in model.named_modules() if "forward" in vars(module)}


@pytest.mark.parametrize("architecture", tiny.LISTED)
@pytest.mark.parametrize("slot", [None, "sft", "ppo"])
@torch.no_grad()
def test_the_slot_in_use_acts_and_no_other(architecture, slot, monkeypatch):
    made, tokens = tiny.split(architecture, (1, 3)), tiny.random_tokens([(5, 4), (3, 2)])
    for number, name in enumerate(("sft", "ppo")):
        made.slots.add(name)
        tiny.fill(made, name, seed=number)
    before = forwards(made.model)
    inputs = {"input_ids": tokens.ids_BT, "attention_mask": tokens.real_BT.long(), "use_cache": False}
    with made.slots.use(slot):
        expected = made.model(**inputs).logits[tokens.real_BT]
        calls = []
        monkeypatch.setattr(packing, "WORTH_PACKING", 32 * 32)  # some of its matrices are packed, some are not
        with packed([made.parts.decoder, made.parts.output], rows=2):
            handles = [
                module.register_forward_hook(lambda *_: calls.append(1))
                for name, module in made.model.named_modules()
                if "lora_A." in name
            ]
            assert_close(made.model(**inputs).logits[tokens.real_BT], expected, **EXACT)
            for handle in handles:
                handle.remove()
        if architecture != "gpt2":  # its matrices lie the other way round, in layers of another kind
            assert not calls, "the adapter must not pass beside its matrix as well"
        assert_close(made.model(**inputs).logits[tokens.real_BT], expected, atol=0, rtol=0)
    assert forwards(made.model) == before


@torch.no_grad()
def test_an_error_inside_leaves_the_layer_as_it_was():
    layer = nn.Linear(4, 4)
    with pytest.raises(KeyError), packed([layer], rows=1):
        raise KeyError
    assert "forward" not in vars(layer)


@torch.no_grad()
def test_an_error_while_packing_leaves_every_layer_as_it_was(monkeypatch):
    layers = [nn.Linear(512, 512) for _ in range(3)]
    packs, packed_before = torch.ops.mkldnn._reorder_linear_weight, []

    def once(*given):
        if packed_before:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        packed_before.append(given)
        return packs(*given)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", once)
    with pytest.raises(RuntimeError, match="allocate"), packed(layers, rows=1):
        pass
    assert packed_before
    assert not any("forward" in vars(layer) for layer in layers)


@torch.no_grad()
def test_half_precision_and_other_modules_are_left_alone():
    half, other = nn.Linear(4, 4).bfloat16(), nn.Embedding(4, 4)
    with packed([half, other], rows=1):
        assert "forward" not in vars(half)
        assert "forward" not in vars(other)
