"""Connections that cost their time and no more: clients that send or take too slowly, and names that are not the service's."""

import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkline.options import ServeOptions

KEEP_ALIVE_SECONDS = 75  # that an idle connection is kept, longer than proxies keep theirs (60)
HEADER_SECONDS = 20.0  # that the head of a connection's first request may take
CHUNK_BYTES = 1 << 16  # of an answer that are handed over at a time: what a client that takes nothing holds in memory
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass
class _Seen:
    """What was seen of a connection: its exchange, since when in this state, and what waited to be sent, since when."""

    cycle: Any = None
    idle: bool = True
    since: float = field(default_factory=time.monotonic)
    waiting: int = 0
    moved: float = field(default_factory=time.monotonic)


class ConnectionWatch:
    """Cuts off the connections of a Uvicorn server that overstay; `check` is called about once a second."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._seen: weakref.WeakKeyDictionary[Any, _Seen] = weakref.WeakKeyDictionary()

    def check(self, connections: Iterable[Any]) -> None:
        """Cut off those on which nothing was taken for `send_timeout`, no head came in time, or an answer takes for ever."""
        for connection in list(connections):
            seen, now = self._seen.setdefault(connection, _Seen()), time.monotonic()
            cycle, waiting = connection.cycle, connection.transport.get_write_buffer_size()
            idle = cycle is None or cycle.response_complete
            if cycle is not seen.cycle or idle != seen.idle:
                seen.cycle, seen.idle, seen.since = cycle, idle, now
            if not waiting or waiting != seen.waiting:
                seen.waiting, seen.moved = waiting, now
            # The work of a request ends by request_timeout; so much again may be spent on sending what came of it.
            longest = 2 * self._options.request_timeout
            if idle:
                longest = HEADER_SECONDS if cycle is None else KEEP_ALIVE_SECONDS + HEADER_SECONDS
            if now - seen.since > longest or now - seen.moved > self._options.send_timeout > 0 < waiting:
                connection.transport.abort()


async def send_body(send: Send, body: bytes) -> None:
    """Send a part of an answer in pieces, each when the client has taken most of those before."""
    view = memoryview(body)
    for start in range(0, len(view), CHUNK_BYTES):
        await send({"type": "http.response.body", "body": bytes(view[start : start + CHUNK_BYTES]), "more_body": True})


def allowed_hosts(options: ServeOptions) -> Sequence[str]:
    """The names that requests may call the service by; none: all."""
    given = [name.strip().lower() for name in options.allowed_hosts.split(",") if name.strip()]
    if given or options.host not in ("127.0.0.1", "localhost", "::1"):
        return given
    return LOOPBACK


class Guard:
    """Refuses requests under names that are not the service's own: a web page that has a name point at this machine is not
    let in. Tells browsers to take every answer for what its type says."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], refuse: Callable[[str], Response]) -> None:
        self._app, self._hosts, self._refuse = app, hosts, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        app = self._app
        if scope["type"] == "http" and self._hosts:
            host = Headers(scope=scope).get("host", "").lower()
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if name not in self._hosts:
                app = self._refuse(
                    f"Host: {host[:60]!r} is not a name of this service; start it with --allowed_hosts to add one"
                )
        await app(scope, receive, with_header)
