"""Files opened in processes of their own, which are ended when a file takes too long or too much memory.

Only a process can be stopped inside a decoder, and only a process can die of a file without taking the others along.
Processes are started as programs, never forked, since forks of threads hang; idle ones are kept for the next file.
"""

import atexit
import contextlib
import multiprocessing.spawn
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import asdict, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

import numpy as np

from inkline import errors
from inkline.errors import EngineError, SlowSourceError, SourceError, TooLargeError
from inkline.io.decoder import Message, read_shared, receive, send, shared_file
from inkline.options import ReadOptions
from inkline.types import Image

CAN_ISOLATE = hasattr(socket, "send_fds")  # all systems but Windows

START_SECONDS = 60.0  # that a process may take to start, on a busy machine
POLL_SECONDS = 0.05  # after which one who waits looks whether it was stopped
FILES_PER_PROCESS = 200  # so that what a decoder leaks does not add up
MAX_IDLE = 8
PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from inkline.io.decoder import main; main(int(sys.argv[1]))"


class Stop(Protocol):
    """An event: `threading.Event`."""

    def is_set(self) -> bool: ...


class DecoderProcess:
    """A running decoder. One thread at a time."""

    def __init__(self) -> None:
        self.files = 0
        self.channel, theirs = socket.socketpair()
        executable = os.fsdecode(multiprocessing.spawn.get_executable())
        # One thread for the libraries of arrays: each of their threads would take address space.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [executable, "-c", PROGRAM, str(theirs.fileno()), *filter(None, sys.path), os.getcwd()]
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # some decoders print what they think of a file
                pass_fds=(theirs.fileno(),),
            )
        except OSError as error:
            self.channel.close()
            raise EngineError(f"no process could be started to decode files ({error.strerror})") from error
        finally:
            theirs.close()
        try:
            self._wait(START_SECONDS, None)
            receive(self.channel)
        except (EOFError, OSError, TimeoutError) as error:
            raise EngineError(f"a process that decodes files did not start ({self.kill()})") from error

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, message: Message, limit: float, stop: Stop | None, handle: int | None = None) -> tuple[Message, int | None]:
        """The reply, and the handle of the file with its pixels.

        Errors: TimeoutError after `limit` seconds, InterruptedError once `stop` is set, EOFError when the process died: after
        each of these it must be killed.
        """
        try:
            self.channel.settimeout(limit)
            send(self.channel, {**message, "limit": limit}, handle)
            self._wait(limit, stop)
            return receive(self.channel)
        except (ConnectionError, ValueError) as error:
            raise EOFError from error

    def _wait(self, limit: float, stop: Stop | None) -> None:
        end = time.monotonic() + limit
        while not wait([self.channel], POLL_SECONDS):
            if stop is not None and stop.is_set():
                raise InterruptedError
            if time.monotonic() > end:
                raise TimeoutError

    def kill(self) -> str:
        """End it at once; gives how it ended."""
        self.channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.05)  # one that died by itself tells how
        self._process.kill()
        status = self._process.wait()
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def forget(self) -> None:
        """In a forked child: the process belongs to the parent."""
        self.channel.close()
        self._process.returncode = 0  # nothing to wait for


class DecoderPool:
    """The processes of this process: idle ones, and as many more as files are open at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._known: weakref.WeakSet[DecoderProcess] = weakref.WeakSet()

    def take(self) -> DecoderProcess:
        """An idle process, or a new one. EngineError when none can be started."""
        while True:
            with self._lock:
                if not self._idle:
                    break
                process = self._idle.pop()
            if process.alive:
                return process
            process.kill()  # it died while nobody used it: of the system's want of memory, perhaps
        process = DecoderProcess()
        self._known.add(process)
        return process

    def give_back(self, process: DecoderProcess) -> None:
        """A process that has closed its file."""
        process.files += 1
        with self._lock:
            if process.files < FILES_PER_PROCESS and len(self._idle) < MAX_IDLE:
                self._idle.append(process)
                return
        process.kill()

    def close(self) -> None:
        """End the idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def renew(self) -> None:
        """In a forked child, which has none of its parent's processes."""
        for process in self._known:
            process.forget()
        self.__init__()  # type: ignore[misc]


