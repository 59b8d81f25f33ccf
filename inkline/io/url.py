"""Web addresses to bytes in memory, within limits of time and size."""

import time
from typing import TYPE_CHECKING

from inkline import __version__
from inkline.errors import SourceError, TooLargeError, UsageError
from inkline.options import ReadOptions

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
URL_WAIT_SECONDS = 15.0  # for a connection, and for the next bytes


def fetch(url: str, options: ReadOptions) -> bytes:
    """The content of an http(s) address.

    Errors: SourceError naming the address and the reason (no answer, an error status, too slow); TooLargeError above
    `max_source_bytes`; UsageError when `allow_urls` is off.
    """
    if not options.allow_urls:
        raise UsageError(f"{url}: web addresses are switched off (allow_urls); give the file itself")
    import httpx

    timeout = httpx.Timeout(min(URL_WAIT_SECONDS, options.url_timeout))
    headers = {"User-Agent": f"inkline/{__version__}"}
    end = time.monotonic() + options.url_timeout
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=MAX_REDIRECTS, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                reason = f"{response.status_code} {response.reason_phrase}".strip()
                # Timeouts, rate limits and errors of the server may pass; the others will not.
                refused = SourceError(f"{url}: the server answered {reason}")
                refused.may_pass = response.status_code in (408, 425, 429) or response.status_code >= 500
                raise refused
            return read_body(response, url, end, options)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        reason = str(error) or type(error).__name__
        failed = SourceError(f"{url}: cannot be fetched ({reason})")
        failed.may_pass = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
        raise failed from error


def read_body(response: "httpx.Response", url: str, end: float, options: ReadOptions) -> bytes:
    """The body of an answer; SourceError at the time `end` (monotonic), TooLargeError above `max_source_bytes`."""
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > options.max_source_bytes:
            raise TooLargeError(f"{url}: more than max_source_bytes={options.max_source_bytes}; raise the limit")
        if time.monotonic() > end:
            raise SourceError(f"{url}: not complete after {options.url_timeout:g} seconds; raise url_timeout")
    return b"".join(parts)
