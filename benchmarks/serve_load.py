"""The service under load: `python -m benchmarks.serve_load PAGES... [--clients 32] [--requests 200]`.

`inkline serve` as a process of its own, and clients that send pages over HTTP on loopback without pause, each a new one as
soon as it has its answer. Against it, in this process, one after the other: the same pages through `Ocr.stream`, and,
as the truth, one page at a time on one thread. Every answer is compared with that truth, to the last digit.
"""

import argparse
import base64
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.common import ROOT, conditions, spread, table
from inkline import Ocr
from inkline.io.sources import expand


@dataclass(frozen=True)
class Answered:
    """One request: seconds until its answer was there, and what that said; refused: how often it was told to wait."""

    which: int
    seconds: float
    result: Any
    refused: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", help="images, folders, globs; for instance ../shared/data/funsd/images")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=64, help="requests in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=24, help="at most this many different pages")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    sources = list(expand(given.pages))
    chosen = sources[:: -(-len(sources) // given.limit)]  # from all folders
    files = [Path(source.data).read_bytes() for source in chosen]
    print(f"{len(files)} pages, {given.rounds} rounds of {given.requests} requests, {given.clients} clients. {conditions()}\n")
    truth = one_thread(files)
    inside, served, answers = [], [], list[Answered]()
    with Ocr(cpu_threads=given.threads) as ocr, service(["--cpu_threads", str(given.threads)]) as address:
        ocr(files[0])
        ask(address, bodies(files)[:1], 1, 1)  # the first request finds caches cold
        for _ in range(given.rounds):
            inside.append(given.requests / timed(lambda: streamed(ocr, files, given.requests)))
            served.append(
                given.requests / timed(lambda: answers.extend(ask(address, bodies(files), given.requests, given.clients)))
            )
    report(answers, truth, inside, served)


def timed(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def one_thread(files: Sequence[bytes]) -> list[Any]:
    """What each page says, read alone on one thread."""
    with Ocr(cpu_threads=1) as ocr:
        return [pruned(ocr(content).to_dict()) for content in files]


def pruned(page: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in page.items() if key not in ("input_path", "page_index")}


def streamed(ocr: Ocr, files: Sequence[bytes], count: int) -> None:
    assert sum(1 for _ in ocr.stream(islice(cycle(files), count))) == count


@contextmanager
def service(options: Sequence[str]) -> Iterator[str]:
    """`inkline serve` on a free port: its address."""
    command = [sys.executable, "-m", "inkline", "serve", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            if "serving on" not in line:
                sys.exit(line + process.stderr.read())
            yield line.split()[-1]
        finally:
            process.terminate()


def bodies(files: Sequence[bytes]) -> list[dict[str, Any]]:
    return [{"file": base64.b64encode(content).decode(), "fileType": 1, "visualize": False} for content in files]


def ask(address: str, requests: Sequence[dict[str, Any]], count: int, clients: int) -> list[Answered]:
    """So many requests from so many clients at once; who is told to come later, does."""
    with httpx.Client(base_url=address, timeout=300, trust_env=False, limits=httpx.Limits(max_connections=clients)) as http:

        def one(which: int) -> Answered:
            began, refused = time.monotonic(), 0
            while (answer := http.post("/ocr", json=requests[which])).status_code == 503:
                refused += 1
                time.sleep(int(answer.headers["retry-after"]))
            seconds = time.monotonic() - began
            (result,) = answer.raise_for_status().json()["result"]["ocrResults"]
            return Answered(which, seconds, result["prunedResult"], refused)

        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(one, islice(cycle(range(len(requests))), count)))


def report(answers: Sequence[Answered], truth: Sequence[Any], inside: Sequence[float], served: Sequence[float]) -> None:
    seconds = [answer.seconds for answer in answers]
    wrong = sum(answer.result != truth[answer.which] for answer in answers)
    rows = [
        ("`Ocr.stream` in one process, pages per second", spread(inside, 2)),
        ("service, pages per second", spread(served, 2)),
        ("service to stream", spread([ours / alone for ours, alone in zip(served, inside, strict=True)], 2)),
        ("time to an answer, p50, seconds", f"{np.percentile(seconds, 50):.2f}"),
        ("time to an answer, p95, seconds", f"{np.percentile(seconds, 95):.2f}"),
        ("wrong answers", f"{wrong} of {len(answers)}"),
        ("refused with 503 and sent again", sum(answer.refused for answer in answers)),
    ]
    print(table(("measure", "value"), rows))
    if wrong:
        sys.exit(f"{wrong} answers differ from those of one thread")


if __name__ == "__main__":
    main()
