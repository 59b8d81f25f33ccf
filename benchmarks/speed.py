"""How fast pages are read, by stage, and how close that is to what the nets alone cost.

    python -m benchmarks.speed scans/ --rounds 5

Every round reads all pages as a stream and then runs the bare nets on the very tensors that the stream fed them, on as
many threads: the limit. Rounds alternate, so a machine that slows down slows both; the ratio is what counts.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.common import conditions, images, spread, table
from inkline import Ocr
from inkline.types import Image


class Recorder:
    """An engine that keeps what it is fed, and the seconds it takes."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.metadata, self.streams = engine, engine.metadata, engine.streams
        self.inputs: list[np.ndarray] = []
        self.seconds = 0.0

    def __call__(self, x: np.ndarray) -> Any:
        start = time.perf_counter()
        out = self.engine(x)
        self.seconds += time.perf_counter() - start
        self.inputs.append(x)
        return out


def record(ocr: Ocr, pages: list[Image]) -> tuple[Recorder, Recorder]:
    """Read the pages once and keep the tensors of the detector and the recogniser."""
    det, rec = Recorder(ocr._detect_many._engine), Recorder(ocr._recognize._engine)
    ocr._detect_many._engine, ocr._recognize._engine = det, rec
    list(ocr.stream(pages))
    ocr._detect_many._engine, ocr._recognize._engine = det.engine, rec.engine
    return det, rec


def bare(det: Recorder, rec: Recorder, threads: int) -> float:
    """Seconds that the nets alone take for the recorded tensors."""
    jobs = [(det.engine, x) for x in det.inputs] + [(rec.engine, x) for x in rec.inputs]
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(lambda job: job[0](job[1]) and None, jobs))
        return time.perf_counter() - start


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--limit", type=int, help="at most this many pages")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    pages = images(arguments.inputs, arguments.limit)
    with Ocr(engine=arguments.engine) as ocr:
        threads = ocr.options.engine.cpu_threads
        det, rec = record(ocr, pages)
        runs = {"stream": [], "one by one": [], "bare nets": []}
        for _ in range(arguments.rounds):
            runs["stream"].append(timed(lambda: list(ocr.stream(pages))))
            runs["bare nets"].append(bare(det, rec, threads))
            runs["one by one"].append(timed(lambda: [ocr(page) for page in pages]))
        lines = len(rec.inputs)
    ratio = [a / b for a, b in zip(runs["stream"], runs["bare nets"], strict=True)]
    print(conditions())
    print(f"{len(pages)} pages, {lines} recogniser calls, {threads} threads, engine {arguments.engine}\n")
    rows = [(name, spread([s / len(pages) for s in values]), f"{len(pages) / statistics.median(values):.2f}")
            for name, values in runs.items()]  # fmt: skip
    print(table(["", "seconds a page: median (min to max)", "pages a second"], rows))
    nets = det.seconds + rec.seconds
    print(f"\nstream / bare nets: {spread(ratio, 2)}")
    print(f"of the nets' own time: detection {det.seconds / nets:.0%}, recognition {rec.seconds / nets:.0%}")


if __name__ == "__main__":
    main()
