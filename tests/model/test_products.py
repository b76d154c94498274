"""Law: products by oneDNN are PyTorch's own, of views too, gradients included; where they gain nothing, none is."""

import subprocess
import sys

import pytest
import tiny
import torch
from torch import nn
from torch.testing import assert_close

from topgraft.model import products
from topgraft.model.lora import _Adapted
from topgraft.model.products import add_product, has_onednn, helps_here, product, quicken
from topgraft.model.tiled import softmax_moments

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
CALLS: list[torch.Size] = []


@pytest.fixture
def by_onednn(monkeypatch):
    """Every product goes to oneDNN, whatever its size and the processor, and is counted."""
    if not has_onednn():
        pytest.skip("this build of PyTorch has no oneDNN")
    CALLS.clear()
    own = products.onednn

    def counted(states, matrix_OI, bias_O=None):
        CALLS.append(states.shape)
        return own(states, matrix_OI, bias_O)

    monkeypatch.setattr(products, "WORTH", 1)
    monkeypatch.setattr(products, "helps_here", lambda: True)
    monkeypatch.setattr(products, "onednn", counted)


def test_worked_by_hand(by_onednn):
    states, matrix, bias = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([5.0])
    assert product(states, matrix, bias).tolist() == [[16.0], [1.0]]
    assert product(torch.tensor([[2.0], [3.0]]), matrix.t()).tolist() == [[6.0, 8.0], [9.0, 12.0]]
    assert add_product(torch.tensor([[1.0], [2.0]]), states, matrix).tolist() == [[12.0], [-2.0]]
    assert len(CALLS) == 2


WAYS = {
    "plain": lambda rows, width: torch.randn(rows, width),
    "transposed": lambda rows, width: torch.randn(width, rows).t(),
    "columns of a wider one": lambda rows, width: torch.randn(rows, width + 7)[:, 3 : 3 + width],
    "every second row": lambda rows, width: torch.randn(2 * rows, width)[::2],
    "one row many times": lambda rows, width: torch.randn(1, width).expand(rows, width),
    "one number many times": lambda rows, width: torch.randn(()).expand(rows, width),
}


@pytest.mark.parametrize("states", WAYS)
@pytest.mark.parametrize("matrix", WAYS)
def test_views_are_read_as_they_lie(by_onednn, states, matrix):
    torch.manual_seed(0)
    states_TI, matrix_OI = WAYS[states](21, 40), WAYS[matrix](33, 40)
    expected = states_TI.double() @ matrix_OI.double().t()
    assert_close(product(states_TI, matrix_OI).double(), expected, **CLOSE)
    before = torch.randn(21, 33)
    assert_close(add_product(before.clone(), states_TI, matrix_OI), before + expected.float(), **CLOSE)
    assert CALLS


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_quickened_model_has_the_logits_and_gradients_of_a_plain_one(by_onednn, architecture):
    plain, quick = tiny.model(architecture), tiny.model(architecture)
    quicken(quick)
    tokens = tiny.random_tokens([(5, 4), (9, 6), (1, 3)])
    found = []
    for model in (plain, quick):
        logits = model(input_ids=tokens.ids_BT, attention_mask=tokens.real_BT.long()).logits[tokens.real_BT]
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        slopes = torch.autograd.grad(logits.log_softmax(-1)[:, 7].sum(), weights)
        found.append((logits.detach(), *slopes))
        assert bool(CALLS) == (model is quick)
    assert_close(found[1], found[0], **CLOSE)


def test_an_adapted_layer_has_the_same_output_and_gradients(by_onednn):
    torch.manual_seed(0)
    shapes = ((3, 4, 24), (40, 24), (40,), (2, 24), (40, 2))
    states, matrix, bias, down, up = (torch.randn(shape) for shape in shapes)

    def found(exact: bool) -> tuple[torch.Tensor, ...]:
        dtype = torch.float64 if exact else torch.float32
        learned = [given.to(dtype).requires_grad_() for given in (states, down, up)]
        out = _Adapted.apply(learned[0], matrix.to(dtype), bias.to(dtype), learned[1], learned[2], 0.7)
        return tuple(one.float() for one in (out.detach(), *torch.autograd.grad((out * out).sum(), learned)))

    expected = found(exact=True)  # float64 stays with PyTorch's own product
    assert not CALLS
    assert_close(found(exact=False), expected, atol=1e-4, rtol=1e-5)
    assert len(CALLS) == 6


def test_sums_over_the_vocabulary_are_the_same(by_onednn):
    torch.manual_seed(0)
    states_CH, matrix_VH = torch.randn(9, 16), torch.randn(2500, 16)  # three tiles
    ours = softmax_moments(states_CH, matrix_VH, mean=True, covariance=True)
    theirs = softmax_moments(states_CH.double(), matrix_VH.double(), mean=True, covariance=True)
    assert CALLS
    assert_close(
        [part.double() for part in ours if part is not None], [part for part in theirs if part is not None], **CLOSE
    )


def test_small_products_and_other_precisions_stay_with_pytorch(by_onednn, monkeypatch):
    monkeypatch.setattr(products, "WORTH", 3 * 4 * 5)
    product(torch.randn(3, 4).double(), torch.randn(5, 4).double())
    product(torch.randn(2, 4), torch.randn(5, 4))
    assert not CALLS
    product(torch.randn(3, 4), torch.randn(5, 4))
    assert len(CALLS) == 1


MANY_SHAPES = """
import psutil, torch
from torch import nn
from topgraft.model import products

products.helps_here = lambda: True
products.quicken(nn.Linear(344, 128))
before, most = psutil.Process().memory_info().rss, 0
for tokens in range(400, 1600):
    states, matrix = torch.randn(tokens, 128), torch.randn(344, 128)
    there = products.onednn(states, matrix)
    products.onednn(there, matrix.t()), products.onednn(there.t(), states.t())
    most = max(most, psutil.Process().memory_info().rss - before)
print(most)
"""


@pytest.mark.slow
@pytest.mark.skipif(not has_onednn(), reason="this build of PyTorch has no oneDNN")
def test_products_of_many_shapes_do_not_fill_the_memory():
    done = subprocess.run([sys.executable, "-c", MANY_SHAPES], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300e6  # over 600e6 where all their code is kept


@pytest.mark.skipif(not has_onednn(), reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize(
    ("name", "wide", "helps"),
    [("AMD EPYC", True, True), ("AMD Ryzen 5 5600", False, False), ("Intel(R) Xeon(R) Processor", True, False)],
)
def test_it_is_the_processors_that_mkl_serves_badly(monkeypatch, name, wide, helps):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": name, "avx512_f": wide}, raising=False)
    helps_here.cache_clear()
    layer = nn.Linear(3, 3)
    try:
        assert helps_here() is helps
        quicken(nn.Sequential(layer))
        assert ("forward" in vars(layer)) is helps
    finally:
        helps_here.cache_clear()
