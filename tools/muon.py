"""Muon (Jordan et al. 2024): momentum whose update is orthogonalised, for the matrices of a small transformer.

PyTorch has it too, but orthogonalises in bfloat16, which a CPU without native bfloat16 does many times slower; here
it is float32, and matrices of one shape go together.
"""

from collections.abc import Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices_KMN: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration towards U V^T of each matrix's singular value decomposition."""
    a, b, c = COEFFICIENTS
    tall = matrices_KMN.shape[1] > matrices_KMN.shape[2]
    x = matrices_KMN.transpose(1, 2) if tall else matrices_KMN
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled by 0.2 sqrt(max(M, N)) so that AdamW's rates fit."""

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix."""
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
            for weight in group["params"]:
                shapes.setdefault(tuple(weight.shape), []).append(weight)
            for shape, weights in shapes.items():
                updates = []
                for weight in weights:
                    assert weight.grad is not None
                    buffer = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                    buffer.lerp_(weight.grad, 1 - group["momentum"])
                    updates.append(weight.grad.lerp(buffer, group["momentum"]))
                moved = orthogonalise(torch.stack(updates))
                for weight, update in zip(weights, moved, strict=True):
                    weight.add_(update, alpha=-group["lr"] * 0.2 * max(shape) ** 0.5)