POOL = DecoderPool()
atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.renew)


class IsolatedReader:
    """As `PdfReader` and `ImageReader`, in a process of its own. count: how many pages; numbered: whether results give them."""

    def __init__(self, data: Path | bytes, options: ReadOptions, stop: Stop | None = None) -> None:
        """Errors: those of the reader; SlowSourceError after page_timeout; TooLargeError above max_decode_bytes."""
        self._options, self._stop = replace(options, isolate=False), stop
        self._data = data.absolute() if isinstance(data, Path) else data
        self._process: DecoderProcess | None = None
        self.count, self.numbered = self._open()

    def _open(self) -> tuple[int, bool]:
        self._process = POOL.take()
        message: Message = {"ask": "open", "options": asdict(self._options)}
        if isinstance(self._data, Path):
            reply, _ = self._ask({**message, "path": str(self._data)})
        else:
            handle = shared_file(self._data)
            try:
                reply, _ = self._ask({**message, "bytes": len(self._data)}, handle)
            finally:
                os.close(handle)
        return int(reply["count"]), bool(reply["numbered"])

    def page(self, index: int) -> tuple[Image, tuple[str, ...]]:
        """As of the reader in the process; a page that takes too long or kills the process does not spoil the next."""
        if self._process is None:
            self._open()
        reply, handle = self._ask({"ask": "page", "index": index})
        if handle is None:
            raise self._died("it sent no pixels")
        try:
            height, width, channels = map(int, reply["shape"])
            image = np.empty((height, width, channels), np.uint8)
            if channels != 3 or not read_shared(handle, image.reshape(-1).data):
                raise self._died("its pixels are incomplete")
        finally:
            os.close(handle)
        return image, tuple(map(str, reply["warnings"]))

    def close(self) -> None:
        """Give the process back."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.ask({"ask": "close"}, self._options.page_timeout, self._stop)
        except (TimeoutError, InterruptedError, EOFError):
            process.kill()
        else:
            POOL.give_back(process)

    def _ask(self, message: Message, handle: int | None = None) -> tuple[Message, int | None]:
        """What the process says; its errors are raised here."""
        process, limit = self._process, self._options.page_timeout
        assert process is not None
        try:
            reply, pixels = process.ask(message, limit, self._stop, handle)
        except TimeoutError as error:
            self._end()
            what = "opened" if message["ask"] == "open" else "decoded"
            raise SlowSourceError(
                f"not {what} within page_timeout={limit:g} seconds; raise it if the file is to be trusted"
            ) from error
        except InterruptedError as error:
            self._end()
            raise SourceError("no longer wanted") from error
        except EOFError as error:
            raise self._died(self._end()) from error
        except BaseException:
            self._end()
            raise
        if "error" in reply:
            if message["ask"] == "open":  # no file is open in it
                self._process = None
                POOL.give_back(process)
            raise self._error_of(reply)
        return reply, pixels

    def _end(self) -> str:
        process, self._process = self._process, None
        return "it was stopped" if process is None else process.kill()

    def _died(self, how: str) -> SourceError:
        limit = self._options.max_decode_bytes
        died = SourceError(f"its decoder ended ({how}): it is damaged, or needs more than max_decode_bytes={limit}")
        died.may_pass = how == "SIGKILL"  # as the system does when there is no memory
        return died

    def _error_of(self, reply: Message) -> Exception:
        kind, text = reply["error"], str(reply.get("text", ""))
        if kind == "MemoryError":
            return TooLargeError(f"decoding it needs more memory than max_decode_bytes={self._options.max_decode_bytes}")
        if kind == "OSError":
            return OSError(int(reply["errno"]), text)
        known = getattr(errors, kind, None) if kind.endswith("Error") else None
        if isinstance(known, type) and issubclass(known, SourceError):
            error = known(text)
            error.may_pass = bool(reply["may_pass"])
            return error
        return RuntimeError(f"in the process that decodes: {text}")
