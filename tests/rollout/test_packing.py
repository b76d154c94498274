"""Law: packed matrices give the same products, for as long as the context lasts."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from topgraft.rollout.packing import packed


@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_products_are_the_same_and_the_layer_is_itself_again_afterwards(bias: bool):
    torch.manual_seed(0)
    layer = nn.Linear(48, 80, bias=bias)
    rows, few = torch.randn(5, 3, 48), torch.randn(1, 48)
    expected, plain = (layer(rows), layer(few)), layer.forward
    with packed([nn.Sequential(layer), layer], rows=15):
        assert layer.forward != plain
        assert_close((layer(rows), layer(few)), expected, atol=1e-5, rtol=1e-5)
    assert "forward" not in vars(layer)
    assert_close((layer(rows), layer(few)), expected, atol=0, rtol=0)


@torch.no_grad()
def test_an_error_inside_leaves_the_layer_as_it_was():
    layer = nn.Linear(4, 4)
    with pytest.raises(KeyError), packed([layer], rows=1):
        raise KeyError
    assert "forward" not in vars(layer)


@torch.no_grad()
def test_half_precision_and_other_modules_are_left_alone():
    half, other = nn.Linear(4, 4).bfloat16(), nn.Embedding(4, 4)
    with packed([half, other], rows=1):
        assert "forward" not in vars(half)
        assert "forward" not in vars(other)
