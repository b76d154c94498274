"""Weights in safetensors files, read strictly: those of another model or head are refused by name."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from topgraft.errors import UserError


def read_weights(path: Path, wanted: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors in `path`, on the CPU, which must have the names and shapes of those `wanted`.

    Raises UserError that names the weights that are missing, unexpected or of another shape, or calls the file damaged.
    """
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or cut short: {error}. Copy it again, or train the stage again.") from error
    wrong = [f"'{name}' is missing" for name in wanted if name not in found]
    wrong += [f"'{name}' is unexpected" for name in found if name not in wanted]
    wrong += [
        f"'{name}' has shape {list(found[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"{path} holds other weights: {', '.join(wrong[:3])}{more}. Use the model, model.layers, model.lora and "
            f"stage settings that it was saved with."
        )
    return found
