"""Faster products of a few rows with frozen matrices on a CPU, while decoding.

A plain product of 16 rows reorders the whole matrix each time, and a decoding step is little else. oneDNN can keep a
matrix in its own order: on two CPU cores it then reads 12 to 14 GB/s instead of 9 to 11. The price is a second copy of
the matrices for as long as a rollout takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn


@contextmanager
def packed(modules: list[nn.Module], rows: int) -> Iterator[None]:
    """Inside the context the linear layers in `modules` multiply by a packed copy of their matrix: fp32 on a CPU, no
    gradients. Elsewhere, and where this build of PyTorch cannot, nothing changes. `rows` = rows of most products."""
    layers = {layer for module in modules for layer in module.modules() if type(layer) is nn.Linear}
    chosen = [layer for layer in layers if layer.weight.device.type == "cpu" and layer.weight.dtype == torch.float32]
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        chosen = []
    for layer in chosen:
        matrix = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), rows)
        layer.forward = partial(_product, matrix, layer.bias)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in chosen:
            del layer.forward


def _product(matrix: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    """[..., in] -> [..., out]."""
    return torch.ops.mkldnn._linear_pointwise(rows, matrix, bias, "none", [], "")
