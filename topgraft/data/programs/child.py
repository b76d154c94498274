"""What runs in the child process: one program and its calls, under limits. Standard library only, run by its path.

The job comes as JSON on standard input: {"key", "before", "program", "calls", "seconds", "memory"}. Lines of JSON, each
behind the key, go to standard output: whether the system cut the process off from the network, then an outcome of the
program itself, then one of each call: {"value": repr} or {"raises": "TypeError: ..."}. What it prints is dropped.

Limits, from the outside in: processor time, memory, file sizes and the number of files by the system (setrlimit); no
network where the system lets a process leave it (Linux, unshare); no sockets, no other processes and no signals to any
where it filters a process's calls (Linux, seccomp); and an audit hook that refuses all of these, and files and foreign
code besides. The hook is Python's own and stops accidents and pranks, not an attacker who knows CPython: such a one
could read files. Run programs of people who may be hostile in a container besides.
"""

import ctypes
import io
import json
import os
import struct
import sys
import types
from collections.abc import Callable, Mapping

LONGEST = 10_000
"""Characters of a value that are handed on."""
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
NO_NEW_PRIVILEGES, SECCOMP, FILTER, THREAD = 38, 22, 2, 0x10000
LOAD, EQUAL, ABOVE, BITS, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
"""The filter's instructions: load a word; jump where it is equal, not below, has one of these bits; give a verdict."""
ALLOW, REFUSE, ABSENT, OTHER_CALLS = 0x7FFF0000, 0x50001, 0x50026, 0x40000000
"""Verdicts (refuse: EPERM, absent: ENOSYS); and where the numbers of a second set of calls begin, which x86 has."""
CALLS: dict[str, tuple[int, int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, 435, (41, 57, 58, 59, 62, 101, 200, 234, 272, 310, 311, 322, 424, 425, 434, 438)),
    "aarch64": (0xC00000B7, 220, 435, (97, 117, 129, 130, 131, 198, 221, 270, 271, 281, 424, 425, 434, 438)),
}
"""Machine -> its mark, the numbers of clone and clone3, and those of calls that are refused whatever their arguments:
socket, fork, vfork, execve, kill, ptrace, tkill, tgkill, unshare, process_vm_readv and _writev, execveat,
pidfd_send_signal, io_uring_setup, pidfd_open, pidfd_getfd."""
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
CLOSED = ("ctypes", "_ctypes", "socket", "_socket")
"""Modules that a program may not import."""


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


def refuse_calls() -> bool:
    """Have the system itself refuse CALLS from here on, and processes that are no threads; False where it cannot."""
    machine = os.uname().machine if sys.platform == "linux" else ""
    if machine not in CALLS:
        return False
    mark, clone, clone3, refused = CALLS[machine]
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, mark), (GIVE, 0, 0, REFUSE), (LOAD, 0, 0, 0)]
    code += [(ABOVE, 0, 1, OTHER_CALLS), (GIVE, 0, 0, REFUSE), (EQUAL, 0, 1, clone3), (GIVE, 0, 0, ABSENT)]
    for number in refused:
        code += [(EQUAL, 0, 1, number), (GIVE, 0, 0, REFUSE)]
    code += [(EQUAL, 0, 3, clone), (LOAD, 0, 0, 16), (BITS, 1, 0, THREAD), (GIVE, 0, 0, REFUSE), (GIVE, 0, 0, ALLOW)]
    packed = b"".join(struct.pack("HBBI", *line) for line in code)
    held = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(held))
    call = ctypes.CDLL(None).prctl
    call.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]
    return call(NO_NEW_PRIVILEGES, 1, None, 0, 0) == 0 and call(SECCOMP, FILTER, program, 0, 0) == 0


def limit(seconds: int, memory: int, *, filtered: bool) -> None:
    """Take time, memory and files away, and other processes where no filter of calls does; a system without such limits
    leaves the parent's clock."""
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
    if not filtered:
        sizes["RLIMIT_NPROC"] = (0, 0)  # of threads, too, and for all but the superuser
    for name, size in sizes.items():
        try:
            resource.setrlimit(getattr(resource, name), size)
        except (AttributeError, ValueError, OSError):
            continue


def guard(readable: tuple[str, ...]) -> None:
    """From here on refuse what FORBIDDEN names, and files other than those of Python's own library."""
    forbidden, closed = FORBIDDEN, CLOSED  # which a program could change as the module has them

    def hook(event: str, details: tuple[object, ...]) -> None:
        if event.startswith(forbidden):
            raise PermissionError(f"{event} is not allowed here")
        if event in ("open", "os.listdir", "os.scandir"):
            path, mode = str(details[0]), str(details[1] or "r") if event == "open" else "r"
            if not f"{path}/".startswith(readable) or any(sign in mode for sign in "wax+"):
                raise PermissionError(f"opening {path} is not allowed here")
        if event == "import" and str(details[0]).partition(".")[0] in closed:
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
        out.write(f"\n{job['key']}{json.dumps(line)}\n")  # a line of its own, whatever the program has written
        out.flush()

    left, filtered = leave_the_network(), refuse_calls()
    tell({"alone": left or filtered})
    limit(job["seconds"], job["memory"], filtered=filtered)
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
