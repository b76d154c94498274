"""What runs in the child process: one program and its calls, under limits. Standard library only, run by its path.

The job comes as JSON on standard input: {"key", "before", "program", "calls", "seconds", "memory"}. Lines of JSON, each
behind the key, go to standard output: whether the system cut the process off from the network, then an outcome of the
program itself, then one of each call: {"value": repr} or {"raises": "TypeError: ..."}. What it prints is dropped.

Limits, from the outside in: processor time, memory, file sizes and the number of files by the system (setrlimit); no
network where the system lets a process leave it (Linux, unshare); and an audit hook that refuses connections, other
processes, changes of files and foreign code. The hook is Python's own and stops accidents and pranks, not an attacker
who knows CPython: run programs of people who may be hostile in a container besides.
"""

import ctypes
import io
import json
import os
import sys
import types
from collections.abc import Callable, Mapping

LONGEST = 10_000
"""Characters of a value that are handed on."""
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.kill",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "pty.",
    "signal.",
    "shutil.",
    "tempfile.",
    "ctypes.",
    "mmap.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "webbrowser.",
    "sqlite3.",
    "cpython.run_",
    "sys.setprofile",
    "sys.settrace",
)
"""Beginnings of the events (docs.python.org, "Audit events table") that a program may not raise."""


class Silence(io.TextIOBase):
    """Standard output of a program: nothing is kept."""

    def write(self, text: str) -> int:
        """Drop `text`."""
        return len(text)


def leave_the_network() -> bool:
    """Move into a network of one's own, which has no way out; False where the system has or allows no such thing."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    return unshare(NEW_NETWORK) == 0 or unshare(NEW_USER | NEW_NETWORK) == 0


def limit(seconds: int, memory: int) -> None:
    """Take time, memory and files away; a system without such limits leaves the parent's clock."""
    try:
        import resource
    except ImportError:
        return
    sizes = {
        "RLIMIT_CPU": (seconds, seconds + 1),
        "RLIMIT_AS": (memory, memory),
        "RLIMIT_FSIZE": (1 << 20, 1 << 20),
        "RLIMIT_NOFILE": (32, 32),
        "RLIMIT_CORE": (0, 0),
    }
    for name, size in sizes.items():
        try:
            resource.setrlimit(getattr(resource, name), size)
        except (AttributeError, ValueError, OSError):
            continue


def guard(readable: tuple[str, ...]) -> None:
    """From here on refuse what FORBIDDEN names, and files other than those of Python's own library."""

    def hook(event: str, details: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"{event} is not allowed here")
        if event in ("open", "os.listdir", "os.scandir"):
            path, mode = str(details[0]), str(details[1] or "r") if event == "open" else "r"
            if not f"{path}/".startswith(readable) or any(sign in mode for sign in "wax+"):
                raise PermissionError(f"opening {path} is not allowed here")
        if event == "import" and str(details[0]).partition(".")[0] in ("ctypes", "_ctypes", "socket", "_socket"):
            raise PermissionError(f"importing {details[0]} is not allowed here")

    sys.addaudithook(hook)


def outcome(run: Callable[[], object]) -> dict[str, str]:
    """What `run()` gives or raises."""
    try:
        return {"value": repr(run())[:LONGEST]}
    except BaseException as error:
        return {"raises": f"{type(error).__name__}: {error}"[:LONGEST]}


def main() -> None:
    """Read the job, close the doors, run."""
    job = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), Silence(), Silence()

    def tell(line: Mapping[str, object]) -> None:
        out.write(f"{job['key']}{json.dumps(line)}\n")
        out.flush()

    tell({"alone": leave_the_network()})
    limit(job["seconds"], job["memory"])
    space = types.ModuleType("program").__dict__
    guard(tuple({f"{path}/" for name in sys.path for path in (name, os.path.realpath(name))}))

    def load() -> None:
        for text in (job["before"], job["program"]):
            exec(compile(text, "program.py", "exec"), space)

    tell(outcome(load))
    for call in job["calls"]:
        tell(outcome(lambda call=call: eval(compile(call.strip(), "call", "eval"), space)))  # type: ignore[misc]


if __name__ == "__main__":
    main()
