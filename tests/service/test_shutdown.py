"""`inkline serve` as a process: it starts, says where it is, and ends without losing a request."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import b64, encoded, pages, picture

ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = b64(encoded(picture()))


@contextmanager
def process(*arguments):
    """`inkline serve` on a free port: (the process, its address)."""
    command = [sys.executable, "-m", "inkline", "serve", "--port", "0", "--cpu_threads", "2", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = server.stderr.readline()
            assert line.startswith("inkline: serving on http://127.0.0.1:"), line + server.stderr.read()
            yield server, line.split()[-1]
        finally:
            server.kill()


def wait_until_up(address):
    for _ in range(100):
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("it did not come up")


@pytest.mark.slow
def test_sigterm_under_load_loses_no_accepted_request():
    """While clients send without pause, SIGTERM: all that began before are answered 200, later ones 503 or refused."""
    file = b64(pages(2))
    answers, begun_before = [], threading.Event()

    def client(address):
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as http:
            while True:
                early = not begun_before.is_set()
                try:
                    answer = http.post("/ocr", json={"file": file, "visualize": False})
                except httpx.ConnectError:
                    return  # it does not listen any more
                except httpx.TransportError as error:
                    answers.append((early, repr(error)))
                    return
                pages_read = len(answer.json().get("result", {}).get("ocrResults", []))
                answers.append((early, answer.status_code, pages_read))
                if answer.status_code != 200:
                    return

    with process("--parallel", "4", "--queue_size", "64") as (server, address), ThreadPoolExecutor(12) as pool:
        assert wait_until_up(address)
        running = [pool.submit(client, address) for _ in range(12)]
        while len(answers) < 12:
            time.sleep(0.02)
        begun_before.set()
        time.sleep(1)  # what was begun before has left the client by now
        server.send_signal(signal.SIGTERM)
        for one in running:
            one.result(60)
        assert server.wait(30) == 0 and server.stderr.read() == ""
    assert len(answers) >= 20
    for early, *answer in answers:
        assert answer == [200, 2] or (not early and answer == [503, 0]), (early, answer)


def test_an_idle_service_ends_at_once():
    with process() as (server, address):
        assert wait_until_up(address)
        began = time.monotonic()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0 and time.monotonic() - began < 15


@pytest.mark.slow
def test_a_second_signal_ends_a_busy_service():
    with process("--max_pages", "400") as (server, address), ThreadPoolExecutor(1) as pool:
        assert wait_until_up(address)
        fields = {"file": b64(pages(400)), "visualize": False}
        inside = pool.submit(httpx.post, f"{address}/ocr", json=fields, timeout=60, trust_env=False)
        while "inkline_pages_total 0.0" in httpx.get(f"{address}/metrics").text:
            time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        answer = inside.result(20)
        assert answer.status_code == 503 and answer.json()["errorCode"] == 503


def test_health_tells_that_it_is_ending(held):
    from serving import running, wait_for

    with running(held, parallel=1) as service, ThreadPoolExecutor(1) as pool:
        inside = pool.submit(service.post, file=HELLO)
        wait_for(lambda: held.begun == 1)
        service.service.queue.close()
        time.sleep(0.7)  # longer than it lingers when nobody is inside
        health, late = service.client.get("/health"), service.post(file=HELLO)
        assert health.status_code == late.status_code == 503
        assert "shutting down" in late.json()["errorMsg"] and late.headers["retry-after"]
        held.go.set()
        assert inside.result().status_code == 200


def test_a_port_that_is_taken_is_one_line():
    with process() as (_, address):
        command = [sys.executable, "-m", "inkline", "serve", "--port", address.rsplit(":", 1)[1]]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert second.returncode == 2 and second.stdout == ""
        assert second.stderr.count("\n") == 1 and "cannot listen on 127.0.0.1 port" in second.stderr


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--port", "99999"], "port=99999"),
        (["--parallel", "0"], "parallel=0"),
        (["--on_request", "use_doc_unwarpin"], "use_doc_unwarping"),
        (["--prot", "1"], "--port"),
    ],
)
def test_wrong_options_are_one_line(arguments, says):
    command = [sys.executable, "-m", "inkline", "serve", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr
