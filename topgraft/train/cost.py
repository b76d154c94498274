"""What a stage costs, and what there is: seconds, the peak memory of this process or device, free memory."""

import contextlib
import resource
import sys
import time
from pathlib import Path

import psutil
import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CONTAINER = Path("/sys/fs/cgroup")
LIMITS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
"""Files that say a container's limit, what it uses and of what kind that is: of the second and the first version of
Linux's control groups."""


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
        return peak_bytes()


def peak_bytes() -> int:
    """The most that this process has held since its start, or since a clock was made: of the device on CUDA."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def held_bytes() -> int:
    """What this process holds now: of the device on CUDA."""
    if torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    return int(psutil.Process().memory_info().rss)


def free_bytes() -> int:
    """Memory that this process may still take without swapping: of the machine, or of its container where that has
    less."""
    return min(int(psutil.virtual_memory().available), container_room(CONTAINER))


def container_room(root: Path) -> int:
    """Bytes up to the limit in a folder of control group files; without a limit, more than any machine has."""
    for limit, used, kinds in LIMITS:
        if not (root / limit).exists() or not (root / limit).read_text().strip().isdigit():
            continue
        stat = dict(line.split() for line in (root / kinds).read_text().splitlines())
        given_back = int(stat.get("inactive_file", 0))  # files read before: dropped as soon as memory runs short
        return int((root / limit).read_text()) - int((root / used).read_text()) + given_back
    return 2**63
