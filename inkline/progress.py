"""How far work is, on standard error: a display that changes for people at a terminal, plain lines for logs."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

# What a terminal shows beside the text: nothing, a bar of steps, pages and time, or a bar of bytes and their rate.
Shows = Literal["text", "steps", "pages", "bytes"]


class LogProgress:
    """Plain lines for logs. interval: seconds between two lines of `update`, None for none at all."""

    def __init__(self, interval: float | None = 30.0) -> None:
        self._interval = interval
        self._updated_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def update(self, text: str | Callable[[], str], done: int | None = None, total: int | None = None) -> None:
        """Show how far the work is, unless that was done less than `interval` ago.

        text: the line, or what makes it when it is shown. done, total: steps, pages or bytes; None where not known.
        """
        now = time.monotonic()
        if self._interval is None or now - self._updated_at < self._interval:
            return
        self._updated_at = now
        self._show(text if isinstance(text, str) else text(), done, total)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the display."""

    def _show(self, text: str, done: int | None, total: int | None) -> None:
        self.say(text)


class LiveProgress(LogProgress):
    """The same as one line of a terminal that changes, under the lines that stay; `close` ends it."""

    def __init__(self, shows: Shows, text: str = "", total: int | None = None, interval: float = 0.0) -> None:
        from rich import progress as rich
        from rich.console import Console

        super().__init__(interval)
        line = rich.TextColumn("{task.description}", markup=False)  # names of files hold brackets
        columns: dict[Shows, tuple[rich.ProgressColumn, ...]] = {
            "text": (rich.SpinnerColumn(), line),
            "steps": (rich.BarColumn(20), line),
            "pages": (rich.SpinnerColumn(), rich.TextColumn("{task.completed} pages"), rich.TimeElapsedColumn(), line),
            "bytes": (line, rich.BarColumn(), rich.DownloadColumn(), rich.TransferSpeedColumn()),
        }
        self._bar = rich.Progress(*columns[shows], console=Console(stderr=True), transient=shows != "steps")
        self._task = self._bar.add_task(text, total=total)
        self._bar.start()

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()

    def _show(self, text: str, done: int | None, total: int | None) -> None:
        self._bar.update(self._task, description=text, completed=done, total=total)


def open_progress(shows: Shows, text: str = "", total: int | None = None, interval: float | None = None) -> LogProgress:
    """The display for where standard error goes: live on a terminal, else lines every `interval` seconds (None: none)."""
    return LiveProgress(shows, text, total) if sys.stderr.isatty() else LogProgress(interval)
