"""Overlapping stages."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from inkline.stages import Stopped, overlap, unless


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_results_come_in_order(pool):
    def work(i):
        time.sleep(0.002 * (i % 3))
        return i

    assert list(overlap(range(50), work, lambda group: [i * 10 for i in group], pool, 4)) == [i * 10 for i in range(50)]


def test_never_further_ahead_than_asked(pool):
    drawn = []

    def items():
        for i in range(100):
            drawn.append(i)
            yield i

    results = overlap(items(), lambda i: i, lambda group: group, pool, 3)
    for _ in range(5):
        next(results)
    time.sleep(0.2)
    assert len(drawn) <= 5 + 3 * 4
    results.close()


@pytest.mark.parametrize("step", ["items", "work", "finish"])
def test_an_error_comes_after_the_results_before_it(pool, step):
    def items():
        yield from range(6)
        if step == "items":
            raise KeyError("items")

    def work(i):
        if step == "work" and i == 4:
            raise KeyError("work")
        return i

    def finish(group):
        if step == "finish" and 4 in group:
            raise KeyError("finish")
        return group

    seen = []
    with pytest.raises(KeyError, match=step):
        for result in overlap(items(), work, finish, pool, 1):
            seen.append(result)
    assert seen == list(range(len(seen))) and len(seen) >= 3


def test_a_caller_who_stops_leaves_no_threads(pool):
    before = threading.active_count()
    results = overlap(iter(int, 1), lambda i: i, lambda group: group, pool, 2)
    next(results)
    during = threading.active_count()
    results.close()
    assert during > before and threading.active_count() <= before + 2  # the pool's own workers stay


def test_stop_ends_a_waiting_caller_and_drops_work_not_begun(pool):
    stop, release, begun = threading.Event(), threading.Event(), []

    def work(i):
        begun.append(i)
        release.wait(10)
        return i

    seen = []
    caller = threading.Thread(
        target=lambda: seen.extend(overlap(range(100), work, lambda group: group, pool, 8, stop)), daemon=True
    )
    caller.start()
    while len(begun) < 2:
        time.sleep(0.01)
    stop.set()
    release.set()
    caller.join(5)
    assert not caller.is_alive() and seen == [] and len(begun) == 2


def test_unless_is_the_function_until_stopped():
    stop = threading.Event()
    double = unless(stop, lambda i: 2 * i)
    assert double(2) == 4
    stop.set()
    with pytest.raises(Stopped):
        double(2)
