"""One process at a time in a folder, and no lock that outlives its process."""

import subprocess
import sys
from pathlib import Path

import pytest

from topgraft.errors import UserError
from topgraft.runs.locking import alone_in

HOLDER = """
import sys, time
from pathlib import Path
from topgraft.runs.locking import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that works in the folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path, holder):
    with (
        pytest.raises(UserError, match=r"Another process is at work in .*run. Wait for it"),
        alone_in(tmp_path / "run"),
    ):
        pytest.fail("two processes in one folder")
    holder.kill()
    holder.wait()
    with alone_in(tmp_path / "run"):
        pass


def test_the_lock_is_given_back_and_a_folder_that_is_not_there_is_made(tmp_path):
    for _ in range(2):
        with alone_in(tmp_path / "new" / "run"):
            assert (tmp_path / "new" / "run").is_dir()
