"""A bounded queue of requests in front of a few threads, with deadlines, and an end for clients that hang up."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from inkline.errors import BusyError, DeadlineError, InklineError
from inkline.options import ServeOptions

Awaited = TypeVar("Awaited")

# Makes the parts of a reply on a thread, until the event is set.
MakeParts = Callable[[threading.Event], Generator[bytes, None, None]]

MAX_PARTS_AHEAD = 4  # parts of a reply that are made before the client has taken the first
POLL_SECONDS = 0.1  # after which a waiting thread looks whether it was stopped
LINGER_SECONDS = 0.5  # after closing, in which requests are still refused with an answer
BODY_BYTES_PER_SECOND = 1 << 14  # that a body must come at, after body_timeout
MAX_RETRY_SECONDS = 60  # that a refused client is told to wait at most
FIRST_REQUEST_SECONDS = 1.0  # what a request is taken to need before the first was answered


class ClientGone(InklineError):
    """The client has hung up. The status is never sent; logs and metrics show it."""

    http_status = 499


class TooBusy(BusyError):
    """No place for one more request. retry_after: seconds after which there is likely one."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SlowBody(InklineError):
    """A request whose body comes so slowly that it would hold a place for long."""

    http_status = 408


class BodyTooLarge(InklineError):
    """A request of more bytes than the service takes."""

    http_status = 413


