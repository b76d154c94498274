"""What holds a student's program, without Python's own hook: the system's limits, in real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topgraft.data.programs import child
from topgraft.data.programs.labelling import same
from topgraft.data.programs.sandbox import _end, run

LINUX = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in child.CALLS, reason="the filter of calls is Linux's"
)


def said(program: str, *calls: str, **more: object) -> list[str]:
    return [found.value or found.raises for found in run(program, list(calls), **more).outcomes]


@LINUX
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', {port}), 5)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "os.fork()",
        "subprocess.run(['true'])",
        "os.posix_spawn('/bin/true', ['true'], {{}})",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.pidfd_open(1)",
        "multiprocessing.get_context('spawn').Process(target=print).start()",
    ],
)
def test_the_system_itself_refuses_connections_processes_and_signals(attempt):
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import multiprocessing, os, runpy, socket, subprocess\n"
            f"filtered = runpy.run_path({child.__file__!r})['refuse_calls']()\n"
            "try:\n"
            f"    print(filtered, 'done', {attempt.format(port=server.getsockname()[1])})\n"
            "except OSError as error:\n"
            "    print(filtered, type(error).__name__)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if done.stdout.startswith("False"):
        pytest.skip("this system lets no process filter its calls")
    assert done.stdout.split() == ["True", "PermissionError"]


@LINUX
def test_threads_and_arithmetic_go_on_as_before():
    program = """
import threading

def f():
    found = []
    threads = [threading.Thread(target=lambda: found.append(1)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found)
"""
    assert said(program, "f()", "2 ** 100 % 97") == ["3", str(2**100 % 97)]


@LINUX
def test_a_program_that_goes_past_pythons_functions_starts_no_process_either():
    program = """
import os
import _posixsubprocess

def f():
    read, write = os.pipe()
    words = [b'/bin/true']
    none = [-1] * 6
    return _posixsubprocess.fork_exec(
        words, words, True, (), None, None, *none, read, write, False, False, 0, None, None, None, -1, None, False)
"""
    found = said(program, "f()")[0]
    assert found.startswith(("PermissionError: [Errno 1]", "TypeError")), found
    if found.startswith("TypeError"):
        pytest.skip("another Python, whose private function takes other arguments")


def test_a_program_cannot_change_what_is_refused():
    program = """
import os, sys
main = sys.modules['__main__']
main.FORBIDDEN = main.CLOSED = ()
main.guard = main.limit = None
"""
    assert said(program, "os.system('true')")[0] == "PermissionError: os.system is not allowed here"
    assert said(program, "open('/etc/hostname').read()")[0].startswith("PermissionError: opening /etc/hostname")
    assert said(program, "__import__('_socket')")[0] == "PermissionError: importing _socket is not allowed here"


@LINUX
def test_a_large_file_is_cut_short_by_the_system(tmp_path):
    code = (
        "import runpy, sys\n"
        f"runpy.run_path({child.__file__!r})['limit'](5, 1 << 30, filtered=False)\n"
        "import resource\n"
        "names = ('RLIMIT_FSIZE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC')\n"
        "print(*(resource.getrlimit(getattr(resource, name))[0] for name in names))\n"
        "sys.stdout.flush()\n"
        "open('big', 'wb').write(bytes(2 << 20))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == [str(1 << 20), "32", "0"]
    assert done.returncode != 0
    assert (tmp_path / "big").stat().st_size <= 1 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
def test_a_program_is_ended_with_all_that_it_started(tmp_path):
    """A real group: a shell that waits for a child of its own, which outlives a kill of the shell alone."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert process.stdout is not None
    other = int(process.stdout.readline())
    os.kill(other, 0)
    _end(process)
    end = time.monotonic() + 60
    while Path(f"/proc/{other}").exists() and "Z" not in Path(f"/proc/{other}/stat").read_text().split(")")[1][:3]:
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)
    assert process.returncode == -signal.SIGKILL


def test_values_that_are_none_are_wrong_and_end_nothing():
    deep = "[" * 90 + "]" * 90
    for found in ("{[]: 1}", "{{}}", "(" * 5000, deep, "9" * 9000, "b'" + "a" * 90, "nan"):
        assert same(found, "{[]: 2}") is False
        assert same("4", found) is False
