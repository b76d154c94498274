"""Law: memory that a step frees is there for the next one, without new pages from the system."""

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys, torch
from topgraft.train.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def step():
    blocks = [torch.ones(2**20) for _ in range(60)]
for _ in range(2):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to do with freed memory")
def test_steps_after_the_first_take_hardly_a_page():
    own = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "131072",
    }  # fixed: else whether glibc gives back is the heap's chance
    faults = {}
    for how in ("keep", "give back"):
        command = [sys.executable, "-c", STEPS, how]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
        faults[how] = int(done.stdout)
    assert faults["keep"] < 0.2 * faults["give back"]
    assert faults["give back"] > 10_000, "else the C library keeps it by itself"
