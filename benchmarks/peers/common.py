"""What the peers' scripts share."""

from typing import Any

from benchmarks.workload import ALPHA, RANK, TARGETS, Workload


def lora(work: Workload) -> dict[str, Any]:
    """Keyword arguments of peft.LoraConfig: the same adapter as topgraft's side."""
    layers = list(range(work.layers - work.trained_layers, work.layers))
    return {"r": RANK, "lora_alpha": ALPHA, "target_modules": list(TARGETS), "layers_to_transform": layers}
