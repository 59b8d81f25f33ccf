"""How far a run is: a line that changes on a terminal, a line now and then where standard error is a file."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from inkline.batch.plan import Summary

EVERY = 30.0  # seconds between two plain lines
WINDOW = 60.0  # seconds over which the rate is taken


class Progress(Protocol):
    """What a run tells how far it is."""

    def show(self, summary: "Summary", unfinished_pages: int) -> None:
        """Called a few times a second. unfinished_pages: pages read of documents that are not yet done."""

    def failed(self, error: str) -> None:
        """A file was given up."""


class Failures:
    """Says which files failed, and nothing else."""

    def show(self, summary: "Summary", unfinished_pages: int) -> None:
        pass

    def failed(self, error: str) -> None:
        print(f"inkline: {error}", file=sys.stderr, flush=True)


class Lines:
    """Says how far the run is, on standard error. count: tells how many files there are in all; it may take its time."""

    def __init__(self, count: Callable[[], int] | None, every: float = EVERY) -> None:
        self.total: int | None = None
        self._every = every
        self._last = time.monotonic()
        self._seen: deque[tuple[float, int, int]] = deque()
        if count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def show(self, summary: "Summary", unfinished_pages: int) -> None:
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self.say(self.line(summary, unfinished_pages))

    def failed(self, error: str) -> None:
        self.say(error)

    def say(self, text: str) -> None:
        """Put a line of text out."""
        print(f"inkline: {text}", file=sys.stderr, flush=True)

    def line(self, summary: "Summary", unfinished_pages: int) -> str:
        """`120 of 5000 files, 340 pages, 2.1 pages/s, 38 min left, 2 failed`."""
        now, pages = time.monotonic(), summary.pages + unfinished_pages
        worked = summary.done + summary.failed
        self._seen.append((now, pages, worked))
        while now - self._seen[0][0] > WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        begun, pages_then, worked_then = self._seen[0] if len(self._seen) > 1 else (now - summary.seconds, 0, 0)
        passed = max(now - begun, 1e-6)
        files = worked + summary.skipped
        parts = [f"{files} files" if self.total is None else f"{files} of {self.total} files"]
        parts += [f"{pages} pages", per_second((pages - pages_then) / passed)]
        rate = (worked - worked_then) / passed
        if self.total is not None and rate > 0:
            parts.append(f"{_duration(max(0, self.total - files) / rate)} left")
        if summary.failed:
            parts.append(f"{summary.failed} failed")
        return ", ".join(parts)

    def _count(self, count: Callable[[], int]) -> None:
        try:
            self.total = count()
        except Exception:  # what is wrong with the source, the run itself will say
            self.total = None


class Live(Lines):
    """The same as one line of a terminal that changes. `close` it."""

    def __init__(self, count: Callable[[], int] | None) -> None:
        from rich.console import Console

        super().__init__(count, every=0.25)
        self._console = Console(stderr=True)
        self._status: Any = self._console.status("starting")
        self._status.start()

    def show(self, summary: "Summary", unfinished_pages: int) -> None:
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._status.update(self.line(summary, unfinished_pages))

    def say(self, text: str) -> None:
        self._console.print(f"inkline: {text}", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the line away."""
        self._status.stop()


def per_second(rate: float) -> str:
    """`2.1 pages/s`, and `0.045 pages/s` for pages that take long."""
    return f"{rate:.1f} pages/s" if rate >= 1 else f"{rate:.2g} pages/s"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
