"""A process that reads files one after another: what it does, and how the run that started it talks to it.

Processes and not threads, because only a process can be stopped when a file takes too long, and only a process can die
of a file (a crash in a decoder, no memory) without taking the run along.
"""

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from inkline.batch.document import Desk, Job, Reader, read_file
from inkline.batch.faults import disk_full, may_pass
from inkline.batch.ledger import Result
from inkline.batch.listing import is_store
from inkline.errors import EngineError, InklineError, OutputError
from inkline.files import sha256_of
from inkline.formats.write import PER_PAGE
from inkline.io.sources import is_url
from inkline.options import ReadOptions

log = logging.getLogger(__name__)

OpenReader = Callable[[], Reader]  # made where it is called, so it must be picklable: a function, a partial


@dataclass(frozen=True)
class Task:
    """A file for a worker. location: local path, store's or web address. stem: what its results are called.

    attempt: 1 for the first. temporary: the file at location was unpacked for this task. pages: where it is not empty,
    only this page range is read, and formats of one file a document are left to whoever has the other pages. content:
    the file's sha256 where it is known already. changed: it looks changed since it was read with the same options.
    """

    name: str
    source: str
    location: str
    fingerprint: str
    stem: str
    attempt: int = 1
    temporary: bool = False
    pages: str = ""
    content: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Ended:
    """How a task ended. known: the ledger had this content. passing: trying again may help. full: every other file would
    fail the same way."""

    result: Result
    known: bool = False
    passing: bool = False
    full: bool = False


# What a worker says: it is ready, it cannot be, what a file holds (answered with whether to read it), how far it is.
Said = tuple[Literal["ready", "broken", "content", "page", "ended"], Any]


def work(connection: Connection, open_reader: OpenReader, desk: Desk) -> None:
    """Read files as they are handed in, until None comes. The body of a worker process."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a key press reaches the whole group; the run decides what becomes of us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        desk.staging.mkdir(parents=True, exist_ok=True)
        reader = open_reader()
    except (InklineError, OSError) as error:
        connection.send(("broken", error if isinstance(error, InklineError) else OutputError(str(error))))
        return
    connection.send(("ready", None))
    while (task := connection.recv()) is not None:
        connection.send(("ended", attempt(task, reader, desk, connection)))


def attempt(task: Task, reader: Reader, desk: Desk, connection: Connection) -> Ended:
    """Read one file, whatever is wrong with it."""
    try:
        path = stage(task.location, task.source, desk.staging, desk.read_options)
        content = task.content or digest(path)
        connection.send(("content", content))
        if not connection.recv():
            return Ended(Result(content), known=True)
        job = Job(task.source, task.stem, path, content)
        if task.pages:
            desk = replace(
                desk,
                formats=tuple(name for name in desk.formats if name in PER_PAGE),
                read_options=replace(desk.read_options, page_range=task.pages),
            )
        return Ended(read_file(reader, job, desk, lambda pages: connection.send(("page", pages))))
    except (BrokenPipeError, EOFError):  # the run is gone
        os._exit(1)
    except (InklineError, OSError, MemoryError) as error:
        text = str(error) if isinstance(error, InklineError) else f"{task.source}: {error or type(error).__name__}"
        return Ended(Result(error=text), passing=may_pass(error), full=disk_full(error))
    except Exception as error:  # a mistake of ours must not cost the other files
        log.exception("%s", task.source)
        return Ended(
            Result(error=f"{task.source}: {type(error).__name__}: {error} (a mistake in Inkline; please report it)")
        )
    finally:
        _empty(desk.staging)


def stage(location: str, source: str, staging: Path, options: ReadOptions) -> Path:
    """The content as a local file: the file itself, or a download into the staging folder. SourceError when missing."""
    if is_url(location):
        from inkline.io.url import fetch

        path = staging / "download"
        path.write_bytes(fetch(location, options))
        return path
    if is_store(location):
        from inkline.batch.store import download

        return download(location, staging / "download", options.max_source_bytes)
    return Path(location)


def digest(path: Path) -> str:
    """The sha256 of a file; of a missing file or a folder that of nothing, so that reading it says what is wrong."""
    try:
        return sha256_of(path)
    except (FileNotFoundError, IsADirectoryError, PermissionError, ValueError):
        return ""


@dataclass
class Worker:
    """A worker process, seen from the run. since: when it last showed that it goes on, while it has a task."""

    process: BaseProcess
    connection: Connection
    ready: bool = False
    task: Task | None = None
    begun: float = 0.0
    since: float = field(default_factory=time.monotonic)
    pages: int = 0

    @classmethod
    def start(cls, open_reader: OpenReader, desk: Desk) -> "Worker":
        """Start a process; it says `ready` when its models are open. Started afresh, not forked: threads do not fork."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, open_reader, desk), daemon=True, name="inkline-worker")
        process.start()
        theirs.close()
        return cls(process, ours)

    def give(self, task: Task) -> None:
        """Hand in a task."""
        self.task, self.pages = task, 0
        self.begun = self.since = time.monotonic()
        self.answer(task)

    def answer(self, value: Task | bool) -> None:
        """Send something; a worker that died meanwhile is noticed when it is next listened to."""
        with contextlib.suppress(ConnectionError):
            self.connection.send(value)

    def hear(self) -> Said | None:
        """The next thing it says; None when it died. Raises what kept it from opening its models."""
        try:
            said: Said = self.connection.recv()
        except (EOFError, ConnectionError):
            return None
        self.since = time.monotonic()
        if said[0] == "ready":
            self.ready, self.begun = True, self.since
        elif said[0] == "page":
            self.pages = said[1]
        elif said[0] == "broken":
            raise said[1]
        return said

    def stop(self) -> str:
        """End it at once; gives how it ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        status = self.process.exitcode or 0
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def died(self) -> Ended | None:
        """After it died: how its task ended, if it had one. EngineError when it never got as far as to its first task."""
        how = self.stop()
        if not self.ready:
            raise EngineError(f"a worker ended while it opened the models ({how}); is there memory for all --workers?")
        if self.task is None:
            return None
        # Another try may help: there was no memory at that moment, perhaps.
        reason = f"{self.task.source}: the worker that read it died ({how}); out of memory, or a damaged file?"
        return Ended(Result(error=reason), passing=True)

    def too_slow(self, limit: float) -> Ended | None:
        """How its task ended when it took longer than `limit` seconds: it is stopped. Each page starts the clock anew."""
        if not limit or not self.ready or self.task is None or time.monotonic() - self.since <= limit:
            return None
        self.stop()
        after = f" after page {self.pages}" if self.pages else ""
        reason = f"{self.task.source}: took longer than time_limit={limit:g} seconds{after}"
        return Ended(Result(error=reason))


def listen(workers: list[Worker], seconds: float) -> list[Worker]:
    """Those of the workers that have something to say, or died, within some seconds."""
    heard = set(map(id, wait([worker.connection for worker in workers], max(0.0, seconds)))) if workers else set()
    if not workers:
        time.sleep(max(0.0, seconds))
    return [worker for worker in workers if id(worker.connection) in heard]


def _die_with_parent() -> None:
    """End this process at once when the run is gone, so that nothing writes beside the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
