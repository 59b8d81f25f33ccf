"""Counts and times of the service, for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from inkline.service.request_queue import RequestQueue

BUCKET_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class ServiceMetrics:
    """The metrics of one service, in a registry of its own, so that several can live in one process."""

    def __init__(self, queue: RequestQueue) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "inkline_requests", "requests by route and HTTP status", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "inkline_request_seconds",
            "time from a request's arrival to the end of its answer",
            ["route"],
            buckets=BUCKET_SECONDS,
            registry=self._registry,
        )
        self.pages = Counter("inkline_pages", "pages that were read", registry=self._registry)
        self.lines = Counter("inkline_lines", "lines of text that were read", registry=self._registry)
        working = Gauge("inkline_requests_working", "requests that are being worked on", registry=self._registry)
        working.set_function(lambda: queue.working)
        waiting = Gauge("inkline_requests_waiting", "requests that wait for their turn", registry=self._registry)
        waiting.set_function(lambda: max(0, queue.admitted - queue.working))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered; status 499 is a client that hung up."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
