"""A program run on calls in a process of its own: little time and memory, no network, an empty folder."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")
SLACK = 3.0
"""Seconds by the clock that a process has beyond its processor time, on a busy machine."""
TIME_UP = (-signal.SIGXCPU, -signal.SIGKILL)
"""How a process ends that the system, or this one, stopped."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one program may take: processor seconds over all its calls, and bytes of memory."""

    seconds: int = 2
    memory: int = 512 << 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a call: the repr of its value, or why there is none ("TypeError: ...", "out of time")."""

    value: str | None = None
    raises: str = ""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A program's outcomes, one for each call. `alone`: whether the system itself had cut it off from the network."""

    outcomes: tuple[Outcome, ...]
    alone: bool


def run(program: str, calls: list[str], *, before: str = "", limits: Limits | None = None) -> Ran:
    """Run `before` and `program`, then evaluate each of `calls`, which see what those defined.

    Nothing that the program does reaches this process: what it does not finish is "out of time", "out of memory" or
    "ended early". Example: `run("def f(x): return x + 1", ["f(1)"]).outcomes[0].value` -> "2".
    """
    limits = limits or Limits()
    key = secrets.token_hex(8)  # what the program itself writes there is no outcome
    job = {"key": key, "before": before, "program": program, "calls": calls, **asdict(limits)}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
        late = False
        try:
            process.communicate(json.dumps(job).encode("utf-8"), timeout=limits.seconds + SLACK)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _end(process)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    lines = [json.loads(line.removeprefix(key)) for line in text.split("\n")[:-1] if line.startswith(key)]
    return _read(lines, len(calls), "out of time" if late or process.returncode in TIME_UP else "ended early")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process with whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.communicate()


def _read(lines: list[dict[str, Any]], calls: int, otherwise: str) -> Ran:
    """The outcomes that came; calls without one have `otherwise`."""
    alone, program, *found = [*lines, {}, {}] if len(lines) < 2 else lines
    if "raises" in program:
        found = [program] * calls
    outcomes = [_outcome(line) for line in found if line][:calls]
    outcomes += [Outcome(raises=otherwise)] * (calls - len(outcomes))
    return Ran(outcomes=tuple(outcomes), alone=bool(alone.get("alone")))


def _outcome(line: dict[str, str]) -> Outcome:
    raised = line.get("raises", "")
    return Outcome(value=line.get("value"), raises="out of memory" if raised.startswith("MemoryError") else raised)
