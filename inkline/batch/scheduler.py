"""What a run has open, which file comes next, and how far the run is.

The scheduler turns listed files into tasks unless the ledger knows them as done, and notes there how tasks end.
"""

import contextlib
import heapq
import itertools
import json
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from inkline.batch.document import unfinished_path
from inkline.batch.ledger import Ledger
from inkline.batch.listing import list_files, watch_files
from inkline.batch.storage import Destination, check_destination, copy_limited
from inkline.batch.task import FileTask, RunConfig, TaskResult, Workspace, options_key
from inkline.batch.worker import is_disk_full
from inkline.errors import InklineError, OutputError
from inkline.io.sources import storable
from inkline.progress import LogProgress

FAILURES_FILE = "failures.jsonl"
SHOWN_NAMES = 3  # of files that were passed over
LOOK_UPS_PER_CALL = 500  # files looked up in the ledger before the caller gets its turn again
RATE_SECONDS = 60.0  # over which the rate of pages is taken
READ_AGAIN = (
    "files that were read before are read again, as --format, a model or an option is another one; formats that are named "
    "together, as in --format json,md, take one reading"
)
MAX_NOTES_TOLD = 20  # files with a warning that are named as they are read; others are only counted


@dataclass
class PassedFiles:
    """Files of folders that are neither images, PDFs nor archives: how many, and the names of the first."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Note one."""
        self.count += 1
        if self.count <= SHOWN_NAMES:
            self.names.append(storable(path.name))


@dataclass(frozen=True)
class RunContext:
    """What a run does and has open: its configuration, the destination, the folder of its state, the ledger; what it passed."""

    config: RunConfig
    destination: Destination
    state: Path
    ledger: Ledger
    passed: PassedFiles = field(default_factory=PassedFiles)

    @property
    def staging(self) -> Path:
        return self.state / "tmp"

    def workspace(self, name: str) -> Workspace:
        """Where a process called `name` works."""
        return self.config.workspace(self.destination, self.state, name)

    def tasks(self, watch: bool = False) -> Iterator[FileTask | None]:
        """The files of all sources; None, when watching, where there is none at the moment."""
        if watch:
            interval = self.config.run_options.watch_interval
            yield from watch_files(lambda: list_files(self.config.sources, self.staging), self.ledger, interval)
        else:
            self.ledger.new_scan()
            yield from list_files(self.config.sources, self.staging, self.passed.add)


@contextlib.contextmanager
def open_run(config: RunConfig) -> Iterator[RunContext]:
    """Check the destination, open its ledger, and leave the list of failures behind.

    Errors: UsageError when the destination is in a source, OutputError when it cannot be written or another run has it.
    """
    destination = Destination(config.destination)
    check_destination(config.sources, destination)
    state = destination.state_folder(config.ledger)
    with Ledger(state, options_key(config.options, config.formats)) as ledger:
        context = RunContext(config, destination, state, ledger)
        # Unfinished documents stay; temporary files are those of a run that was killed.
        shutil.rmtree(context.staging, ignore_errors=True)
        context.staging.mkdir()
        (state / "pages").mkdir(exist_ok=True)
        destination.check_writable(context.staging)
        try:
            yield context
        except OutputError:  # the disk is full, perhaps: that the list cannot be written would only hide why
            with contextlib.suppress(InklineError, OSError):
                write_failures(context)
            raise
        except BaseException:
            write_failures(context)
            raise
        else:
            write_failures(context)
        finally:
            shutil.rmtree(context.staging, ignore_errors=True)


def write_failures(context: RunContext) -> None:
    """List the files of this run that failed in the destination; without any, no list."""
    path = context.staging / FAILURES_FILE
    with open(path, "w", encoding="utf-8") as file:
        for row in context.ledger.failures():
            file.write(json.dumps(row) + "\n")
    if path.stat().st_size:
        context.destination.put(path, FAILURES_FILE)
    else:
        context.destination.remove(FAILURES_FILE)


