"""Products of float32 matrices where PyTorch's own are slow: x W^T, forward and backward.

PyTorch hands them to Intel's MKL, which uses no 512-bit instructions on a processor of another maker. oneDNN, which
every build of PyTorch brings as well, does: 1,024 x 512 times 512 x 1,408 on two cores of an AMD EPYC (Zen 5) runs at
400 instead of 180 GFLOP/s. On Intel's own both are as fast as each other, and nothing is changed.
"""

import os
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

WORTH = 2**22
"""Multiplications of the smallest product that goes to oneDNN: below, the call costs more than it saves."""
CACHES, SHAPES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"), "64"
"""Where oneDNN and PyTorch's layer above it learn, before their first product, for how many shapes to keep code. Each
keeps 1,024 otherwise; nearly every micro-batch has another number of tokens, so that is a gigabyte, and no faster."""


def has_onednn() -> bool:
    """Whether this build of PyTorch lets oneDNN multiply."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


@cache
def helps_here() -> bool:
    """Whether the processor has 512-bit instructions that MKL leaves unused."""
    if not (has_onednn() and hasattr(torch.cpu, "get_capabilities")):
        return False
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_f")) and "Intel" not in str(known.get("cpu_name", "Intel"))


def onednn(states: torch.Tensor, matrix_OI: torch.Tensor, bias_O: torch.Tensor | None = None) -> torch.Tensor:
    """states matrix^T + bias, [..., I] -> [..., O], by oneDNN; the matrix may be one that it has packed. It knows no
    gradients."""
    return torch.ops.mkldnn._linear_pointwise(states, matrix_OI, bias_O, "none", [], "")


def product(states_TI: torch.Tensor, matrix_OI: torch.Tensor, bias_O: torch.Tensor | None = None) -> torch.Tensor:
    """states matrix^T + bias, [T, I] -> [T, O], by whichever is the faster here; without gradients.

    Either may be a view, so `product(grad_TO, matrix_OI.t())` is grad matrix and `product(grad_TO.t(), states_TI.t())`
    the gradient of the matrix.
    """
    if _worth(states_TI, matrix_OI):
        return onednn(states_TI, matrix_OI, bias_O)
    return nn.functional.linear(states_TI, matrix_OI, bias_O)


def add_product(sum_TO: torch.Tensor, states_TI: torch.Tensor, matrix_OI: torch.Tensor) -> torch.Tensor:
    """sum + states matrix^T, [T, O]; `sum_TO` may be overwritten. Without gradients."""
    if _worth(states_TI, matrix_OI):
        return torch.ops.mkldnn._linear_pointwise.binary(states_TI, sum_TO, matrix_OI, None, "add")
    return sum_TO.addmm_(states_TI, matrix_OI.t())


def _worth(states_TI: torch.Tensor, matrix_OI: torch.Tensor) -> bool:
    on_cpu = states_TI.device.type == "cpu" and states_TI.dtype == matrix_OI.dtype == torch.float32
    return on_cpu and states_TI.numel() * len(matrix_OI) >= WORTH and helps_here()


def quicken(model: nn.Module) -> None:
    """Let every plain linear layer of `model` multiply so where that helps, beginning with its next pass."""
    if helps_here():
        for name in CACHES:
            os.environ.setdefault(name, SHAPES)
        for module in model.modules():
            if type(module) in (nn.Linear, Conv1D):
                module.forward = partial(_forward, module)


def _forward(layer: nn.Linear | Conv1D, states: torch.Tensor) -> torch.Tensor:
    """[..., I] -> [..., O]."""
    matrix_OI = layer.weight.t() if isinstance(layer, Conv1D) else layer.weight
    if states.dtype != matrix_OI.dtype or torch.is_autocast_enabled("cpu"):
        return type(layer).forward(layer, states)
    return _Product.apply(states, matrix_OI, layer.bias)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, matrix_OI: torch.Tensor, bias_O: torch.Tensor | None) -> torch.Tensor:
        states_TI = states.reshape(-1, states.shape[-1])
        ctx.save_for_backward(states_TI if ctx.needs_input_grad[1] else None, matrix_OI)
        ctx.shape = states.shape
        return product(states_TI, matrix_OI, bias_O).view(*states.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states_TI, matrix_OI = ctx.saved_tensors
        grad_TO = grad.reshape(-1, grad.shape[-1])
        to_states = to_matrix_OI = to_bias_O = None
        if ctx.needs_input_grad[0]:
            to_states = product(grad_TO, matrix_OI.t()).view(ctx.shape)
        if ctx.needs_input_grad[1]:
            to_matrix_OI = product(grad_TO.t(), states_TI.t())
        if ctx.needs_input_grad[2]:
            to_bias_O = grad_TO.sum(0)
        return to_states, to_matrix_OI, to_bias_O
