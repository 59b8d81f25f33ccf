"""Running the service: listen, announce, and end without losing a request."""

import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from inkline.errors import UsageError
from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.app import Service

log = logging.getLogger(__name__)

KEEP_ALIVE = 75  # seconds that an idle connection is kept, longer than proxies keep theirs (60)
BACKLOG = 2048


class Server(uvicorn.Server):
    """Uvicorn, ending in two steps: asked to stop, it answers what was let in and refuses the rest with 503; then it ends.

    A second signal ends it at once.
    """

    def __init__(self, service: Service) -> None:
        config = uvicorn.Config(
            service.app, log_config=None, lifespan="off", ws="none", timeout_keep_alive=KEEP_ALIVE, server_header=False
        )
        super().__init__(config)
        self._jobs = service.jobs

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._jobs.closed:
            self.should_exit = self.force_exit = True
        self._jobs.close()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._jobs.finished


def listen(options: ServeOptions) -> socket.socket:
    """A socket bound as the options say; UsageError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((options.host, options.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen on {options.host} port {options.port} ({error.strerror}); "
            "give another --port or --host, --port 0 takes a free one"
        ) from error
    return sock


def serve(ocr: Ocr, options: ServeOptions, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; everything that was let in is answered. ready: told the address once it is open."""
    sock = listen(options)
    try:
        host, port = sock.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        Server(Service(ocr, options)).run(sockets=[sock])
    finally:
        sock.close()
