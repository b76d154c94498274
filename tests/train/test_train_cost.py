"""What a stage costs."""

import mmap
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from commands import environment

from topgraft.train.cost import CLEAR, STATUS, Clock

MEGABYTE = 2**20


def test_seconds_count_from_when_the_clock_was_made():
    clock = Clock()
    time.sleep(0.02)
    first = clock.seconds
    assert 0.02 <= first < clock.seconds


@pytest.mark.skipif(not STATUS.exists() or torch.cuda.is_available(), reason="reads Linux's figures of a process")
def test_the_peak_holds_what_was_taken_and_given_back():
    # In a process of its own: what other tests have held may be taken back by the system at any moment.
    code = f"""
        import torch
        from topgraft.train.cost import Clock
        clock = Clock()
        before = clock.peak_memory_bytes
        block = torch.ones({64 * MEGABYTE // 4})
        del block
        print(clock.peak_memory_bytes - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=environment(), capture_output=True, check=True, text=True)
    assert 60 * MEGABYTE <= int(done.stdout) <= 100 * MEGABYTE


@pytest.mark.skipif(not CLEAR.exists() or torch.cuda.is_available(), reason="Linux alone lets the mark be reset")
def test_every_stage_reports_its_own_peak():
    try:
        CLEAR.write_text("5")
    except OSError:
        pytest.skip("this process may not reset its own mark")
    high = Clock()
    with mmap.mmap(-1, 128 * MEGABYTE) as block:  # given back at once, whatever the C library keeps
        block.write(bytes(128 * MEGABYTE))
        peak = high.peak_memory_bytes
    assert Clock().peak_memory_bytes < peak - 100 * MEGABYTE
