"""Running the service: listen, announce, and end without losing a request; on this machine or on a Ray cluster.

On Ray (extra `ray`) the same application runs in several replicas behind Ray Serve's proxy, which spreads requests over
them, starts a replica again when it dies or says that it is ill, and lets it end what it was given before it is stopped.
Inside a replica the rules of the request queue hold: `parallel` requests at once, `queue_size` waiting, the rest refused
with 503.
"""

import asyncio
import functools
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

import uvicorn

from inkline.errors import EngineError, InklineError, UsageError
from inkline.io.sources import Source
from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.app import Service
from inkline.service.connections import KEEP_ALIVE_SECONDS, ConnectionWatch
from inkline.service.handlers import reading_options
from inkline.types import Page

GRACE_SECONDS = 5.0  # beyond request_timeout, in which an end comes by itself; after them it is forced
LAST_SECONDS = 30.0  # beyond request_timeout, after which nothing is waited for any more
TICKS_PER_WATCH = 5  # of a tenth of a second
MAX_BACKLOG = 2048  # connections that wait to be accepted

DECODING_LIMITS = frozenset(("isolate", "page_timeout", "max_decode_bytes"))

RAY_APPLICATION = "inkline"  # name of the application on Ray
MAX_BATCH_IMAGES = 8
BATCH_WAIT_SECONDS = 0.01  # that the first image of a batch waits for others
STOP_SECONDS = 30.0  # that a replica has to end what it was given
MAX_START_ATTEMPTS = 5  # Ray gives up on its proxy after a minute, which it may need on a busy machine

Overrides = tuple[tuple[str, Any], ...]


class Server(uvicorn.Server):
    """Uvicorn, ending in two steps: asked to stop, it answers what was admitted and refuses the rest with 503; then it ends.

    A second signal ends it at once.
    """

    def __init__(self, service: Service) -> None:
        config = uvicorn.Config(
            service.app,
            log_config=None,
            lifespan="off",
            ws="none",
            http="h11",  # which has a limit on the size of heads
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            server_header=False,
        )
        super().__init__(config)
        # What is wrong with a form is in its answer, and in the log under the request's id.
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
        self._queue, self._timeout = service.queue, service.options.request_timeout
        self._watch = ConnectionWatch(service.options)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._queue.closed:
            self.should_exit = self.force_exit = True
        else:  # whatever a thread is caught in, the process ends
            last = threading.Timer(self._timeout + LAST_SECONDS, os._exit, (1,))
            last.daemon = True
            last.start()
        self._queue.close()

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_WATCH == 0:
            self._watch.check(self.server_state.connections)
        if self._queue.closed_for > self._timeout + GRACE_SECONDS:
            self.force_exit = True
        return await super().on_tick(counter) or self._queue.finished or self.force_exit

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; what clients have not taken of their answers by then is not waited for."""
        cut_off = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._abort)
        await super().shutdown(sockets)
        cut_off.cancel()

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def listen(options: ServeOptions) -> socket.socket:
    """A socket bound as the options say; UsageError when the address cannot be bound."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((options.host, options.port))
        sock.listen(MAX_BACKLOG)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen on {options.host} port {options.port} ({error.strerror}); "
            "give another --port or --host; --port 0 takes a free one"
        ) from error
    return sock