@dataclass
class RunSummary:
    """How a run went. skipped: files that were done before. damaged: those of both that were read in part. noted: files that
    were read now with another warning, such as lines that could not be read.

    passed: what lay in its folders and is nothing to read; with `watch` nothing is counted.
    """

    done: int = 0
    pages: int = 0
    skipped: int = 0
    failed: int = 0
    damaged: int = 0
    noted: int = 0
    passed: PassedFiles = field(default_factory=PassedFiles)
    started_at: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started_at


class RunProgress:
    """Tells on standard error how far a run is and which files failed.

    display: None says failures alone. count: tells how many files there are in all, on a thread, as it may take its time.
    """

    def __init__(self, display: LogProgress | None = None, count: Callable[[], int] | None = None) -> None:
        self.total: int | None = None
        self._display = LogProgress(None) if display is None else display
        self._history: deque[tuple[float, int, int]] = deque()  # (time, pages, files)
        if count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def show(self, summary: RunSummary, unfinished_pages: int) -> None:
        """Called a few times per second. unfinished_pages: pages read of documents that are not yet done."""
        self._display.update(lambda: f"inkline: {self._line(summary, unfinished_pages)}")

    def say(self, message: str) -> None:
        """A file was given up, is damaged, or was read with a warning."""
        self._display.say(f"inkline: {message}")

    def _line(self, summary: RunSummary, unfinished_pages: int) -> str:
        """`120 of 5000 files, 340 pages, 2.1 pages/s, 38 min left, 2 failed`."""
        now, pages, files = time.monotonic(), summary.pages + unfinished_pages, summary.done + summary.failed
        self._history.append((now, pages, files))
        while now - self._history[0][0] > RATE_SECONDS and len(self._history) > 2:
            self._history.popleft()
        # Rates over the last minute, or since the start of a young run.
        since = self._history[0] if len(self._history) > 1 else (now - summary.seconds, 0, 0)
        passed = max(now - since[0], 1e-6)
        seen = files + summary.skipped
        parts = [f"{seen} files" if self.total is None else f"{seen} of {self.total} files"]
        parts += [f"{pages} pages", format_rate((pages - since[1]) / passed)]
        files_per_second = (files - since[2]) / passed
        if self.total is not None and files_per_second > 0:
            parts.append(f"{format_duration(max(0, self.total - seen) / files_per_second)} left")
        if summary.failed:
            parts.append(f"{summary.failed} failed")
        return ", ".join(parts)

    def _count(self, count: Callable[[], int]) -> None:
        try:
            self.total = count()
        except Exception:  # the run itself will say what is wrong with the source
            self.total = None


def format_rate(rate: float) -> str:
    """`2.1 pages/s`, and `0.045 pages/s` for pages that take long."""
    return f"{rate:.1f} pages/s" if rate >= 1 else f"{rate:.2g} pages/s"


