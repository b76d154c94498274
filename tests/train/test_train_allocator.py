"""Law: memory that a step frees is there for the next one, without new pages from the system."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, torch
from topgraft.train.allocator import keep_freed_memory
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
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    written = 5 * 60 * 2**20 * 4 // 4096  # given back, nearly all pages would come anew; how many is the heap's chance
    assert int(done.stdout) < 0.02 * written
