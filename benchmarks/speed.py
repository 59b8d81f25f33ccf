"""How fast pages are read, by stage, and how close that is to what the nets alone cost.

    python -m benchmarks.speed scans/ --rounds 5

Every round reads all pages as a stream and then runs the bare nets on the very tensors that the stream fed them, on as
many threads: the limit. Rounds alternate, so a machine that slows down slows both; the ratio is what counts. Seconds on
the clock show how well the threads are kept busy, seconds of processor time how much work there is beside the nets; the
latter can be told on a busy machine, too.
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


def record(ocr: Ocr, pages: list[Image]) -> list[Recorder]:
    """Read the pages once and keep the tensors of the detector and of the recogniser, of each of its heads."""
    models: list[Any] = [ocr._detect_many, *ocr.recognizers]
    nets = [Recorder(model._engine) for model in models]
    for model, net in zip(models, nets, strict=True):
        model._engine = net
    list(ocr.stream(pages))
    for model, net in zip(models, nets, strict=True):
        model._engine = net.engine
    return nets


def bare(nets: list[Recorder], threads: int) -> None:
    """Run the nets alone on the recorded tensors."""
    jobs = [(net.engine, x) for net in nets for x in net.inputs]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda job: job[0](job[1]) and None, jobs))


def timed(work: Any) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


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
        det, *rec = nets = record(ocr, pages)
        runs: dict[str, list[tuple[float, float]]] = {"stream": [], "one by one": [], "bare nets": []}
        for _ in range(arguments.rounds):
            runs["stream"].append(timed(lambda: list(ocr.stream(pages))))
            runs["bare nets"].append(timed(lambda: bare(nets, threads)))
            runs["one by one"].append(timed(lambda: [ocr(page) for page in pages]))
        lines = sum(len(net.inputs) for net in rec)
    print(conditions())
    print(f"{len(pages)} pages, {lines} recogniser calls, {threads} threads, engine {arguments.engine}\n")
    rows = [
        (name, *(spread([run[i] / len(pages) for run in values]) for i in (0, 1)),
         f"{len(pages) / statistics.median(run[0] for run in values):.2f}")
        for name, values in runs.items()
    ]  # fmt: skip
    print(table(["", "seconds a page: median (min to max)", "processor seconds a page", "pages a second"], rows))
    pairs = list(zip(runs["stream"], runs["bare nets"], strict=True))
    clock, processor = (spread([a[i] / b[i] for a, b in pairs], 2) for i in (0, 1))
    print(f"\nstream / bare nets: {clock}; in processor time {processor}")
    share = det.seconds / sum(net.seconds for net in nets)
    print(f"of the nets' own time: detection {share:.0%}, recognition {1 - share:.0%}")


if __name__ == "__main__":
    main()
