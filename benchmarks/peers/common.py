"""What the peers' scripts share."""

from typing import Any

import torch

from benchmarks.workload import ALPHA, RANK, TARGETS, Workload


def lora(work: Workload) -> dict[str, Any]:
    """Keyword arguments of peft.LoraConfig: the same adapter as topgraft's side."""
    layers = list(range(work.layers - work.trained_layers, work.layers))
    return {"r": RANK, "lora_alpha": ALPHA, "target_modules": list(TARGETS), "layers_to_transform": layers}


def weights_dtype(name: str | None) -> torch.dtype:
    """The dtype of that name; where none is named, bfloat16 on a GPU and float32 on a CPU."""
    default = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return getattr(torch, name) if name else default
