"""The norm, the rotation and the gate of the library's blocks in fewer passes over memory.

On a CPU the matrix products wait for nobody, and all between them waits for memory. Written as the library has them,
these three go over their states two or three times as often as they need to, and keep what the backward pass can make
again. The values are the same up to their last bit. Each module is tried first, beside its own class, and is left as it
is where it gives something else; so is half precision, where every pass rounds.
"""

from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import nn
from torch.nn.functional import silu

from topgraft.model.split import FULL

ROTATE = "apply_rotary_pos_emb"
"""What the library's modules call the function that turns queries and keys by their positions."""
WORTH_TURNING = 2**16
"""Elements of the smallest states that are turned here: with fewer, the calls cost more than the passes."""


def lean(model: nn.Module) -> None:
    """Let every block of `model` compute so where it may, beginning with its next pass."""
    rotations: dict[type, FunctionType | None] = {}
    for module in model.modules():
        kind = type(module)
        if kind not in rotations:
            rotations[kind] = _lean_rotation(kind)
        rotation = rotations[kind]
        if rotation is not None:
            module.forward = MethodType(rotation, module)
        elif _is_rms_norm(module):
            module.forward = partial(_norm, module, _epsilon(module))
        elif _is_gated(module):
            module.forward = partial(_gated, module)


def _alike(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def _states(module: nn.Module, width: int) -> torch.Tensor:
    """Random states [4, width], of large and small rows, on the module's device and in its precision."""
    states_TH = torch.randn(4, width, generator=torch.Generator().manual_seed(0))
    states_TH[2:] *= 1e-3
    return states_TH.to(next(module.parameters()))


# ---- x / sqrt(mean(x^2) + epsilon) * weight (Zhang & Sennrich 2019, arXiv 1910.07467)


def _epsilon(module: Any) -> float:
    return float(module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps)


@torch.no_grad()
def _is_rms_norm(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    known = hasattr(module, "variance_epsilon") or hasattr(module, "eps")
    if not (type(module).__name__.endswith("RMSNorm") and known and isinstance(weight, nn.Parameter)):
        return False
    if weight.dim() != 1 or weight.dtype not in FULL:
        return False
    states_TH = _states(module, len(weight))
    return _alike(_norm(module, _epsilon(module), states_TH), type(module).forward(module, states_TH))


def _norm(module: Any, epsilon: float, states: torch.Tensor) -> torch.Tensor:
    """[..., H] -> [..., H]."""
    if states.dtype not in FULL:
        return type(module).forward(module, states)
    return _Norm.apply(states, module.weight, epsilon)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight_H: torch.Tensor, epsilon: float) -> torch.Tensor:
        squares = torch.linalg.vecdot(states, states).unsqueeze(-1)
        inverse = squares.div_(states.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(states, weight_H, inverse)
        return (states * inverse).mul_(weight_H)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, weight_H, inverse = ctx.saved_tensors
        to_states = to_weight_H = None
        if ctx.needs_input_grad[1]:
            to_weight_H = (grad * inverse).mul_(states).flatten(0, -2).sum(0)
        if ctx.needs_input_grad[0]:  # inverse (g w - inverse^2 mean(g w x) x)
            to_states = grad * weight_H
            mean = torch.linalg.vecdot(to_states, states).unsqueeze(-1).div_(-states.shape[-1])
            to_states.mul_(inverse).addcmul_(states, mean.mul_(inverse**3))
        return to_states, to_weight_H, None


# ---- silu(gate) * up (Shazeer 2020, arXiv 2002.05202)


@torch.no_grad()
def _is_gated(module: Any) -> bool:
    layers = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if not (hasattr(module, "act_fn") and all(type(layer) is nn.Linear for layer in layers)):
        return False
    if module.gate_proj.weight.dtype not in FULL:
        return False
    states_TH = _states(module, module.gate_proj.in_features)
    same_act = _alike(silu(states_TH), module.act_fn(states_TH))
    return same_act and _alike(_gated(module, states_TH), type(module).forward(module, states_TH))


def _gated(module: Any, states: torch.Tensor) -> torch.Tensor:
    """[..., H] -> [..., H]; its three layers may have adapters by now."""
    return module.down_proj(_Gate.apply(module.gate_proj(states), module.up_proj(states)))


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        to_gate = torch.ops.aten.silu_backward(grad * up, gate)
        return to_gate, silu(gate).mul_(grad)


# ---- x cos + (-x2, x1) sin, where x = (x1, x2) (Su et al. 2021, arXiv 2104.09864)


@torch.no_grad()
def _lean_rotation(kind: type) -> FunctionType | None:
    """The class's forward pass with our function in the place of its module's, where both give the same."""
    forward = kind.__dict__.get("forward")
    if not isinstance(forward, FunctionType) or ROTATE not in forward.__code__.co_names:
        return None
    theirs = forward.__globals__[ROTATE]
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(2, heads, 3, 8, generator=generator) for heads in (4, 2))
    cos_BTD, sin_BTD = (torch.randn(2, 3, 8, generator=generator) for _ in range(2))
    try:
        expected = theirs(query, key, cos_BTD, sin_BTD)
    except Exception:  # of whatever kind: it is not a function of these four
        return None
    if not all(map(_alike, _turn_both(query, key, cos_BTD, sin_BTD), expected)):
        return None

    def rotate(query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, **more: Any) -> Any:
        whole = cos.dtype == query.dtype and query.dtype in FULL and cos.shape[-1] == query.shape[-1]
        if more or not whole or query.numel() < WORTH_TURNING:
            return theirs(query, key, cos, sin, **more)
        return _turn_both(query, key, cos, sin)

    made = FunctionType(
        forward.__code__,
        {**forward.__globals__, ROTATE: rotate},
        forward.__name__,
        forward.__defaults__,
        forward.__closure__,
    )
    made.__kwdefaults__ = forward.__kwdefaults__
    return made


def _turn_both(
    query: torch.Tensor, key: torch.Tensor, cos_BTD: torch.Tensor, sin_BTD: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and keys [B, heads, T, D], turned."""
    cos_B1TD, sin_B1TD = cos_BTD.unsqueeze(1), sin_BTD.unsqueeze(1)
    return _Turned.apply(query, cos_B1TD, sin_B1TD), _Turned.apply(key, cos_B1TD, sin_B1TD)


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = states.shape[-1] // 2
        return _turn(states, cos, -sin[..., :half], sin[..., half:])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        half = grad.shape[-1] // 2
        return _turn(grad, cos, sin[..., half:], -sin[..., :half]), None, None


def _turn(states: torch.Tensor, cos: torch.Tensor, to_first: torch.Tensor, to_second: torch.Tensor) -> torch.Tensor:
    """states cos, plus the second half times `to_first` and the first half times `to_second`."""
    half = states.shape[-1] // 2
    turned = states * cos
    turned[..., :half].addcmul_(states[..., half:], to_first)
    turned[..., half:].addcmul_(states[..., :half], to_second)
    return turned
