"""Faster products of a few rows with frozen matrices on a CPU, while decoding.

A plain product of 16 rows reorders the whole matrix each time, and a decoding step is little else. oneDNN can keep a
matrix in its own order: on two CPU cores it then reads 12 to 14 GB/s instead of 9 to 11. And since the matrices are
copied anyway, the adapter in use is added to its matrix instead of passing beside it. The price is a second copy of the
matrices for as long as a rollout takes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from topgraft.model.products import has_onednn, onednn

WORTH_PACKING = 2**18
"""Elements of the smallest matrix that is packed: a smaller one stays in the cache, and the call costs more."""


@contextmanager
def packed(modules: list[nn.Module], rows: int) -> Iterator[None]:
    """Inside the context linear layers multiply by a packed copy of their matrix, the adapter in use added (by a plain
    sum of both where it is small): fp32 on a CPU, without gradients. Elsewhere, and where this build of PyTorch cannot,
    nothing changes.

    `rows` = rows of most products. The slot in use must not change inside the context.
    """
    layers = [layer for module in modules for layer in _linear_layers(module)] if has_onednn() else []
    before: list[tuple[nn.Module, Callable[..., torch.Tensor] | None]] = []
    try:
        for layer in layers:
            base = layer.get_base_layer() if isinstance(layer, LoraLayer) else layer
            assert isinstance(base, nn.Linear)
            if not _fits(base):
                continue
            matrix = _with_adapter(layer, base.weight.detach())
            if _large(base):
                own_order = torch.ops.mkldnn._reorder_linear_weight(matrix, rows)
                product = partial(onednn, matrix_OI=own_order, bias_O=base.bias)
            else:
                product = partial(nn.functional.linear, weight=matrix, bias=base.bias)
            before.append((layer, layer.__dict__.get("forward")))
            layer.forward = product
        yield
    finally:
        for layer, forward in before:
            del layer.forward
            if forward is not None:
                layer.forward = forward


def packed_bytes(modules: list[nn.Module]) -> int:
    """Bytes of the copies that `packed` would make."""
    layers = [layer for module in modules for layer in _linear_layers(module)] if has_onednn() else []
    bases = [layer.get_base_layer() if isinstance(layer, LoraLayer) else layer for layer in layers]
    return sum(base.weight.nbytes for base in bases if isinstance(base, nn.Linear) and _fits(base) and _large(base))


def _fits(layer: nn.Linear) -> bool:
    return (layer.weight.device.type, layer.weight.dtype) == ("cpu", torch.float32)


def _large(layer: nn.Linear) -> bool:
    return layer.weight.numel() >= WORTH_PACKING


def _linear_layers(module: nn.Module) -> Iterator[nn.Module]:
    """Linear layers, bare or inside an adapter; those that an adapter is made of are not looked at."""
    if type(module) is nn.Linear or (isinstance(module, LoraLayer) and type(module.get_base_layer()) is nn.Linear):
        yield module
    elif not isinstance(module, LoraLayer):
        for child in module.children():
            yield from _linear_layers(child)


def _with_adapter(layer: nn.Module, matrix: torch.Tensor) -> torch.Tensor:
    """The matrix [out, in] plus the update of the adapter that acts, where one does."""
    if isinstance(layer, LoraLayer) and not layer.disable_adapters:
        for name in layer.active_adapters:
            matrix = matrix + layer.get_delta_weight(name)
    return matrix
