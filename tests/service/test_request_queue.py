"""Many clients at once: the queue and its end, deadlines, clients that hang up, answers that stay right."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from serving import b64, encoded, pages, picture, running, wait_for

HELLO = b64(encoded(picture()))


@contextmanager
def raw_request(service, content: bytes) -> Iterator[socket.socket]:
    """A connection on which a request was sent whole, and nothing read; closed at the end at the latest."""
    host, port = service.url.removeprefix("http://").split(":")
    head = f"POST /ocr HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + content)
        yield connection


def test_a_full_queue_answers_503_and_says_when_to_come_again(held):
    with running(held, parallel=2, queue_size=3) as service, ThreadPoolExecutor(8) as clients:
        queue = service.service.queue
        inside = [clients.submit(service.post, file=HELLO) for _ in range(5)]
        wait_for(lambda: queue.admitted == 5 and held.begun == 2)
        for extra in range(3):
            # A large body that nobody reads must not keep its sender from the answer.
            answer = service.post(file="A" * (3 << 20), logId=str(extra))
            assert answer.status_code == 503 and 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.json()["errorCode"] == 503 and "try again later" in answer.json()["errorMsg"]
        metrics = service.client.get("/metrics").text
        assert "inkline_requests_working 2.0" in metrics and "inkline_requests_waiting 3.0" in metrics
        health = service.client.get("/health")
        assert health.status_code == 503 and health.json()["errorMsg"] == "Full"
        held.go.set()
        assert [one.result().status_code for one in inside] == [200] * 5
        assert service.post(file=HELLO).status_code == 200
        wait_for(lambda: queue.admitted == queue.working == 0)


def test_who_hangs_up_is_not_worked_for(held):
    with running(held, parallel=1, queue_size=3) as service:
        queue = service.service.queue
        content = json.dumps({"file": HELLO}).encode()
        with raw_request(service, content):
            wait_for(lambda: held.begun == 1)
            with raw_request(service, content):
                wait_for(lambda: queue.admitted == 2)
            # The second one left while waiting: it leaves the queue.
            wait_for(lambda: queue.admitted == 1)
        # The first one left while it was worked on: the work is given up.
        wait_for(lambda: held.stopped == 1 and queue.admitted == queue.working == 0)
        assert held.begun == 1
        held.go.set()
        assert service.post(file=HELLO).status_code == 200
        text = service.client.get("/metrics").text
        assert 'inkline_requests_total{route="/ocr",status="499"} 2.0' in text


def test_who_hangs_up_within_its_request_leaves_nothing_behind(held, caplog):
    with running(held) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            head = b"POST /ocr HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            connection.sendall(head)
            wait_for(lambda: service.service.queue.admitted == 1)
        wait_for(lambda: service.service.queue.admitted == 0)
        wait_for(lambda: 'status="499"} 1.0' in service.client.get("/metrics").text)
    assert "Traceback" not in caplog.text


def test_who_hangs_up_during_a_stream_is_not_worked_for(held):
    with running(held, parallel=1) as service:
        held.go.set()
        many = json.dumps({"file": b64(pages(10)), "stream": True, "visualize": False}).encode()
        with raw_request(service, many) as connection:
            assert b"200 OK" in connection.recv(100)
            held.go.clear()
        wait_for(lambda: service.service.queue.admitted == 0)
        wait_for(lambda: service.service.queue.working == 0)
        held.go.set()
        assert service.post(file=HELLO).status_code == 200


class Pausing:
    """The real pipeline, which goes on behind the first page of a request only when that was stopped."""

    def __init__(self, ocr) -> None:
        self.ocr = ocr

    def stream(self, sources, stop=None, **keywords):
        for page in self.ocr.stream(sources, stop=stop, **keywords):
            yield page
            assert stop.wait(60)


@pytest.mark.slow
def test_a_real_pipeline_drops_what_it_has_not_begun(ocr, monkeypatch):
    """A client that leaves costs the pages being worked on, not those that would come."""
    begun, detect = [], ocr._detect_many
    monkeypatch.setattr(ocr, "_detect_many", lambda *arguments: begun.append(1) or detect(*arguments))
    with running(Pausing(ocr), parallel=1, max_pages=100) as service:
        with raw_request(service, json.dumps({"file": b64(pages(100)), "visualize": False}).encode()):
            wait_for(lambda: "inkline_pages_total 0.0" not in service.client.get("/metrics").text)
        wait_for(lambda: service.service.queue.working == 0)
        assert 0 < len(begun) < 50


def test_a_deadline_while_working_is_504(held):
    with running(held, parallel=1, request_timeout=1.0) as service:
        answer = service.post(file=HELLO)
        assert answer.status_code == 504 and "request_timeout=1" in answer.json()["errorMsg"]
        wait_for(lambda: held.stopped == 1)


def test_a_deadline_while_waiting_is_503(held):
    with running(held, parallel=1, request_timeout=1.0) as service, ThreadPoolExecutor(2) as clients:
        first = clients.submit(service.post, file=HELLO)
        wait_for(lambda: held.begun == 1)
        answer = service.post(file=HELLO)
        codes = sorted([first.result().status_code, answer.status_code])
        # The first one's turn ends just when the second one's time does: the second is refused, or begun and cut off.
        assert codes in ([503, 504], [504, 504])
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1


def test_a_body_that_does_not_come_is_given_up(held):
    with running(held, request_timeout=1.0) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(
                b"POST /ocr HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
            assert b" 504 " in connection.recv(100)
        wait_for(lambda: service.service.queue.admitted == 0)


def test_a_deadline_in_a_stream_is_its_last_line(held):
    with running(held, parallel=1, request_timeout=1.5) as service:
        held.go.set()
        seen = []
        with service.client.stream("POST", "/ocr", json={"file": b64(pages(10)), "stream": True, "visualize": False}) as answer:
            for line in answer.iter_lines():
                held.go.clear()
                seen.append(json.loads(line))
        assert answer.status_code == 200 and seen[0]["errorCode"] == 0
        if "pageIndex" in seen[-1].get("result", {}) or seen[-1]["errorCode"]:
            assert seen[-1]["errorCode"] == 504


@pytest.mark.slow
def test_answers_stay_right_under_load(ocr):
    """Twelve clients with pages of different kinds: each answer equals that of one request alone."""
    kinds = [{"file": b64(encoded(picture(f"PAGE {i} OF MANY", (360 + 20 * i, 90))))} for i in range(4)] + [
        {"file": b64(pages(3))},
        {"file": HELLO, "inferenceParams": {"maxLongSide": 200}},
    ]
    with running(ocr, parallel=4, queue_size=64) as service:

        def ask(kind):
            answer = service.post(**({"visualize": False} if "inferenceParams" not in kind else {}), **kind)
            assert answer.status_code == 200
            return answer.json()["result"]

        alone = [ask(kind) for kind in kinds]
        with ThreadPoolExecutor(12) as clients:
            order = np.random.default_rng(0).integers(0, len(kinds), 30)
            for which, result in zip(order, clients.map(lambda i: ask(kinds[i]), order), strict=True):
                assert result == alone[which]


def test_threads_end_with_the_service(ocr):
    before = {thread.name for thread in threading.enumerate()}
    with running(ocr) as service:
        assert service.post(file=HELLO).status_code == 200
    new = {t.name for t in threading.enumerate()} - before
    assert not any("draw" in name or "drain" in name for name in new)
