"""Web addresses, from a server of the test's own."""

import contextlib
import gzip
import io
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image as Pillow

from inkline.errors import SourceError, TooLargeError, UsageError
from inkline.io.read import count_pages, expand, read
from inkline.options import ReadOptions


def png() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (12, 9), "white").save(file, "PNG")
    return file.getvalue()


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/page.png", "/noname"):
            self.answer(200, png())
        elif path == "/packed.png":
            self.answer(200, gzip.compress(png()), {"Content-Encoding": "gzip"})
        elif path == "/moved":
            self.answer(302, b"", {"Location": "/page.png"})
        elif path == "/circle":
            self.answer(302, b"", {"Location": "/circle"})
        elif path == "/away":
            self.answer(302, b"", {"Location": "file:///etc/hosts"})
        elif path == "/html":
            self.answer(200, b"<!DOCTYPE html><p>Sign in</p>")
        elif path == "/cut":
            self.answer(200, png()[:30], {"Content-Length": "5000"})
        elif path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        elif not self.misbehaved(path):
            self.answer(404, b"")

    def misbehaved(self, path: str) -> bool:
        if path == "/bomb":
            packed = gzip.compress(gzip.compress(b"\0" * 20_000_000))
            self.answer(200, packed, {"Content-Encoding": "gzip, gzip"})
        elif path == "/one-bomb":
            self.answer(200, gzip.compress(b"\0" * 20_000_000), {"Content-Encoding": "gzip"})
        elif path == "/endless-redirect":
            self.send_response(302)
            self.send_header("Location", "/page.png")
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"x" * 100_000)
        elif path == "/dribble":
            with contextlib.suppress(OSError):
                for i in range(200):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" if not i else b"X-%d: y\r\n" % i)
                    time.sleep(0.05)
        else:
            return False
        return True

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some of these tests do."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Pages) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.mark.parametrize("path", ["/page.png", "/noname?size=large", "/packed.png", "/moved"])
def test_a_page_is_fetched(server: str, path: str) -> None:
    (source,) = expand(server + path)
    (page_image,) = read(source)
    assert page_image.image.shape == (9, 12, 3) and page_image.source == server + path
    assert page_image.reload().shape == (9, 12, 3)
    assert count_pages(source) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/none.png", "404 Not Found"),
        ("/circle", "redirect"),
        ("/away", "cannot be fetched"),
        ("/html", "web page"),
        ("/cut", "cannot be fetched"),
    ],
)
def test_what_cannot_be_fetched(server: str, path: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        list(read(server + path))
    assert str(caught.value).startswith(server + path) and words in str(caught.value)


def test_a_slow_server_is_given_up(server: str) -> None:
    start = time.monotonic()
    with pytest.raises(SourceError, match="url_timeout"):
        list(read(f"{server}/slow", ReadOptions(url_timeout=0.5)))
    assert time.monotonic() - start < 9


def test_headers_that_never_end_are_given_up_in_time(server: str) -> None:
    start = time.monotonic()
    with pytest.raises(SourceError, match=r"not complete after 0.5 seconds; raise url_timeout"):
        list(read(f"{server}/dribble", ReadOptions(url_timeout=0.5)))
    assert time.monotonic() - start < 6


def test_what_is_unpacked_is_limited_and_the_body_of_a_redirect_is_not_read(server: str) -> None:
    tracemalloc.start()
    with pytest.raises(SourceError, match="packed as 'gzip, gzip'"):
        list(read(f"{server}/bomb"))
    with pytest.raises(TooLargeError, match="max_source_bytes"):
        list(read(f"{server}/one-bomb", ReadOptions(max_source_bytes=1_000_000)))
    (page_image,) = read(f"{server}/endless-redirect", ReadOptions(url_timeout=20))
    assert page_image.image.shape == (9, 12, 3)
    # The server's own 20 MB are counted, too.
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_the_size_limit(server: str) -> None:
    with pytest.raises(TooLargeError, match="max_source_bytes"):
        list(read(f"{server}/page.png", ReadOptions(max_source_bytes=50)))


def test_addresses_can_be_switched_off(server: str) -> None:
    with pytest.raises(UsageError, match="allow_urls"):
        list(read(f"{server}/page.png", ReadOptions(allow_urls=False)))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a.png", "http://", "https://[bad/a.png", "http://a b/c", "http://\udce9/x"]
)
def test_addresses_without_a_server(url: str) -> None:
    with pytest.raises(SourceError):
        list(read(url, ReadOptions(url_timeout=3)))