def serve(ocr: Ocr, options: ServeOptions, asked: Mapping[str, Any], ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; everything that was admitted is answered.

    asked: the options that `ocr` was made with. ready: told the address once it is open.
    """
    sock = listen(options)
    try:
        host, port = sock.getsockname()[:2]
        ready(_url(host, port))
        Server(Service(ocr, options, asked)).run(sockets=[sock])
    finally:
        sock.close()


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@functools.lru_cache(1)
def service_of_process(overrides: Overrides, options: ServeOptions) -> Service:
    """The service of this process, whose models are opened once."""
    asked = {"cpu_threads": 1} | dict(overrides) | dict.fromkeys(options.stages_on_request, True)
    return Service(Ocr(**asked), options, asked)


def read_batch(ocr: Ocr, images: list[bytes], options: ServeOptions) -> list[dict[str, Any]]:
    """Images and PDFs of one batch read as one stream: `{"pages": [...]}`, or `{"error": ...}` for what cannot be read."""
    pages: dict[str, list[Page]] = {str(i): [] for i in range(len(images))}
    errors: dict[str, str] = {}

    def on_error(source: Source, error: InklineError) -> None:
        errors[str(source.name)] = str(error).removeprefix(f"{source.name}: ")

    sources = [Source(image, str(i)) for i, image in enumerate(images)]
    limits = {name: value for name, value in reading_options(options).items() if name in DECODING_LIMITS}
    for page in ocr.stream(sources, on_error=on_error, **limits):
        pages[str(page.source)].append(page)
    return [
        {"error": errors[i]} if i in errors else {"pages": [replace(page, source=None).to_dict() for page in found]}
        for i, found in pages.items()
    ]


def ray_application(overrides: Overrides, options: ServeOptions, replicas: int) -> Any:
    """The application for `ray.serve.run`.

    Other programs on the cluster call it by its handle, in batches: `serve.get_app_handle("inkline").read.remote(image)`.
    """
    from ray import serve

    deployed: Any = serve.deployment(
        name="Replica",
        num_replicas=replicas,
        ray_actor_options={"num_cpus": dict(overrides).get("cpu_threads", 1)},
        max_ongoing_requests=options.parallel + options.queue_size,
        graceful_shutdown_timeout_s=STOP_SECONDS,
    )

    @serve.ingress(lambda: service_of_process(overrides, options).app)
    class Replica:
        """One process with its own models."""

        def __init__(self) -> None:
            self.service = service_of_process(overrides, options)

        @serve.batch(max_batch_size=MAX_BATCH_IMAGES, batch_wait_timeout_s=BATCH_WAIT_SECONDS)
        async def read(self, images: list[bytes]) -> list[dict[str, Any]]:
            """One image or PDF as bytes; calls that come together are read together."""
            return await asyncio.to_thread(read_batch, self.service.ocr, images, options)

        def check_health(self) -> None:
            """Ray Serve replaces a replica for which this raises."""
            if self.service.queue.closed:
                raise RuntimeError("this replica was told to end")
            if self.service.queue.abandoned >= options.parallel:
                raise RuntimeError("no thread of this replica has come back from what it was given")

    return deployed(Replica).bind()


def deploy_on_ray(application: Any, options: ServeOptions) -> None:
    """Start Ray Serve's proxy and the replicas, and wait until they answer; EngineError when they do not."""
    from ray import serve

    for _ in range(MAX_START_ATTEMPTS):
        try:
            # Both take up what an earlier attempt has started.
            serve.start(http_options={"host": options.host, "port": options.port})
            serve.run(application, name=RAY_APPLICATION, route_prefix="/")
            return
        except TimeoutError as error:
            late = error
    raise EngineError(f"Ray Serve did not start in time ({late}); is the cluster too busy?")


def serve_on_ray(
    overrides: dict[str, Any], options: ServeOptions, address: str, replicas: int, ready: Callable[[str], None]
) -> None:
    """Serve on a cluster until SIGTERM or SIGINT. ready: told the address once all replicas are there.

    Errors: UsageError without the extra, EngineError when there is no cluster; ModelError as `Ocr`, before it starts.
    """
    from inkline.batch.ray_run import ray_cluster

    stop = threading.Event()
    with ray_cluster(address, replicas if address == "local" else None):
        try:
            from ray import serve
        except ImportError as error:
            raise UsageError("serving on Ray needs the extra `ray`: pip install 'inkline[ray]'") from error
        try:
            deploy_on_ray(ray_application(tuple(sorted(overrides.items())), options, replicas), options)
            for sign in (signal.SIGTERM, signal.SIGINT):
                signal.signal(sign, lambda *_: stop.set())
            ready(_url(options.host, options.port))
            stop.wait()
        finally:
            end: Any = serve.shutdown
            end()
