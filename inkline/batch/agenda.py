"""What is still to be done: items become tasks unless the ledger knows them, and how tasks end is noted there."""

import heapq
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from inkline.batch.destination import lies_in
from inkline.batch.document import waiting_file
from inkline.batch.faults import disk_full
from inkline.batch.ledger import Result
from inkline.batch.listing import Item
from inkline.batch.plan import Place, Plan, Summary
from inkline.batch.progress import Progress
from inkline.batch.store import copy
from inkline.batch.worker import Ended, Task
from inkline.errors import InklineError, OutputError

LOOKS_A_TURN = 500  # items looked up before the caller gets its turn again


class Agenda:
    """The tasks of a run: those to come, those to be tried again, and what became of the others."""

    def __init__(self, plan: Plan, place: Place, progress: Progress) -> None:
        self.summary = Summary()
        self._plan, self._place, self._progress = plan, place, progress
        self._desk = place.desk(plan, "agenda")
        self._numbers = itertools.count()
        self._open: set[str] = set()  # names of the tasks that have not ended
        self._again: list[tuple[float, int, Task]] = []  # a heap: when to try a task again

    @property
    def unfinished(self) -> bool:
        """Whether a task has not ended, or is to be tried again."""
        return bool(self._open)

    def due(self) -> Task | None:
        """A task whose time to be tried again has come."""
        if self._again and self._again[0][0] <= time.monotonic():
            return heapq.heappop(self._again)[2]
        return None

    def next(self, items: Iterator[Item | None]) -> tuple[bool, Task | None, bool]:
        """(whether there may be more items, the next task, whether there is nothing to do right now)."""
        for _ in range(LOOKS_A_TURN):
            try:
                item = next(items)
            except StopIteration:
                return False, None, False
            if item is None:
                return True, None, True
            task = self._task(item)
            if task is not None:
                return True, task, False
        return True, None, False

    def knows(self, task: Task, content: str) -> bool:
        """Whether a task's file was read before with this very content."""
        there = self._place.destination.holds
        return self._place.ledger.knows_content(task.name, task.fingerprint, content, there)

    def note(self, task: Task, ended: Ended, seconds: float) -> None:
        """Put the end of a task into the ledger, or try it once more. OutputError when the destination is full."""
        if ended.full:
            raise OutputError(
                f"{ended.result.error}; {self.summary.done} files are done and stay done: make room and run the same "
                "command again"
            )
        options = self._plan.run_options
        if ended.passing and task.attempt <= options.retries:
            wait = options.retry_wait * 2 ** (task.attempt - 1)
            again = replace(task, attempt=task.attempt + 1)
            heapq.heappush(self._again, (time.monotonic() + wait, next(self._numbers), again))
            return
        if ended.known:
            self.summary.skipped += 1
        else:
            self._finish(task, ended.result, seconds)
        self._open.discard(task.name)
        if task.temporary:
            Path(task.location).unlink(missing_ok=True)

    def _finish(self, task: Task, result: Result, seconds: float) -> None:
        place = self._place
        for name in place.ledger.finish(task.name, task.fingerprint, result, task.attempt, seconds):
            place.destination.remove(name)
        self.summary.pages += result.pages
        if result.error:
            self.summary.failed += 1
            self._progress.failed(result.error)
        else:
            self.summary.done += 1
            waiting_file(self._desk, task.stem, result.content).unlink(missing_ok=True)

    def _task(self, item: Item) -> Task | None:
        """What is to be done for an item; None when nothing is, or it failed already."""
        place = self._place
        entry = place.ledger.look(item, place.destination.holds)
        if entry.state == "done":
            self.summary.skipped += 1
        if entry.state != "open" or entry.name in self._open:
            return None
        self._open.add(entry.name)
        task = Task(entry.name, item.source, item.location, item.fingerprint, entry.stem, changed=entry.changed)
        error = item.error
        if lies_in(item.location, place.destination):
            error = f"{item.source}: lies in the destination, so it is not read; keep sources and results apart"
        if error:
            self.note(task, Ended(Result(error=error)), 0.0)
            return None
        return task if item.open is None else self._unpacked(task, item)

    def _unpacked(self, task: Task, item: Item) -> Task | None:
        """The task with its content in a file, as an archive gives it only now."""
        path = self._place.staging / f"member-{next(self._numbers)}"
        assert item.open is not None
        try:
            with item.open() as content:
                copy(content, path, item.source, self._plan.read_options.max_source_bytes)
        except Exception as error:  # unpackers raise what they like
            path.unlink(missing_ok=True)
            reason = str(error) if isinstance(error, InklineError) else f"{item.source}: cannot be unpacked ({error})"
            self.note(task, Ended(Result(error=reason), full=disk_full(error)), 0.0)
            return None
        return replace(task, location=str(path), temporary=True)
