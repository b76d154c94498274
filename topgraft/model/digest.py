"""What a base model is told by: a digest of its weights."""

import hashlib

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from topgraft.model.quantizing import scales


def digest(model: PreTrainedModel) -> str:
    """Sixteen hex digits over the base weights' names, shapes and bytes (adapters left out)."""
    state = hashlib.sha256()
    for name, weight in sorted({**dict(model.named_parameters()), **scales(model)}.items()):
        if "lora_" not in name:
            state.update(f"{name.replace('.base_layer', '')}{tuple(weight.shape)}{weight.dtype}".encode())
            whole: torch.Tensor = weight.full_tensor() if isinstance(weight, DTensor) else weight
            state.update(whole.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return state.hexdigest()[:16]
