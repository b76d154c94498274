"""A frozen matrix and its adapter as one operation: x W^T + b + s (x A^T) B^T (Hu et al. 2021, arXiv 2106.09685).

Written out step by step, as peft does, the update is scaled and added in passes over memory of their own, forward and
backward. Here each product adds onto what is there already. On two CPU cores a layer of 512 x 512 with 2,560 tokens
takes 11 instead of 14 ms forward and backward, one of 128 x 128 with 11,712 tokens 6.4 instead of 8.5 ms.
"""

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers.pytorch_utils import Conv1D

from topgraft.model.products import add_product, product


def adapt(layer: LoraLayer) -> None:
    """Let the layer compute so, whatever adapter is in use."""
    layer.forward = partial(_forward, layer)


def _forward(layer: LoraLayer, states: torch.Tensor) -> torch.Tensor:
    """[..., in] -> [..., out]; peft's way where dropout acts or an adapter is more than its two matrices, and in half
    precision, where peft keeps the adapter in float32."""
    base = layer.get_base_layer()
    if layer.disable_adapters:
        return base(states)
    (name,) = layer.active_adapters
    down_RI, up_OR, dropout = layer.lora_A[name].weight, layer.lora_B[name].weight, layer.lora_dropout[name]
    acts = isinstance(dropout, nn.Dropout) and dropout.training
    more = name in layer.lora_variant or layer.lora_B[name].bias is not None
    alike = type(base) in (nn.Linear, Conv1D) and base.weight.dtype == down_RI.dtype == states.dtype
    if acts or more or not alike:
        return type(layer).forward(layer, states)
    matrix_OI = base.weight.t() if type(base) is Conv1D else base.weight
    return _Adapted.apply(states, matrix_OI, base.bias, down_RI, up_OR, layer.scaling[name])


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        matrix_OI: torch.Tensor,
        bias_O: torch.Tensor | None,
        down_RI: torch.Tensor,
        up_OR: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        states_TI = states.reshape(-1, states.shape[-1])
        low_TR = product(states_TI, down_RI)
        out_TO = add_product(product(states_TI, matrix_OI, bias_O), low_TR * scale, up_OR)
        ctx.save_for_backward(states_TI, matrix_OI, down_RI, up_OR, low_TR)
        ctx.scale, ctx.shape = scale, states.shape
        return out_TO.view(*states.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states_TI, matrix_OI, down_RI, up_OR, low_TR = ctx.saved_tensors
        grad_TO = grad.reshape(-1, grad.shape[-1])
        at_low_TR = product(grad_TO, up_OR.t()).mul_(ctx.scale)
        to_states = to_down_RI = to_up_OR = None
        if ctx.needs_input_grad[0]:
            to_states = add_product(product(grad_TO, matrix_OI.t()), at_low_TR, down_RI.t()).view(ctx.shape)
        if ctx.needs_input_grad[3]:
            to_down_RI = product(at_low_TR.t(), states_TI.t())
        if ctx.needs_input_grad[4]:
            to_up_OR = product(grad_TO.t(), low_TR.t()).mul_(ctx.scale)
        return to_states, None, None, to_down_RI, to_up_OR, None
