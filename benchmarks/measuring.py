"""What a process used, and the machine it ran on."""

import os
import platform
import resource
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor


def memory() -> dict[str, float | None]:
    """Peaks of this process."""
    gpu = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    return {
        "peak_host_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3),
        "peak_gpu_gb": None if gpu is None else round(gpu, 3),
    }


def base_bytes(model: nn.Module) -> int:
    """Bytes of a model's weights that this process holds, where they are in shares only its own."""
    return sum((one.to_local() if isinstance(one, DTensor) else one).nbytes for one in model.parameters())


def seconds(reading: dict[str, Any]) -> float:
    """An iteration's seconds, or a job's, of what a benchmark printed."""
    return float(reading.get("seconds_per_iteration", reading.get("seconds")))


def machine() -> str:
    """One line about the processor, the threads and the libraries."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            told = dict(map(str.strip, line.split(":", 1)) for line in file if ":" in line)
        name = f"{told['model name']} (family {told['cpu family']}, model {told['model']})"  # a name may hide which
    except (OSError, KeyError):
        pass
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads{device}, torch {torch.__version__}"
