"""What a person sees while a run works: bars with time left in a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 5.0
"""Seconds between plain lines."""


HARMLESS = "\n\t\u200c\u200d\u200e\u200f"
"""Line break and tab; what joins letters and emoji, and marks of direction: scripts need them, no terminal obeys."""


def printable(text: str) -> str:
    """The text with a replacement character for everything that could steer a terminal; line breaks and tabs stay."""
    return "".join(char if char.isprintable() or char in HARMLESS else "\N{REPLACEMENT CHARACTER}" for char in text)


class Bar:
    """One task's progress; call `advance` after each step with what is worth showing."""

    def __init__(self, console: Console, title: str, total: int, progress: Progress | None, done: int = 0) -> None:
        self.console, self.title, self.total, self.progress = console, title, total, progress
        self.done = self._before = done
        self._begun = time.monotonic()
        self._spoken = self._begun
        self._task = (
            progress.add_task(escape(printable(title)), total=total, completed=done, figures="") if progress else None
        )

    def advance(self, metrics: dict[str, float], keys: tuple[str, ...], steps: int = 1) -> None:
        """Count a step (or as many as `steps`) and show the metrics named in `keys`."""
        self.done += steps
        figures = "  ".join(f"{key.split('/')[-1]} {metrics[key]:.3g}" for key in keys if key in metrics)
        if self.progress is not None and self._task is not None:
            self.progress.update(self._task, completed=self.done, figures=figures)
            return
        now = time.monotonic()
        if now - self._spoken >= QUIET_SECONDS or self.done in (1, self.total):
            self._spoken = now
            left = (now - self._begun) / (self.done - self._before) * (self.total - self.done)
            line = f"{self.title} {self.done}/{self.total}  {figures}  {left:.0f} s left"
            self.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


class Screen:
    """Where a run speaks; or does not, where another process does."""

    def __init__(self, console: Console | None = None, *, silent: bool = False) -> None:
        self.console = console or Console(quiet=silent)

    def say(self, text: str) -> None:
        """Print a line; text from data or models is shown as it is, without markup or control characters."""
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print the beginning of a stage."""
        self.console.print(f"[bold]{escape(printable(text))}[/bold]", highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int, *, done: int = 0) -> Iterator[Bar]:
        """A progress bar in a terminal, plain lines elsewhere; `done` steps are done already."""
        if not self.console.is_terminal:
            yield Bar(self.console, title, total, None, done)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=self.console) as progress:
            yield Bar(self.console, title, total, progress, done)

    def follow(self, title: str, work: Iterable[tuple[str, int, int]]) -> None:
        """Do work that yields what it does, how many steps more of it are done, and of how many: a bar for each."""
        doing = ""
        with ExitStack() as opened:
            for what, more, total in work:
                if what != doing:
                    opened.close()
                    doing, bar = what, opened.enter_context(self.bar(f"{title}, {what}", total))
                bar.advance({}, (), more)