def format_duration(seconds: float) -> str:
    """`38 min`: in the largest unit of which there are two."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class Scheduler:
    """The tasks of a run: those to come, those to be tried again, and what became of the others.

    listing: whether the sources may give more files. idle: whether the last `next_task` found nothing to do for now.
    """

    def __init__(self, context: RunContext, progress: RunProgress, files: Iterator[FileTask | None]) -> None:
        self.summary = RunSummary(passed=context.passed)
        self.listing, self.idle = True, False
        self._context, self._progress, self._files = context, progress, files
        self._workspace = context.workspace("scheduler")
        self._numbers = itertools.count()
        self._told_again = False  # that files are read a second time
        self._unfinished: set[str] = set()  # names of the tasks that have not ended
        self._retries: list[tuple[float, int, FileTask]] = []  # a heap by the time of the next attempt

    @property
    def unfinished(self) -> bool:
        """Whether there may be more files, a task has not ended, or is to be tried again."""
        return self.listing or bool(self._unfinished)

    def next_task(self) -> FileTask | None:
        """The next task; None when there is none at the moment, or (`idle` is then false) none was found in this call."""
        self.idle = False
        if self._retries and self._retries[0][0] <= time.monotonic():
            return heapq.heappop(self._retries)[2]
        for _ in range(LOOK_UPS_PER_CALL):
            try:
                listed = next(self._files)
            except StopIteration:
                self.listing, listed = False, None
            if listed is None:  # at the end, or between two scans of a watched source
                self.idle = True
                return None
            task = self._prepare(listed)
            if task is not None:
                return task
        return None

    def is_done(self, task: FileTask, content: str) -> bool:
        """Whether a task's file was read before with this very content."""
        return self._context.ledger.has_content(task, content, self._context.destination.has_all)

    def finish(self, task: FileTask, result: TaskResult, seconds: float) -> None:
        """Note the end of a task in the ledger, or schedule another attempt. OutputError when the destination is full."""
        if result.destination_full:
            raise OutputError(
                f"{result.error}; {self.summary.done} files are done and stay done: make room and run the same command again"
            )
        # Another attempt, later: each one waits twice as long as the one before.
        options = self._context.config.run_options
        if result.retryable and task.attempt <= options.retries:
            wait = options.retry_wait * 2 ** (task.attempt - 1)
            again = replace(task, attempt=task.attempt + 1)
            heapq.heappush(self._retries, (time.monotonic() + wait, next(self._numbers), again))
            return
        if result.already_done:
            self._skip(task)
        else:
            self._save(task, result, seconds)
        self._unfinished.discard(task.name)
        if task.temporary:
            Path(task.location).unlink(missing_ok=True)

    def _skip(self, task: FileTask) -> None:
        """Count a file that was done before."""
        self.summary.skipped += 1
        self.summary.damaged += self._context.ledger.is_partial(task)

    def _save(self, task: FileTask, result: TaskResult, seconds: float) -> None:
        """Note a result in the ledger, and count it."""
        for name in self._context.ledger.save_result(task, result, seconds):
            self._context.destination.remove(name)
        self.summary.pages += result.pages
        if result.error:
            self.summary.failed += 1
            self._progress.say(result.error)
        else:
            self.summary.done += 1
            if result.damage:
                self.summary.damaged += 1
                self._progress.say(f"{task.source}: {result.damage}")
            if result.note:
                self._tell(task, result.note)
            unfinished_path(self._workspace, task.stem, result.content).unlink(missing_ok=True)

    def _tell(self, task: FileTask, note: str) -> None:
        """Count a file with a warning; the first ones are told as they come, as a long run may have thousands."""
        self.summary.noted += 1
        if self.summary.noted <= MAX_NOTES_TOLD:
            self._progress.say(f"{task.source}: {note}")
        elif self.summary.noted == MAX_NOTES_TOLD + 1:
            self._progress.say("more files have such warnings; they are counted at the end, and in `warnings` of JSON files")

    def _prepare(self, listed: FileTask) -> FileTask | None:
        """What is to be done for a listed file; None when nothing is, or it has failed already."""
        # Files that are done, and those that this scan has met before, are left alone.
        destination = self._context.destination
        state, task = self._context.ledger.look_up(listed, destination.has_all)
        if state == "done":
            self._skip(task)
        if state != "open" or task.name in self._unfinished:
            return None
        # Said once: somebody who asks for a further format may not expect to wait for all pages again.
        if not self._told_again and self._context.ledger.was_read_otherwise(task):
            self._told_again = True
            self._progress.say(READ_AGAIN)
        # What cannot be read is noted at once.
        self._unfinished.add(task.name)
        error = task.error
        if destination.contains(task.location):
            error = f"{task.source}: lies in the destination, so it is not read; keep sources and results apart"
        if error:
            self.finish(task, TaskResult(error=error), 0.0)
            return None
        return task if task.open is None else self._unpack(task)

    def _unpack(self, task: FileTask) -> FileTask | None:
        """The task with its content in a file, as an archive gives it only now."""
        path = self._context.staging / f"member-{next(self._numbers)}"
        assert task.open is not None
        try:
            with task.open() as content:
                copy_limited(content, path, task.source, self._context.config.options.read.max_source_bytes)
        except Exception as error:  # unpackers raise errors of their own
            path.unlink(missing_ok=True)
            reason = str(error) if isinstance(error, InklineError) else f"{task.source}: cannot be unpacked ({error})"
            self.finish(task, TaskResult(error=reason, destination_full=is_disk_full(error)), 0.0)
            return None
        return replace(task, location=str(path), temporary=True, open=None)
