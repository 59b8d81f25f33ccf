"""One pipeline on each of several devices, as PaddleOCR's `device="gpu:0,1"` wants it."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from inkline.errors import InklineError
from inkline.io.read import expand
from inkline.io.sources import Source
from inkline.pipeline import Ocr, OnError
from inkline.types import Page

SOURCES_AHEAD = 2  # per device: one that is read, one that waits
Answer = tuple[list[Page], list[InklineError]]


def devices_of(device: str) -> list[str]:
    """`gpu:0,1` as gpu:0 and gpu:1, each once; a single device as it is."""
    kind, _, indices = device.partition(":")
    return list(dict.fromkeys(f"{kind}:{index.strip()}" for index in indices.split(","))) if "," in indices else [device]


def open_on_devices(**options: Any) -> "list[Ocr]":
    """An `Ocr` for each device of the option `device`. Errors: those of `Ocr`, of the first device that cannot be used."""
    if not isinstance(options.get("device"), str):
        return [Ocr(**options)]
    opened: list[Ocr] = []
    try:
        for device in devices_of(options["device"]):
            opened.append(Ocr(**{**options, "device": device}))
    except BaseException:
        for ocr in opened:
            ocr.close()
        raise
    return opened


def stream_on(ocrs: Sequence[Ocr], sources: Any, on_error: OnError | None = None, **options: Any) -> Iterator[Page]:
    """The pages of all sources in their order, as `Ocr.stream` gives them; of several devices each reads a source of its own.

    The pages of one source are held until those before them are taken. Errors as of `Ocr.stream`.
    """
    if len(ocrs) == 1:
        yield from ocrs[0].stream(sources, on_error, **options)
        return
    pools = [ThreadPoolExecutor(1, thread_name_prefix="inkline-device") for _ in ocrs]
    waiting: deque[tuple[Source, Future[Answer]]] = deque()
    try:
        for number, source in enumerate(expand(sources)):
            at = number % len(ocrs)
            waiting.append((source, pools[at].submit(_read, ocrs[at], source, on_error is None, options)))
            if len(waiting) == SOURCES_AHEAD * len(ocrs):
                yield from _answer(*waiting.popleft(), on_error)
        while waiting:
            yield from _answer(*waiting.popleft(), on_error)
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _read(ocr: Ocr, source: Source, raises: bool, options: dict[str, Any]) -> Answer:
    """What one device makes of one source: its pages and its errors, which are raised at once where nobody takes them."""
    errors: list[InklineError] = []
    return list(ocr.stream([source], None if raises else lambda _, error: errors.append(error), **options)), errors


def _answer(source: Source, answer: Future[Answer], on_error: OnError | None) -> Iterator[Page]:
    pages, errors = answer.result()
    yield from pages
    for error in errors:
        if on_error is not None:
            on_error(source, error)
