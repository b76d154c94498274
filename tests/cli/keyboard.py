"""A command on a terminal of its own: what is typed is what its keyboard sends, what is seen is what it shows."""

import os
import pty
import re
import select
import sys
import time
from pathlib import Path

from commands import environment

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """`python -m topgraft WORDS` in `cwd`, on a pseudo-terminal."""

    def __init__(self, *words: object, cwd: Path) -> None:
        command = [sys.executable, "-m", "topgraft", *map(str, words)]
        variables = environment(TERM="dumb", INPUTRC=os.devnull)
        self.raw = ""
        self.code: int | None = None
        self.process, self.screen = pty.fork()
        if self.process == 0:
            os.chdir(cwd)
            os.execve(command[0], command, variables)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.screen, keys.encode())

    def see(self, pattern: str, seconds: float = 120) -> str:
        """Wait until `pattern` shows behind what was seen before, and return that and all in front of it."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.raw)):
            assert time.monotonic() < end, f"{pattern!r} does not show: {self.raw!r}"
            assert self._read(), f"it ended without {pattern!r}: {self.raw!r}"
        seen, self.raw = self.raw[: found.end()], self.raw[found.end() :]
        return seen.replace("\r\n", "\n")

    def rest(self) -> None:
        """Wait until the command does nothing but wait for a key: one that comes between Python's prompt and its wait
        is not heard before the next."""
        spent, since = -1, time.monotonic()
        while time.monotonic() - since < 0.3:
            fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
            now = int(fields[11]) + int(fields[12])
            if now != spent or fields[0] != "S":
                spent, since = now, time.monotonic()
            time.sleep(0.02)

    def end(self) -> int:
        """Wait for the command to end; its exit code."""
        while self._read():
            pass
        os.close(self.screen)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return self.code

    def _read(self) -> bool:
        """Take in what is shown; False where nothing will be."""
        if not select.select([self.screen], [], [], 120)[0]:
            return False
        try:
            new = os.read(self.screen, 65536)
        except OSError:  # how Linux tells that the other side is closed
            return False
        self.raw += new.decode()
        return bool(new)
