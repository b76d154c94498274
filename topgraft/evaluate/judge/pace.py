"""How fast is asked: so many requests a minute, spread evenly, and waits that all workers keep."""

import threading
import time
from collections.abc import Callable


class Stopped(Exception):
    """Asking ends: a worker that waits gives up."""


class Pace:
    """Turns for all workers. No 60 seconds see more than `per_minute` requests (None: as many as come)."""

    def __init__(
        self,
        per_minute: float | None,
        stop: threading.Event,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.gap = 60 / per_minute if per_minute else 0.0
        self.stop, self.clock, self.wait = stop, clock, wait or stop.wait
        self._next = clock()
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Wait until a request may be sent. Raises Stopped where asking has ended meanwhile."""
        while True:
            with self._lock:
                left = self._next - self.clock()
                if left <= 0 and not self.stop.is_set():
                    self._next = self.clock() + self.gap
                    return
            self.rest(left)

    def hold(self, seconds: float) -> None:
        """Nobody asks for so long: the endpoint said when it will answer again."""
        with self._lock:
            self._next = max(self._next, self.clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait so long. Raises Stopped where asking has ended meanwhile."""
        if seconds > 0 and not self.stop.is_set():
            self.wait(seconds)
        if self.stop.is_set():
            raise Stopped
