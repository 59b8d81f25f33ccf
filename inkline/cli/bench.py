"""How the time of reading pages is spent."""

import statistics
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from inkline.io.read import PageImage, read
from inkline.io.sources import expand
from inkline.pipeline import Ocr


def measure(inputs: list[str], limit: int, rounds: int, options: dict[str, Any]) -> str:
    """Read at most `limit` pages of the inputs `rounds` times, by stage and as a stream: a table as text.

    Each stage is run on its own, page by page, so its time is not hidden behind another's; medians over the rounds.
    """
    start = time.perf_counter()
    page_images = list(islice((page_image for source in expand(inputs) for page_image in read(source)), limit))
    decode = time.perf_counter() - start
    with Ocr(**options) as ocr:
        ocr(page_images[0].image)  # the first page warms the engines up
        runs = [_stages(ocr, page_images) for _ in range(rounds)]
        chosen = ocr.options.engine
    stages = {"decode": decode, **{name: statistics.median(run[name] for run in runs) for name in runs[0]}}
    whole = stages.pop("whole, as a stream")
    lines = [f"{len(page_images)} pages, engine {chosen.engine}, {chosen.cpu_threads} threads", ""]
    lines += [f"{name:<28} {1000 * seconds / len(page_images):8.1f} ms per page" for name, seconds in stages.items()]
    lines += [
        f"{'whole, as a stream':<28} {1000 * whole / len(page_images):8.1f} ms per page, {len(page_images) / whole:.2f} pages/s"
    ]
    return "\n".join(lines)


def _stages(ocr: Ocr, page_images: list[PageImage]) -> dict[str, float]:
    options, pool = ocr.options, ocr._pool
    prepared, detect = _timed(lambda: [ocr._prepare(image, options, ocr._detect_one) for image in page_images])
    _, recognize = _timed(lambda: [ocr._recognize(page.crops, options.recognize, pool.map) for page in prepared])
    _, whole = _timed(lambda: list(ocr.stream([page_image.image for page_image in page_images])))
    return {"detect and crop": detect, "recognise": recognize, "whole, as a stream": whole}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