class RequestQueue:
    """Works on `parallel` requests at a time, lets `queue_size` more wait and refuses the rest. For one event loop.

    admitted: requests that were let in and are not answered yet; receiving: those whose body is still coming, which hold no
    place; working: those that are being worked on; abandoned: work that nobody waits for any more, and that has not ended yet.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(options.parallel, thread_name_prefix="inkline-request")
        self._turns = asyncio.Semaphore(options.parallel)
        self._mean_seconds = FIRST_REQUEST_SECONDS  # of the last requests
        self.admitted = self.receiving = self.working = self.abandoned = 0
        self._closed_at: float | None = None

    @contextmanager
    def admit(self) -> Iterator[None]:
        """A place for one request from its first byte to the last of its answer; TooBusy when there is none."""
        if self.closed:
            raise TooBusy("the service is shutting down", self._retry_after())
        self._check_room()
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    def _check_room(self) -> None:
        if max(self.admitted - self.receiving, self.receiving) >= self._options.parallel + self._options.queue_size:
            raise TooBusy(f"{self.admitted} requests are being worked on or waiting; try again later", self._retry_after())

    @property
    def refusal(self) -> str:
        """Why a request that came now would be refused or never be its turn; empty when it would be taken."""
        if self.closed:
            return "Shutting down"
        if self.abandoned >= self._options.parallel:
            return "Stuck: no thread has come back from what it was given"
        return "Full" if self.admitted - self.receiving >= self._options.parallel + self._options.queue_size else ""

    @property
    def closed(self) -> bool:
        """Whether no more requests are admitted."""
        return self._closed_at is not None

    @property
    def closed_for(self) -> float:
        """Seconds since it was closed; 0 before."""
        return 0.0 if self._closed_at is None else time.monotonic() - self._closed_at

    @property
    def finished(self) -> bool:
        """Whether it was closed, all requests admitted before are answered, and later ones had time to be refused."""
        return self._closed_at is not None and not self.admitted and time.monotonic() > self._closed_at + LINGER_SECONDS

    def close(self) -> None:
        """Admit no more requests; those admitted are answered. May be called from a signal handler."""
        if self._closed_at is None:
            self._closed_at = time.monotonic()

    def _retry_after(self) -> int:
        return max(1, min(MAX_RETRY_SECONDS, math.ceil(self._mean_seconds * self.admitted / self._options.parallel)))

    async def read_body(self, request: Request, deadline: float) -> bytes:
        """The body of a request that was admitted.

        BodyTooLarge above `max_body_bytes`, SlowBody or DeadlineError when it comes too slowly; TooBusy when there is no place
        any more once it is there.
        """
        self.receiving += 1
        try:
            body = await self._receive(request, deadline)
        finally:
            self.receiving -= 1
        self.admitted -= 1  # itself
        try:
            self._check_room()
        finally:
            self.admitted += 1
        return body

    async def _receive(self, request: Request, deadline: float) -> bytes:
        limit = self._options.max_body_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(f"a body of {declared} bytes is more than max_body_bytes={limit}")
        # What was not declared, or not truly, is counted as it comes.
        parts, size = [], 0
        slowest = asyncio.get_running_loop().time() + self._options.body_timeout
        try:
            async with asyncio.timeout_at(min(deadline, slowest)) as until:
                async for part in request.stream():
                    size += len(part)
                    if size > limit:
                        raise BodyTooLarge(f"the body is more than max_body_bytes={limit}")
                    parts.append(part)
                    slowest += len(part) / BODY_BYTES_PER_SECOND
                    until.reschedule(min(deadline, slowest))
        except TimeoutError as error:
            if slowest < deadline:  # the clock may be a hair before the time it is woken for
                reason = (
                    f"only {size} bytes of the body came within body_timeout={self._options.body_timeout:g} seconds and one"
                )
                raise SlowBody(f"{reason} more for every 16 KiB; send it faster") from error
            raise DeadlineError(f"the body was not complete {self._in_time()}") from error
        except ClientDisconnect as error:
            raise ClientGone("the client has hung up within its request") from error
        return b"".join(parts)

    async def run(self, request: Request, make_parts: MakeParts, deadline: float) -> AsyncGenerator[bytes, None]:
        """The parts that `make_parts(stop)` makes on a thread, once it is this request's turn.

        `stop` is set when nobody wants the rest: the client hung up (ClientGone is raised here), the deadline, a time of
        the loop's clock, has passed (TooBusy while waiting, DeadlineError while working), or the caller stopped early.
        """
        gone = asyncio.create_task(_hung_up(request))
        try:
            # Wait for a free thread.
            try:
                await _first(self._turns.acquire(), gone, deadline)
            except TimeoutError as error:
                raise TooBusy(f"it was not this request's turn {self._in_time()}", self._retry_after()) from error
            # Hand on the parts as the thread makes them.
            made = self._start(make_parts)
            try:
                while True:
                    part = await _first(made.take(), gone, deadline)
                    if part is None:
                        return
                    if isinstance(part, BaseException):
                        raise part
                    yield part
            except TimeoutError as error:
                raise DeadlineError(f"this request was not finished {self._in_time()}; send fewer pages") from error
            finally:
                made.drop()
                self.abandoned += not made.ended
        finally:
            gone.cancel()

    def _in_time(self) -> str:
        return f"within request_timeout={self._options.request_timeout:g} seconds"

    def _start(self, make_parts: MakeParts) -> "_PartQueue":
        """Work on a thread; the turn is given back when the thread is done with it, however that ends."""
        made, started_at = _PartQueue(asyncio.get_running_loop()), time.monotonic()
        self.working += 1

        def done(_: Any) -> None:
            self.working -= 1
            self.abandoned -= made.dropped
            made.ended = True
            # A moving average, for the time that refused clients are told to wait.
            self._mean_seconds += 0.2 * (time.monotonic() - started_at - self._mean_seconds)
            self._turns.release()

        asyncio.get_running_loop().run_in_executor(self._threads, made.run, make_parts).add_done_callback(done)
        return made


class _PartQueue:
    """The parts that a thread makes for a coroutine, a few ahead of it. dropped: by the coroutine; ended: by the thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._stop = threading.Event()  # the thread may set it, too
        self.dropped = self.ended = False
        self._loop = loop
        self._queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_PARTS_AHEAD)

    async def take(self) -> bytes | BaseException | None:
        """The next part; None at the end, an error where the thread raised one."""
        part = await self._queue.get()
        self._room.release()
        return part

    def drop(self) -> None:
        """Nobody takes any more parts."""
        self.dropped = True
        self._stop.set()

    def run(self, make_parts: MakeParts) -> None:
        """On the thread: make all parts, and hand them on, then how it ended."""
        try:
            with closing(make_parts(self._stop)) as parts:
                for part in parts:
                    # Wait until the client has taken an earlier part.
                    while not self.dropped and not self._room.acquire(timeout=POLL_SECONDS):
                        pass
                    if self.dropped:
                        return
                    self._tell(part)
            self._tell(None)
        except BaseException as error:  # handed on to the coroutine
            self._tell(error)

    def _tell(self, part: bytes | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(self._queue.put_nowait, part)


async def _hung_up(request: Request) -> None:
    """Returns when the client has closed the connection; the request's body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _first(wanted: Coroutine[Any, Any, Awaited], gone: "asyncio.Task[None]", deadline: float) -> Awaited:
    """The result of `wanted`; ClientGone when the client hangs up first, TimeoutError at the deadline."""
    task = asyncio.create_task(wanted)
    try:
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait({task, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientGone("the client has hung up")
        raise TimeoutError
    finally:
        task.cancel()
