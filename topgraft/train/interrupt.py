"""Stopping a run from outside: Ctrl-C, or SIGTERM, by which a system says that it wants the machine back.

A stage that trains finishes its step, writes a checkpoint and ends; asked once more it ends at once, and goes on later
from the checkpoint before. Judging waits for the replies on their way. Anything else ends at once. Signals within a
second are one: a cluster's scheduler sends its own to every process, and a launcher passes on the one that it got. The
exit code says what stopped it: 130 or 143, as of a shell.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ECHO = 1.0
"""Seconds in which another signal is the same one, come by another way."""


class Stopped(KeyboardInterrupt):
    """The process was asked to stop by signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        """What the process ends with."""


class Asked:
    """Whether, and by which signal, the process has been asked to stop."""

    def __init__(self) -> None:
        self.number: int | None = None


def obey(number: int | None) -> None:
    """Stop now, by a signal that this process was sent, or another at the same work."""
    if number is not None:
        raise Stopped(number)


@contextmanager
def stoppable(say: Callable[[str], None], kept: Callable[[], str]) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM stop the work: one line says what is `kept` and how to go on, and the process ends."""

    came: signal.Signals | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = signal.Signals(number)
        raise Stopped(number)

    try:
        with _handling(stop):
            yield
    except (Exception, KeyboardInterrupt) as error:
        # In the place of ours, a library in C++ may raise an interrupt of its own, and a lock that was just being taken
        # an error.
        if came is None and not isinstance(error, KeyboardInterrupt):
            raise
        stopped = error if isinstance(error, Stopped) else Stopped(came or signal.SIGINT)
        say(f"\nStopped. {kept()}")
        raise SystemExit(stopped.code) from None


@contextmanager
def noting(say: Callable[[str], None], how: str) -> Iterator[Asked]:
    """Inside, the first signal is noted, for the work to stop where it can go on from, and `how` is said; the second
    raises Stopped."""
    asked, first = Asked(), 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if asked.number is not None:
            if now - first > ECHO:
                raise Stopped(number)
            return
        asked.number, first = number, now
        say(f"\n{how}")

    with _handling(note):
        yield asked


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let `handler` take the signals; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
