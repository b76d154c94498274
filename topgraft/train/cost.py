"""What a stage costs: seconds, and the peak memory of this process or device."""

import contextlib
import resource
import sys
import time
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Clock:
    """Seconds and peak memory since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        if CLEAR.exists():
            with contextlib.suppress(OSError):
                CLEAR.write_text("5")  # resets the high-water mark, so that each stage reports its own peak

    @property
    def seconds(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._begun

    @property
    def peak_memory_bytes(self) -> int:
        """Peak memory: of the device on CUDA, else of the process (where the system cannot reset the mark, since its
        start)."""
        if torch.cuda.is_available():
            return int(torch.cuda.max_memory_allocated())
        if STATUS.exists():
            for line in STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
