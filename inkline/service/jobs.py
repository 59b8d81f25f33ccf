"""Who gets in, who waits, who works: a bounded queue in front of a few threads, with deadlines and hang-ups."""

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

T = TypeVar("T")

Work = Callable[[threading.Event], Generator[bytes, None, None]]

READ_AHEAD = 4  # parts of a reply that are made before the client has taken the first
POLL = 0.1  # seconds after which a waiting thread looks whether it was stopped
LINGER = 0.5  # seconds after closing in which requests are still refused politely
LONGEST_RETRY = 60  # seconds that a refused client is told to wait at most


class ClientGone(InklineError):
    """The client has hung up: nobody is there to take the answer. The status is never sent; logs and metrics show it."""

    http_status = 499


class TooBusy(BusyError):
    """No place for one more request. retry_after: seconds after which there is likely one."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class _End:
    """The last part of a reply."""


class Jobs:
    """Works on `parallel` requests at a time, lets `queue_size` more wait and refuses the rest. For one event loop."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(options.parallel, thread_name_prefix="inkline-request")
        self._turns = asyncio.Semaphore(options.parallel)
        self._usual = 1.0  # seconds that a request takes of late
        self.inside = 0  # requests that were let in and are not answered yet
        self.working = 0  # those of them that are worked on
        self._closed_at: float | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request from its first byte to the last of its answer; TooBusy when there is none."""
        if self.closed:
            raise TooBusy("the service is shutting down", self._wait())
        if self.inside >= self._options.parallel + self._options.queue_size:
            raise TooBusy(f"{self.inside} requests are being worked on or waiting; try again later", self._wait())
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @property
    def closed(self) -> bool:
        """Whether nobody is let in any more."""
        return self._closed_at is not None

    @property
    def finished(self) -> bool:
        """Whether it was closed, all that were let in before are answered, and late comers had time to be told."""
        return self._closed_at is not None and not self.inside and time.monotonic() > self._closed_at + LINGER

    def close(self) -> None:
        """Let nobody in any more; those inside are answered. May be called from a signal handler."""
        if self._closed_at is None:
            self._closed_at = time.monotonic()

    def _wait(self) -> int:
        return max(1, min(LONGEST_RETRY, math.ceil(self._usual * self.inside / self._options.parallel)))

    async def body(self, request: Request, deadline: float) -> bytes:
        """A request's body. BodyTooLarge above `max_body_bytes`, DeadlineError when it comes too slowly."""
        limit = self._options.max_body_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(f"a body of {declared} bytes is more than max_body_bytes={limit}")
        parts, size = [], 0
        try:
            async with asyncio.timeout_at(deadline):
                async for part in request.stream():
                    size += len(part)
                    if size > limit:
                        raise BodyTooLarge(f"the body is more than max_body_bytes={limit}")
                    parts.append(part)
        except TimeoutError as error:
            raise DeadlineError(f"the body was not complete {self._in_time()}") from error
        except ClientDisconnect as error:
            raise ClientGone("the client has hung up within its request") from error
        return b"".join(parts)

    async def parts(self, request: Request, work: Work, deadline: float) -> AsyncGenerator[bytes, None]:
        """The parts that `work(stop)` makes on a thread, once it is this request's turn.

        `stop` is set when nobody wants the rest: the client hung up (ClientGone is raised here), the deadline, a time of
        the loop's clock, has passed (TooBusy while waiting, DeadlineError while working), or the caller stopped early.
        """
        gone = asyncio.create_task(_hung_up(request))
        try:
            try:
                await _first(self._turns.acquire(), gone, deadline)
            except TimeoutError as error:
                raise TooBusy(f"it was not this request's turn {self._in_time()}", self._wait()) from error
            made = self._start(work)
            try:
                while True:
                    part = await _first(made.take(), gone, deadline)
                    if isinstance(part, _End):
                        return
                    if isinstance(part, BaseException):
                        raise part
                    yield part
            except TimeoutError as error:
                raise DeadlineError(f"this request was not finished {self._in_time()}; send fewer pages") from error
            finally:
                made.drop()
        finally:
            gone.cancel()

    def _in_time(self) -> str:
        return f"within request_timeout={self._options.request_timeout:g} seconds"

    def _start(self, work: Work) -> "_Made":
        """Work on a thread; the turn is given back when the thread is done with it, however that ends."""
        made, begun = _Made(asyncio.get_running_loop()), time.monotonic()
        self.working += 1

        def done(_: Any) -> None:
            self.working -= 1
            self._usual += 0.2 * (time.monotonic() - begun - self._usual)
            self._turns.release()

        asyncio.get_running_loop().run_in_executor(self._threads, made.run, work).add_done_callback(done)
        return made


class BodyTooLarge(InklineError):
    """A request of more bytes than the service takes."""

    http_status = 413


class _Made:
    """What a thread makes for a coroutine, a few parts ahead of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._stop = threading.Event()  # the work may set it, too
        self._dropped = False
        self._loop = loop
        self._queue: asyncio.Queue[bytes | _End | BaseException] = asyncio.Queue()
        self._room = threading.Semaphore(READ_AHEAD)

    async def take(self) -> bytes | _End | BaseException:
        part = await self._queue.get()
        self._room.release()
        return part

    def drop(self) -> None:
        """Nobody takes any more parts."""
        self._dropped = True
        self._stop.set()

    def run(self, work: Work) -> None:
        """On the thread: hand on all parts and then how it ended."""
        try:
            with closing(work(self._stop)) as parts:
                for part in parts:
                    while not self._dropped and not self._room.acquire(timeout=POLL):
                        pass
                    if self._dropped:
                        return
                    self._tell(part)
            self._tell(_End())
        except BaseException as error:  # handed on to the coroutine
            self._tell(error)

    def _tell(self, part: bytes | _End | BaseException) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(self._queue.put_nowait, part)


async def _hung_up(request: Request) -> None:
    """Returns when the client has closed the connection; the request's body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _first(wanted: Coroutine[Any, Any, T], gone: "asyncio.Task[None]", deadline: float) -> T:
    """The result of `wanted`; ClientGone or TimeoutError when that comes first."""
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
