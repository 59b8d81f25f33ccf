"""Stages that overlap: one thread draws items, a pool works on several, one thread finishes them in groups, in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import chain
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

POLL_SECONDS = 0.1  # after which a waiting thread looks whether it was stopped


class _End:
    """The last item of a queue: the error that ended it, or None."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Stopped(Exception):
    """Work that was handed to the pool and not begun when its stream was stopped."""


def unless(stop: Event, function: Callable[[A], B]) -> Callable[[A], B]:
    """The function, raising Stopped instead of working once `stop` is set."""

    def call(item: A) -> B:
        if stop.is_set():
            raise Stopped
        return function(item)

    return call


def grouped(run: Callable[[Any, Any], Iterable[list[B]]], function: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
    """`run(function, items)` for work of a tenth of a millisecond an item, which is handed over eight items at a time."""
    groups = [items[at : at + 8] for at in range(0, len(items), 8)]
    return chain.from_iterable(run(lambda group: [function(item) for item in group], groups))


def overlap(
    items: Iterable[A],
    work: Callable[[A], B],
    finish: Callable[[list[B]], list[C]],
    pool: Executor,
    ahead: int,
    stop: Event | None = None,
) -> Iterator[C]:
    """`finish([work(item), ...])` for every item, in order, with the three steps overlapping.

    `items` is drawn on a thread of its own; `work` runs on the pool, about `ahead` items at once; `finish` takes whatever
    has been worked on meanwhile, on another thread, and may itself use the pool. At most `ahead` finished items wait for
    the caller. An error of any step is raised here, after the results that came before it. A caller who stops early
    stops the threads. stop: an event for this call alone; set from any thread it ends the results here and now, and what
    the pool has not begun is dropped; it is set at the end in any case.
    """
    stop = Event() if stop is None else stop
    work = unless(stop, work)
    working: Queue[Future[B] | _End] = Queue(ahead)
    done: Queue[C | _End] = Queue(ahead)

    # First thread: draw items and hand them to the pool, as far ahead as the queue has room.
    def draw() -> None:
        for item in items:
            if not _put(working, pool.submit(work, item), stop):
                return
        _put(working, _End(), stop)

    # Second thread: finish what has been worked on, in order.
    def drain() -> None:
        end = None
        while end is None and not stop.is_set():
            group, end = _ready(working, ahead, stop)
            for result in finish(group) if group else []:
                _put(done, result, stop)
        _put(done, end, stop)

    # The caller's thread hands the results out, and ends the others when it leaves.
    threads: list[Thread] = []
    try:
        threads.append(_start(draw, working, stop))
        threads.append(_start(drain, done, stop))
        yield from _results(done, stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _start(step: Callable[[], None], queue: "Queue[Any]", stop: Event) -> Thread:
    """Run a step on a thread of its own; an error that ends it is the last item of its queue."""

    def run() -> None:
        try:
            step()
        except BaseException as error:  # handed on to the caller's thread
            _put(queue, _End(error), stop)

    thread = Thread(target=run, name=f"inkline-{step.__name__}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # Python's way of saying that the system gives no more
        raise MemoryError(str(error)) from error
    return thread


def _results(done: "Queue[C | _End]", stop: Event) -> Iterator[C]:
    """What arrives in a queue until its end, or until `stop` is set; an error at the end is raised."""
    while not stop.is_set():
        try:
            result = done.get(timeout=POLL_SECONDS)
        except Empty:
            continue
        if not isinstance(result, _End):
            yield result
            continue
        if result.error is not None:
            raise result.error
        return


def _ready(working: "Queue[Future[B] | _End]", most: int, stop: Event) -> tuple[list[B], _End | None]:
    """Results of the next item and of those already drawn behind it, and the end when it was met."""
    results: list[B] = []
    while len(results) < most and not stop.is_set():
        try:
            item = working.get_nowait() if results else working.get(timeout=POLL_SECONDS)
        except Empty:
            if results:
                break
            continue
        if isinstance(item, _End):
            return results, item
        try:
            results.append(item.result())
        except BaseException as error:  # handed on to the caller's thread, behind the results before it
            return results, _End(error)
    return results, None


def _put(queue: "Queue[Any]", item: object, stop: Event) -> bool:
    """Put, waiting for room; False when stopped meanwhile."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=POLL_SECONDS)
            return True
        except Full:
            continue
    return False
