"""Web addresses to bytes in memory, within limits of time and size, whatever the server does."""

import contextlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from inkline import __version__
from inkline.errors import SourceError, TooLargeError, UsageError
from inkline.options import ReadOptions

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
URL_WAIT_SECONDS = 15.0  # for a connection, and for the next bytes
HEADERS = {"User-Agent": f"inkline/{__version__}", "Accept-Encoding": "identity"}
ZLIB_OR_GZIP = 47  # for zlib: tell by the content
PART_BYTES = 1 << 20  # that are unpacked at a time

MakeRequest = Callable[["httpx.Client", "httpx.URL"], "httpx.Request"]


def fetch(url: str, options: ReadOptions) -> bytes:
    """The content of an http(s) address.

    Errors: SourceError naming the address and the reason (no answer, an error status, too slow); TooLargeError above
    `max_source_bytes`; UsageError when `allow_urls` is off.
    """
    if not options.allow_urls:
        raise UsageError(f"{url}: web addresses are switched off (allow_urls); give the file itself")
    return download(url, options, lambda client, target: client.build_request("GET", target))


def download(url: str, options: ReadOptions, make_request: MakeRequest, trust_env: bool = True) -> bytes:
    """The content of an address by requests that `make_request` makes, one for each redirect. Errors as `fetch`, and its own.

    trust_env: whether proxies of the environment are used. The bodies of redirects and errors are not read.
    """
    import httpx

    timeout = httpx.Timeout(min(URL_WAIT_SECONDS, options.url_timeout))
    deadline = Deadline(options.url_timeout)
    try:
        with deadline, httpx.Client(timeout=timeout, trust_env=trust_env, headers=HEADERS) as client:
            target = httpx.URL(url)
            for _ in range(MAX_REDIRECTS + 1):
                request = make_request(client, target)
                request.extensions["trace"] = deadline.trace
                response = client.send(request, stream=True)
                with contextlib.closing(response):
                    if response.status_code == 200:
                        return read_body(response, url, deadline, options)
                    if not response.has_redirect_location:
                        raise _refused(url, response)
                    target = target.join(response.headers["Location"])
            raise SourceError(f"{url}: more than {MAX_REDIRECTS} redirects")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        reason = str(error) or type(error).__name__
        late = f"not complete after {options.url_timeout:g} seconds; raise url_timeout"
        failed = SourceError(f"{url}: {late}" if deadline.passed else f"{url}: cannot be fetched ({reason})")
        failed.may_pass = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
        raise failed from error


class Deadline:
    """Ends a download at its time, also within headers that come byte by byte: what is open then is shut.

    passed: whether that was so.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx at every step of a request: a connection that was made is noted."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._sockets.append(info["return_value"].get_extra_info("socket"))
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _refused(url: str, response: "httpx.Response") -> SourceError:
    """The error for a status. Timeouts, rate limits and errors of the server may pass; the others will not."""
    status = response.status_code
    refused = SourceError(f"{url}: the server answered {f'{status} {response.reason_phrase}'.strip()}")
    refused.may_pass = status in (408, 425, 429) or status >= 500
    return refused


def read_body(response: "httpx.Response", url: str, deadline: Deadline, options: ReadOptions) -> bytes:
    """The body of an answer, unpacked; SourceError at the deadline, TooLargeError above `max_source_bytes`."""
    out = bytearray()
    for part in _unpacked(response, url):
        out += part
        if len(out) > options.max_source_bytes:
            raise TooLargeError(f"{url}: more than max_source_bytes={options.max_source_bytes}; raise the limit")
        if deadline.passed:
            break
    if deadline.passed:  # what is shut looks like an end to a body without a length
        raise SourceError(f"{url}: not complete after {options.url_timeout:g} seconds; raise url_timeout")
    return bytes(out)


def _unpacked(response: "httpx.Response", url: str) -> Iterator[bytes]:
    """A body in parts of a bounded size, unpacked where the server packs it though it was asked not to."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        yield from response.iter_raw()
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise SourceError(f"{url}: packed as {coding[:40]!r}, which is not read; fetch the file and give it itself")
    unpacker = zlib.decompressobj(ZLIB_OR_GZIP)
    try:
        for part in response.iter_raw():
            yield unpacker.decompress(part, PART_BYTES)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, PART_BYTES)
    except zlib.error as error:
        raise SourceError(f"{url}: cannot be unpacked ({error})") from error
