"""Counts and times of the service, for Prometheus."""

from typing import Any

import prometheus_client as prometheus

from inkline.service.request_queue import RequestQueue
from inkline.types import Page

BUCKET_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class ServiceMetrics:
    """The metrics of one service, in a registry of its own, so that several can live in one process."""

    def __init__(self, queue: RequestQueue) -> None:
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        prometheus.PlatformCollector(registry=self._registry)
        known: dict[str, Any] = {"namespace": "inkline", "registry": self._registry}
        self._requests = prometheus.Counter(
            "requests", "requests by route and HTTP status", ["route", "status"], **known
        )
        duration = "time from a request's arrival to the end of its answer"
        self._seconds = prometheus.Histogram("request_seconds", duration, ["route"], buckets=BUCKET_SECONDS, **known)
        self._pages = prometheus.Counter("pages", "pages that were read", **known)
        self._lines = prometheus.Counter("lines", "lines of text that were read", **known)
        working = prometheus.Gauge("requests_working", "requests that are being worked on", **known)
        working.set_function(lambda: queue.working)
        waiting = prometheus.Gauge("requests_waiting", "requests that wait for their turn", **known)
        waiting.set_function(lambda: max(0, queue.admitted - queue.working))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered; status 499 is a client that hung up."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_page(self, page: Page) -> None:
        """Count a page that was read."""
        self._pages.inc()
        self._lines.inc(len(page.lines))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return prometheus.generate_latest(self._registry)
