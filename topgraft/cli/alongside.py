"""Work that goes on beside the main one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def alongside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Inside, a thread does `work`, which ends soon after its event is set; afterwards it has ended."""
    over = threading.Event()
    working = threading.Thread(target=work, args=(over,), daemon=True)
    working.start()
    try:
        yield
    finally:
        over.set()
        working.join()
