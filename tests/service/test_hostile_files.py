"""Files that keep a decoder busy for ever: they cost their sender an error, and nobody else anything."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
from PIL import Image as Pillow
from serving import b64, encoded, picture, running, wait_for
from test_request_queue import raw_request

from inkline import Page
from inkline.options import ServeOptions
from inkline.service.handlers import RequestFile, read_request_pages, reading_options
from inkline.service.schemas import ParsedRequest
from tests.io.hostile import nested_forms, tiling_pattern

HELLO = b64(encoded(picture()))


@pytest.mark.parametrize("route", ["/ocr", "/document-preprocessing"])
def test_files_that_never_end_are_refused_and_the_rest_goes_on(ocr, route):
    with running(ocr, parallel=2, queue_size=2, page_timeout=1.0, visualize=False) as service, ThreadPoolExecutor(2) as pool:
        files = nested_forms(), tiling_pattern()
        bad = [pool.submit(service.post, route, file=b64(file)) for file in files]
        wait_for(lambda: service.service.queue.working == 2)
        assert service.post(file=HELLO).status_code == 200
        for one in bad:
            answer = one.result()
            assert answer.status_code == 422 and "page_timeout=1 seconds" in answer.json()["errorMsg"]
        assert service.client.get("/health").status_code == 200


def test_who_hangs_up_ends_what_is_decoded_for_it(held):
    held.go.set()
    with running(held, parallel=1) as service:
        with raw_request(service, json.dumps({"file": b64(nested_forms())}).encode()):
            wait_for(lambda: service.service.queue.working == 1)
        began = time.monotonic()
        wait_for(lambda: service.service.queue.working == 0)
        assert time.monotonic() - began < 10
        assert service.post(file=HELLO).status_code == 200


def test_the_end_does_not_wait_for_a_file_that_never_ends(held):
    held.go.set()
    with running(held, parallel=1, request_timeout=2.0) as service, ThreadPoolExecutor(1) as pool:
        inside = pool.submit(service.post, file=b64(nested_forms()))
        wait_for(lambda: service.service.queue.working == 1)
        service.service.queue.close()
        assert inside.result(20).status_code in (422, 504)  # the page's limit of time, or the request's
        wait_for(lambda: service.service.queue.finished, 10)


def test_health_tells_that_no_thread_comes_back(held, monkeypatch):
    def never(sources, stop, **overrides):
        held.begun += 1
        held.go.wait(60)
        yield from ()

    monkeypatch.setattr(held, "stream", never)
    with running(held, parallel=1, request_timeout=1.0) as service:
        assert service.post(file=HELLO).status_code == 504
        health = service.client.get("/health")
        assert health.status_code == 503 and "Stuck" in health.json()["errorMsg"]
        held.go.set()
        wait_for(lambda: service.client.get("/health").status_code == 200)


def test_pages_are_not_decoded_far_ahead_of_those_being_read():
    """A request holds half of max_decode_bytes in pixels, and one page more, however many its file has."""
    drawn = []

    class Slow:
        def stream(self, sources, stop, **overrides):
            thread = Thread(target=lambda: drawn.extend(source.data.nbytes for source in sources))
            thread.start()
            for taken in range(10):
                wait_for(lambda taken=taken: len(drawn) > taken)
                time.sleep(0.1)
                assert sum(drawn[taken:]) <= 150_000_000
                yield Page((), (2500, 3000))
            thread.join()

    pages = [Pillow.new("L", (2500, 3000)) for _ in range(10)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    options = ServeOptions(max_decode_bytes=200_000_000)
    file = RequestFile(content, "tiff", 10, 10, reading_options(options))
    assert len(list(read_request_pages(Slow(), file, ParsedRequest("", "x"), Event()))) == 10
