"""Real processes that are killed, whose writes fail and whose files are harmed; and what came of it in the end."""

import errno
import os
import random
import shutil
import signal
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands import Done, ended, started, topgraft
from jobs import Job
from judge_server import Server

MOST_KILLS = 25
"""Of one job, before it is left to end."""
LONGEST = 300.0
"""Seconds that one process may take."""
SOURCE = Path(__file__).with_name("failing.c")
Harm = dict[Path, tuple[bytes, bytes]]
"""Files that were harmed: what stands there now, and what stood there before."""


@dataclass
class Trial:
    """One job that was disturbed and then left alone."""

    job: str
    faults: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the processes said that ended with an error, or of a file that is not as it was written."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it would have been without the faults, or should not have been said."""


class Bench:
    """A folder for the jobs, with the undisturbed outcome of each."""

    def __init__(self, folder: Path, jobs: dict[str, Job], judge: Server) -> None:
        self.folder, self.jobs, self.judge = folder, jobs, judge
        self.library = library(folder)
        """What makes writes fail; None where there is no compiler."""
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._expected: dict[str, dict[str, Any]] = {}

    def expected(self, name: str) -> dict[str, Any]:
        """What a job comes to that nobody disturbs."""
        if name not in self._expected:
            folder = self.fresh(name, "undisturbed")
            began = time.monotonic()
            done = self.do(name, folder)
            assert done.code == 0, done.err + done.out
            self.seconds[name] = time.monotonic() - began
            self._expected[name] = self.jobs[name].outcome(folder)
        return self._expected[name]

    def fresh(self, name: str, called: str) -> Path:
        """A new folder for a job, with what it begins from."""
        folder = self.folder / f"{name}-{called}"
        shutil.rmtree(folder, ignore_errors=True)
        if needs := self.jobs[name].needs:
            self.expected(needs)
            shutil.copytree(self.folder / f"{needs}-undisturbed", folder)
        folder.mkdir(exist_ok=True)
        return folder

    def do(self, name: str, folder: Path, *, kill_after: float | None = None, **more: str) -> Done:
        """Give the job's command; kill its process after so many seconds, if it is still there."""
        said = self.folder / "said"
        said.mkdir(exist_ok=True)
        variables = {"XDG_CACHE_HOME": str(folder / "cache"), **more}
        process = started(*self.jobs[name].words, cwd=folder, said=said, **variables)
        process.join(LONGEST if kill_after is None else kill_after)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            if kill_after is None:
                return Done(-9, "", f"no end after {LONGEST} s")
        return ended(process, said)

    def killed(self, name: str, called: str, rng: random.Random, most: int = MOST_KILLS) -> Trial:
        """Kill a job at random moments until it ends by itself, `most` times at most."""
        trial, folder = Trial(name), self.fresh(name, called)
        whole = self.expected(name) and self.seconds[name]
        for _ in range(most):
            after = rng.uniform(0.0, whole)
            done = self.do(name, folder, kill_after=after)
            if done.code == -signal.SIGKILL:
                trial.faults.append(f"killed after {after:.2f} s")
                continue
            self._judge_end(trial, done)
            break
        return self._leave_alone(trial, folder)

    def failing(self, name: str, called: str, rng: random.Random) -> Trial:
        """Have one write fail, then continue."""
        if name not in self.calls:
            counted = self.fresh(name, "counted")
            assert self._with_library(name, counted).code == 0
            self.calls[name] = struct.unpack("i", (counted / ".calls").read_bytes())[0]
        trial, folder = Trial(name), self.fresh(name, called)
        self.expected(name)
        at, code = rng.randint(1, self.calls[name]), rng.choice([errno.ENOSPC, errno.EIO])
        done = self._with_library(name, folder, FAIL_AT=str(at), FAIL_WITH=str(code))
        trial.faults.append(f"{errno.errorcode[code]} at write {at} of {self.calls[name]}")
        self._judge_end(trial, done)
        return self._leave_alone(trial, folder)

    def _with_library(self, name: str, folder: Path, **fault: str) -> Done:
        """Give the job's command in a process that the library was loaded into before all others."""
        (folder / ".calls").write_bytes(bytes(4))
        told = {"LD_PRELOAD": str(self.library), "FAIL_UNDER": f"{folder}/", "FAIL_COUNT": str(folder / ".calls")}
        return topgraft(*self.jobs[name].words, cwd=folder, XDG_CACHE_HOME=str(folder / "cache"), **told, **fault)

    def harmed(self, name: str, called: str, rng: random.Random) -> Trial:
        """Kill a job, harm one of its files, then continue. It may refuse to, but not come to something else."""
        trial, folder = Trial(name), self.fresh(name, called)
        whole = self.expected(name) and self.seconds[name]
        self.do(name, folder, kill_after=rng.uniform(0.3 * whole, whole))
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        path = rng.choice(files)
        whole_file = path.read_bytes()
        content = bytearray(whole_file)
        if rng.random() < 0.5:
            place = rng.randrange(len(content))
            content[place] ^= 1 << rng.randrange(8)
            trial.faults.append(f"a bit of byte {place} of {path.relative_to(folder)}")
        else:
            del content[rng.randrange(len(content)) :]
            trial.faults.append(f"{path.relative_to(folder)} cut to {len(content)} bytes")
        path.unlink()  # a shared file stays whole where else it is linked
        path.write_bytes(content)
        return self._leave_alone(trial, folder, harmed={path: (bytes(content), whole_file)})

    def starved(self, name: str, called: str, rng: random.Random) -> Trial:
        """Give a job too little memory, then continue. It may die of that in any way."""
        trial, folder = Trial(name), self.fresh(name, called)
        self.expected(name)
        room = round(10 ** rng.uniform(0.5, 2.7))
        done = self.do(name, folder, GROWS_BY_MB=str(room))
        trial.faults.append(f"{room} MB to grow by: ended with {done.code}")
        if done.code == 2:
            self._judge_end(trial, done)
        return self._leave_alone(trial, folder)

    def dropped(self, name: str, called: str, rng: random.Random) -> Trial:
        """Have the server that a job asks vanish for some seconds, or for good, then continue with it there again."""
        trial, folder = Trial(name), self.fresh(name, called)
        whole = self.expected(name) and self.seconds[name]
        after, away = rng.uniform(0.0, whole), rng.choice([LONGEST, rng.uniform(0.0, 5.0)])
        over, gone = threading.Event(), threading.Thread(target=lambda: self._without_judge(after, away, over))
        gone.start()
        done = self.do(name, folder)
        over.set()
        gone.join()
        trial.faults.append(f"no server after {after:.2f} s for {away:.2f} s")
        self._judge_end(trial, done)
        return self._leave_alone(trial, folder)

    def _without_judge(self, after: float, away: float, over: threading.Event) -> None:
        """Stop the server in `after` seconds, and start it again when it was `away` so long or the job is over."""
        over.wait(after)
        self.judge.stop()
        over.wait(away)
        self.judge.start()

    def _judge_end(self, trial: Trial, done: Done) -> None:
        """A process may end well, or with one message."""
        if done.code not in (0, 2) or "Traceback" in done.err:
            trial.wrong.append(f"ended with {done.code}: {done.err[-1500:]}")
        elif done.code == 2:
            trial.said.append(done.err.strip().splitlines()[-1])

    def _leave_alone(self, trial: Trial, folder: Path, *, harmed: Harm | None = None) -> Trial:
        """Let the job come to its end, and compare. Where a file was harmed it may refuse to go on; or leave that file
        as it is, if it says so and all else is as it should be."""
        done = self.do(trial.job, folder)
        self._judge_end(trial, done)
        if done.code != 0:
            if not harmed:
                trial.wrong.append(f"it does not go on: {done.err[-1500:]}")
            return trial
        for path, (content, before) in (harmed or {}).items():
            told = f"{path.relative_to(folder)} is not as it was written"
            if told in " ".join(done.out.split()) and path.read_bytes() == content:
                trial.said.append(told)
                path.write_bytes(before)
        expected = self.expected(trial.job)
        try:
            found = self.jobs[trial.job].outcome(folder)
        except (OSError, ValueError) as error:
            expected, found = {"outcome": "as it should be"}, {"outcome": str(error)}
        names = sorted(expected.keys() | found.keys())
        pairs = ((name, expected.get(name), found.get(name)) for name in names)
        trial.wrong += [f"{name}: {unlike(one, other)}" for name, one, other in pairs if one != other]
        shutil.rmtree(folder, ignore_errors=bool(trial.wrong))
        return trial


def unlike(one: Any, other: Any) -> str:
    """Where two outcomes first differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        name = next(name for name in [*one, *other] if one.get(name) != other.get(name))
        return f"{name}: {unlike(one.get(name), other.get(name))}"
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        place = next(place for place in range(len(one)) if one[place] != other[place])
        return f"{place}: {unlike(one[place], other[place])}"
    shown = [f"{len(part)} bytes" if isinstance(part, bytes) else repr(part)[:200] for part in (one, other)]
    return " is now ".join(shown)


def library(folder: Path) -> Path | None:
    """The library that makes writes fail, compiled into `folder`; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    built = folder / "failing.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, SOURCE, "-ldl"], check=True)
    return built
