"""The service on a Ray cluster (extra `ray`): the same application in several replicas behind Ray Serve's proxy.

Ray Serve spreads requests over the replicas, starts a replica again when it dies or says that it is ill, and lets it
end what it was given before it is stopped. Inside a replica the rules of `inkline.service` hold: so many requests at once,
so many that wait, the rest refused with 503.
"""

import asyncio
import functools
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from inkline.batch.ray_run import ray_cluster
from inkline.errors import InklineError, UsageError
from inkline.io.sources import Source
from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.app import Service
from inkline.types import Page

NAME = "inkline"
BATCH, WAIT = 8, 0.01  # images of a batch at most, and seconds that the first of them waits for company
GRACE = 30.0  # seconds that a replica has to end what it was given

Overrides = tuple[tuple[str, Any], ...]


@functools.lru_cache(1)
def service_here(overrides: Overrides, options: ServeOptions) -> Service:
    """The service of this process, whose models are opened once."""
    asked = dict(overrides) | dict.fromkeys(options.stages_on_request, True)
    return Service(Ocr(**{"cpu_threads": 1, **asked}), options)


def read_batch(ocr: Ocr, images: list[bytes]) -> list[dict[str, Any]]:
    """Images and PDFs of one batch read as one stream: `{"pages": [...]}`, or `{"error": ...}` for what cannot be read."""
    pages: dict[str, list[Page]] = {str(i): [] for i in range(len(images))}
    errors: dict[str, str] = {}

    def on_error(source: Source, error: InklineError) -> None:
        errors[str(source.name)] = str(error).removeprefix(f"{source.name}: ")

    for page in ocr.stream([Source(image, str(i)) for i, image in enumerate(images)], on_error=on_error):
        pages[str(page.source)].append(page)
    return [
        {"error": errors[i]} if i in errors else {"pages": [replace(page, source=None).to_dict() for page in found]}
        for i, found in pages.items()
    ]


def application(overrides: Overrides, options: ServeOptions, replicas: int) -> Any:
    """The application for `ray.serve.run`. Other programs on the cluster call it by its handle, in batches:
    `serve.get_app_handle("inkline").read.remote(image)`."""
    from ray import serve

    def build() -> FastAPI:
        return service_here(overrides, options).app

    deployed: Any = serve.deployment(
        name="Replica",
        num_replicas=replicas,
        ray_actor_options={"num_cpus": dict(overrides).get("cpu_threads", 1)},
        max_ongoing_requests=options.parallel + options.queue_size,
        graceful_shutdown_timeout_s=GRACE,
    )

    @serve.ingress(build)
    class Replica:
        """One process with its own models."""

        def __init__(self) -> None:
            self.service = service_here(overrides, options)

        @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
        async def read(self, images: list[bytes]) -> list[dict[str, Any]]:
            """One image or PDF as bytes; calls that come together are read together."""
            return await asyncio.to_thread(read_batch, self.service.ocr, images)

        def check_health(self) -> None:
            """Ray Serve replaces a replica for which this raises."""
            if self.service.jobs.closed:
                raise RuntimeError("this replica was told to end")

    return deployed(Replica).bind()


def serve_on_ray(
    overrides: dict[str, Any], options: ServeOptions, address: str, replicas: int, ready: Callable[[str], None]
) -> None:
    """Serve on a cluster until SIGTERM or SIGINT. ready: told the address once all replicas are there.

    Errors: UsageError without the extra, EngineError when there is no cluster; ModelError as `Ocr`, before it starts.
    """
    stop = threading.Event()
    with ray_cluster(address, replicas if address == "local" else None):
        try:
            from ray import serve
        except ImportError as error:
            raise UsageError("serving on Ray needs the extra `ray`: pip install 'inkline[ray]'") from error
        serve.start(http_options={"host": options.host, "port": options.port})
        try:
            serve.run(application(tuple(sorted(overrides.items())), options, replicas), name=NAME, route_prefix="/")
            for sign in (signal.SIGTERM, signal.SIGINT):
                signal.signal(sign, lambda *_: stop.set())
            ready(f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{options.port}")
            stop.wait()
        finally:
            end: Any = serve.shutdown
            end()
