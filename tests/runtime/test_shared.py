"""Batches that callers share."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from inkline import Ocr
from inkline.runtime.shared_batches import SharedBatches


class Doubling:
    """An engine that doubles, slowly, and remembers how many rows came at once; -1 is an error."""

    metadata = {"a": "b"}  # noqa: RUF012
    streams = 1

    def __init__(self):
        self.rows, self.lock = [], threading.Lock()

    def __call__(self, x):
        assert self.lock.acquire(blocking=False), "more calls at once than streams"
        try:
            self.rows.append(len(x))
            time.sleep(0.01)
            if (x < 0).any():
                raise ValueError("a negative row")
            return [2 * x, x.sum(axis=(1, 2, 3))]
        finally:
            self.lock.release()


def rows(count, value, width=3):
    return np.full((count, 1, 2, width), value, np.float32)


def test_every_caller_gets_its_own_rows_and_batches_are_shared():
    engine = Doubling()
    shared = SharedBatches(engine, most=8)
    assert shared.metadata == {"a": "b"} and shared.streams == 1
    given = [rows(1 + i % 3, i, 3 + i % 2) for i in range(60)]
    with ThreadPoolExecutor(12) as pool:
        for x, (doubled, sums) in zip(given, pool.map(shared, given), strict=True):
            np.testing.assert_array_equal(doubled, 2 * x)
            np.testing.assert_array_equal(sums, x.sum(axis=(1, 2, 3)))
    assert max(engine.rows) <= 8 and sum(engine.rows) == sum(map(len, given)) and len(engine.rows) < 40


def test_one_caller_alone_does_not_wait_and_a_large_call_goes_alone():
    engine = Doubling()
    shared = SharedBatches(engine, most=2)
    np.testing.assert_array_equal(shared(rows(5, 1))[0], rows(5, 2))
    assert engine.rows == [5]


def test_an_error_reaches_those_whose_rows_it_was_and_the_rest_goes_on():
    shared = SharedBatches(Doubling(), most=1)

    def call(value):
        try:
            return float(shared(rows(1, value))[0][0, 0, 0, 0])
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(call, [1, -1, 2, -1, 3])) == [2.0, "a negative row", 4.0, "a negative row", 6.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_pages_read_at_once_equal_pages_read_alone(name, fixtures):
    pytest.importorskip(name)
    image = cv2.imread(str(fixtures / "receipt.png"))
    pages = [image[:190], image[190:380], image[380:], image[:95]]
    with Ocr(engine=name, cpu_threads=2, text_recognition_batch_size=1) as alone:
        expected = [alone(page).to_dict() for page in pages]
    with Ocr(engine=name, cpu_threads=2, text_recognition_batch_size=6) as together, ThreadPoolExecutor(4) as pool:
        assert isinstance(together._recognize._engine, SharedBatches)
        for which, page in zip([0, 1, 2, 3] * 2, pool.map(together, pages * 2), strict=True):
            seen, alike = page.to_dict(), dict(expected[which])
            for name in ("rec_scores", "rec_confidences"):  # batches are summed in another order
                np.testing.assert_allclose(seen.pop(name), alike.pop(name), atol=1e-4)
            assert seen == alike
