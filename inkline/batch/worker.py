"""A process that reads files one after another: what it does, and how the run that started it talks to it.

Processes and not threads, because only a process can be stopped when a file takes too long, and only a process can die
of a file (a crash in a decoder, no memory) without taking the run along.
"""

import contextlib
import errno
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from inkline.batch.document import PageReader, read_file, split_formats, unfinished_path
from inkline.batch.storage import download, is_store
from inkline.batch.task import FileTask, TaskResult, Workspace, fingerprint_of
from inkline.errors import EngineError, InklineError
from inkline.files import sha256_of
from inkline.io.sources import is_url
from inkline.options import ReadOptions

log = logging.getLogger(__name__)

RETRYABLE_ERRNOS = frozenset(
    (errno.EAGAIN, errno.EINTR, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT)
)
FULL_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

OpenReader = Callable[[], PageReader]  # called in the worker, so it must be picklable: a function, a partial
IsDone = Callable[[FileTask, str], bool]  # whether a task's file was read before with content of this sha256

# What a worker says: its models are open, or cannot be opened (the error); the sha256 of its file (answered with whether to
# read it); how many pages it has read; how its task ended.
Message = tuple[Literal["ready", "broken", "content", "page", "ended"], Any]


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt may succeed: broken connections, busy servers, a file system or memory in trouble."""
    for cause in causes_of(error):
        if isinstance(cause, InklineError) and cause.may_pass:
            return True
        if isinstance(cause, (ConnectionError, TimeoutError, MemoryError)):
            return True
        if isinstance(cause, OSError) and cause.errno in RETRYABLE_ERRNOS:
            return True
    return False


def is_disk_full(error: BaseException) -> bool:
    """Whether a disk, a quota or a limit on file sizes is reached: every further file would fail the same way."""
    return any(isinstance(cause, OSError) and cause.errno in FULL_ERRNOS for cause in causes_of(error))


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, also on another machine: there Ray's errors have it as `cause`."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        remote = getattr(cause, "cause", None)
        cause = remote if isinstance(remote, BaseException) else cause.__cause__


def work(connection: Connection, open_reader: OpenReader, workspace: Workspace) -> None:
    """Read files as they are sent, until None comes. The body of a worker process."""
    # Ctrl-C reaches the whole process group; the run decides what happens to its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        reader = open_reader()
    except (InklineError, OSError, MemoryError, ImportError) as error:
        reason = str(error) or type(error).__name__
        told = error if isinstance(error, InklineError) else EngineError(f"a worker could not open the models ({reason})")
        connection.send(("broken", told))
        return
    connection.send(("ready", None))
    while (task := connection.recv()) is not None:
        connection.send(("ended", attempt(task, reader, workspace, connection)))


def attempt(task: FileTask, reader: PageReader, workspace: Workspace, connection: Connection) -> TaskResult:
    """Read one file, whatever is wrong with it."""
    try:
        workspace.staging.mkdir(parents=True, exist_ok=True)
        # Bring the file here, and ask the run whether its content was read before.
        path = fetch_file(task.location, task.source, workspace.staging, workspace.read_options)
        before = fingerprint_of(path)
        task = replace(task, location=str(path), content=task.content or content_hash(path))
        connection.send(("content", task.content))
        if not connection.recv():
            return TaskResult(task.content, already_done=True)
        if task.pages:  # a part of a document: whoever collects the parts writes the whole
            workspace = replace(
                workspace,
                formats=tuple(split_formats(workspace.formats)[0]),
                read_options=replace(workspace.read_options, page_range=task.pages),
            )
        result = read_file(reader, task, workspace, lambda pages: connection.send(("page", pages)))
        if fingerprint_of(path) != before:  # its pages may be of two versions
            unfinished_path(workspace, task.stem, task.content).unlink(missing_ok=True)
            return replace(result, error=f"{task.source}: it changed while it was read", retryable=True)
        return result
    except (BrokenPipeError, EOFError):  # the run is gone
        os._exit(1)
    except (InklineError, OSError, MemoryError) as error:
        text = str(error) or type(error).__name__
        text = text if task.source in text else f"{task.source}: {text}"
        return TaskResult(error=text, retryable=is_retryable(error), destination_full=is_disk_full(error))
    except Exception as error:  # a mistake of ours must not cost the other files
        log.exception("%s", task.source)
        reason = f"{type(error).__name__}: {error} (a mistake in Inkline; please report it)"
        return TaskResult(error=f"{task.source}: {reason}")
    finally:
        shutil.rmtree(workspace.staging, ignore_errors=True)


def fetch_file(location: str, source: str, staging: Path, options: ReadOptions) -> Path:
    """The content as a local file: the file itself, or a download into the staging folder. SourceError when missing."""
    if is_url(location):
        from inkline.io.url import fetch

        path = staging / "download"
        path.write_bytes(fetch(location, options))
        return path
    if is_store(location):
        return download(location, staging / "download", options.max_source_bytes)
    return Path(location)


def content_hash(path: Path) -> str:
    """The sha256 of a file; empty for what is missing or no file (a pipe never ends): reading it says what is wrong."""
    try:
        return sha256_of(path) if path.is_file() else ""
    except (FileNotFoundError, IsADirectoryError, PermissionError, ValueError):
        return ""


@dataclass(eq=False)
class Worker:
    """A worker process, seen from the run. heard_at: when it last said that it is going on, while it has a task."""

    process: BaseProcess
    connection: Connection
    ready: bool = False
    alive: bool = True
    task: FileTask | None = None
    started_at: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    pages: int = 0

    @classmethod
    def start(cls, open_reader: OpenReader, workspace: Workspace) -> "Worker":
        """Start a process; it says `ready` when its models are open. Spawned, not forked: threads do not survive a fork."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, open_reader, workspace)
        process = context.Process(target=work, args=arguments, daemon=True, name="inkline-worker")
        process.start()
        theirs.close()
        return cls(process, ours)

    @property
    def seconds(self) -> float:
        """How long it has worked on its task."""
        return time.monotonic() - self.started_at

    def assign(self, task: FileTask) -> None:
        """Send a task."""
        self.task, self.pages = task, 0
        self.started_at = self.heard_at = time.monotonic()
        self._send(task)

    def _send(self, value: FileTask | bool) -> None:
        """Send something; that a worker has died meanwhile is noticed when its next message is awaited."""
        with contextlib.suppress(ConnectionError):
            self.connection.send(value)

    def handle_message(self, is_done: IsDone) -> TaskResult | None:
        """Answer its next message; gives how its task ended, once it has, also when the worker died.

        Raises what kept it from opening its models.
        """
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionError):
            return self._result_of_death()
        self.heard_at = time.monotonic()
        kind, value = message
        if kind == "ready":
            self.ready, self.started_at = True, self.heard_at
        elif kind == "broken":
            raise value
        elif kind == "page":
            self.pages = value
        elif kind == "content" and self.task is not None:
            self._send(not is_done(self.task, value))
        elif kind == "ended":
            self.task, self.pages = None, 0
            result: TaskResult = value
            return result
        return None

    def stop(self) -> str:
        """End it at once; gives how it ended."""
        self.alive = False
        self.process.kill()
        self.process.join()
        self.connection.close()
        status = self.process.exitcode or 0
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def _result_of_death(self) -> TaskResult | None:
        """After it died: how its task ended, if it had one. EngineError when it never got as far as to its first task."""
        how = self.stop()
        if not self.ready:
            raise EngineError(f"a worker ended while it opened the models ({how}); is there memory for all --workers?")
        if self.task is None:
            return None
        # Another attempt may succeed: there was no memory at that moment, perhaps.
        reason = f"{self.task.source}: the worker that read it died ({how}); out of memory, or a damaged file?"
        return TaskResult(error=reason, retryable=True)

    def check_time(self, limit: float) -> TaskResult | None:
        """Stop it, and tell how its task ended, when it took longer than `limit` seconds; each page restarts the clock."""
        if not limit or not self.ready or self.task is None or time.monotonic() - self.heard_at <= limit:
            return None
        self.stop()
        after = f" after page {self.pages}" if self.pages else ""
        return TaskResult(error=f"{self.task.source}: took longer than time_limit={limit:g} seconds{after}")


def _exit_with_parent() -> None:
    """End this process at once when the run is gone, so that nothing writes beside the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
