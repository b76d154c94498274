"""Scalar heads on final hidden states: values and rewards."""

import math
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from topgraft.errors import UserError
from topgraft.model.saved import read_weights

WIDTHS = {"linear": (), "mlp": (512, 256)}
"""Widths of the layers in front of the linear map, by the kind of head."""
DROPOUT = 0.1
"""Share of the outputs of such a layer that an update pass drops."""


class ScalarHead(nn.Module):
    """A linear map to a number, with a bias, from the hidden state (`kind="linear"`) or from what layers with ReLU and
    dropout make of it ("mlp").

    `init="zero"` for values (Ziegler et al. 2019), `init="normal"` for rewards: N(0, 1 / sqrt(H + 1)), bias 0, with the
    width H that the linear map reads. The layers in front begin with N(0, sqrt(2 / inputs)), bias 0, which keeps the
    size of the signal (He et al. 2015, arXiv 1502.01852, eq. 10).
    `gain` and `shift` normalise the output (score = gain * raw + shift); they are set after training, not learned.
    """

    gain: torch.Tensor
    shift: torch.Tensor

    def __init__(self, hidden_size: int, *, init: str, kind: str = "linear") -> None:
        super().__init__()
        widths = (hidden_size, *WIDTHS[kind])
        layers = [nn.Linear(*pair) for pair in pairwise(widths)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)
        self.linear = nn.Linear(widths[-1], 1)
        nn.init.zeros_(self.linear.bias)
        if init == "zero":
            nn.init.zeros_(self.linear.weight)
        else:
            nn.init.normal_(self.linear.weight, std=1 / math.sqrt(widths[-1] + 1))
        self.register_buffer("gain", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, hidden: torch.Tensor, *, learning: bool = False) -> torch.Tensor:
        """[..., H] -> [...], in the head's own precision (fp32). With `learning` dropout acts, drawn from PyTorch's own
        generator."""
        hidden = hidden.to(self.linear.weight.dtype)
        for layer in self.layers:
            hidden = nn.functional.dropout(torch.relu(layer(hidden)), DROPOUT, training=learning)
        raw = self.linear(hidden).squeeze(-1)
        return raw * self.gain + self.shift

    def save(self, folder: Path | None) -> None:
        """Write head.safetensors into `folder`, where there is one."""
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        weights = {key: tensor.detach().cpu().contiguous() for key, tensor in self.state_dict().items()}
        save_file(weights, folder / "head.safetensors")

    def load(self, folder: Path) -> None:
        """Read head.safetensors; a missing, an unexpected or a misshapen weight is a UserError."""
        path = folder / "head.safetensors"
        if not path.exists():
            raise UserError(f"No head.safetensors in {folder}: the scalar head was not saved there.")
        self.load_state_dict(read_weights(path, self.state_dict()))
