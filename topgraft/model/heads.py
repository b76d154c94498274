"""Scalar heads on final hidden states: values and rewards."""

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from topgraft.errors import UserError


class ScalarHead(nn.Module):
    """One linear map from the hidden size to a number, with a bias.

    `init="zero"` for values (Ziegler et al. 2019), `init="normal"` for rewards: N(0, 1 / sqrt(H + 1)), bias 0.
    `gain` and `shift` normalise the output (score = gain * raw + shift); they are set after training, not learned.
    """

    gain: torch.Tensor
    shift: torch.Tensor

    def __init__(self, hidden_size: int, *, init: str) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_size, 1)
        nn.init.zeros_(self.linear.bias)
        if init == "zero":
            nn.init.zeros_(self.linear.weight)
        else:
            nn.init.normal_(self.linear.weight, std=1 / math.sqrt(hidden_size + 1))
        self.register_buffer("gain", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[..., H] -> [...], in the head's own precision (fp32), whatever the model's."""
        raw = self.linear(hidden.to(self.linear.weight.dtype)).squeeze(-1)
        return raw * self.gain + self.shift

    def save(self, folder: Path) -> None:
        """Write head.safetensors into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {key: tensor.detach().cpu().contiguous() for key, tensor in self.state_dict().items()}
        save_file(weights, folder / "head.safetensors")

    def load(self, folder: Path) -> None:
        """Read head.safetensors; a missing, an unexpected or a misshapen weight is an error."""
        path = folder / "head.safetensors"
        if not path.exists():
            raise UserError(f"No head.safetensors in {folder}: the scalar head was not saved there.")
        try:
            self.load_state_dict(load_file(path), strict=True)
        except RuntimeError as error:
            raise UserError(f"{path} does not hold this head: {error}") from error
