"""Clients that send or take too slowly, and names that are not the service's: each costs its own connection alone."""

import json
import socket
import time
from contextlib import contextmanager, suppress

import pytest
from serving import b64, encoded, pages, picture, running, wait_for
from test_request_queue import raw_request

from inkline.service import connections

HELLO = b64(encoded(picture()))
HEAD = b"POST /ocr HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def connected(service):
    host, port = service.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect((host, int(port)))
        yield connection


@pytest.mark.parametrize("stream", [False, True])
def test_who_takes_nothing_of_the_answer_is_cut_off(held, stream):
    held.go.set()
    noise = picture(size=(1600, 1600)).effect_spread(400)  # its picture is megabytes, which no buffer of the system holds
    body = json.dumps({"file": b64(encoded(noise)), "visualize": True, "stream": stream}).encode()
    with running(held, parallel=1, queue_size=0, send_timeout=1.0) as service, connected(service) as idle:
        queue = service.service.queue
        idle.sendall(HEAD % len(body) + body)
        wait_for(lambda: held.begun == 1 and not queue.receiving)
        assert queue.admitted == 1  # it holds its place while it is sent
        wait_for(lambda: queue.admitted == queue.working == 0, 20)
        assert service.post(file=HELLO).status_code == 200


def test_the_end_does_not_wait_for_who_takes_nothing(held, monkeypatch):
    held.go.set()
    monkeypatch.setattr("inkline.service.server.GRACE_SECONDS", 0.5)
    many = json.dumps({"file": b64(pages(10)), "stream": True}).encode()
    with running(held, parallel=1, request_timeout=1.0, send_timeout=100.0) as service, connected(service) as idle:
        idle.sendall(HEAD % len(many) + many)
        wait_for(lambda: held.begun >= 1)
        service.service.queue.close()
        began = time.monotonic()
    assert time.monotonic() - began < 15


def test_a_head_that_never_ends_is_cut_off(held, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    with running(held) as service, connected(service) as half, connected(service) as silent:
        half.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        for one in (half, silent):
            with suppress(ConnectionResetError):
                assert one.recv(1) == b""
        assert service.client.get("/health").status_code == 200


def test_slow_bodies_hold_no_place_and_are_refused(held):
    held.go.set()
    with running(held, parallel=1, queue_size=1, body_timeout=1.0) as service, connected(service) as one:
        with connected(service) as other:
            for slow in (one, other):
                slow.sendall(HEAD % 5000 + b"{")
            wait_for(lambda: service.service.queue.receiving == 2)
            assert service.client.get("/health").status_code == 200
        wait_for(lambda: service.service.queue.receiving == 1)
        assert service.post(file=HELLO).status_code == 200
        one.sendall(b" " * 100)
        answer = one.recv(10_000)
        assert b" 408 " in answer and b"body_timeout=1 seconds" in answer
        assert service.service.queue.admitted == 0


def test_other_names_are_refused(held):
    held.go.set()
    with running(held) as service:
        for name, status in (("evil.example", 421), ("evil.example:80", 421), ("localhost", 200), ("[::1]:99", 200)):
            answer = service.client.get("/health", headers={"Host": name})
            assert answer.status_code == status, name
            assert answer.headers["x-content-type-options"] == "nosniff"
        with raw_request(service, b"{}") as connection:
            assert b" 422 " in connection.recv(100)
    with running(held, allowed_hosts="ocr.example.org, 127.0.0.1") as service:
        assert service.client.get("/health").status_code == 200
        assert service.client.get("/health", headers={"Host": "OCR.example.org:8080"}).status_code == 200
        assert service.client.get("/health", headers={"Host": "localhost"}).status_code == 421
