"""The worker's half of the protocol: a JSON object a line on standard input and output; standard library only.

    {"threads": 2, ...}  ->  {"open_seconds": 0.4}
    {"image": path}      ->  {"polygons", "texts", "seconds", "cpu_seconds", "peak_bytes"}

Polygons are (P, 2) in pixels of the file, `seconds` runs from the path to the texts. What fails is answered with
{"error": reason}; a page that fails does not stop the worker. CPU time and memory count what the worker starts, too.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Reader = Callable[[str], tuple[Iterable[Any], Iterable[str]]]


def serve(open_reader: Callable[[dict[str, Any]], Reader]) -> None:
    """Open the reader with the options of the first line, then read the image of every further line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a peer prints must not run into the answers

    def say(**answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    options = json.loads(sys.stdin.readline())
    if hasattr(os, "sched_setaffinity"):  # as many processors as threads, whatever a peer makes of its settings
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options["threads"]])
    start = time.perf_counter()
    try:
        read = open_reader(options)
    except Exception as error:
        return say(error=reason(error))
    say(open_seconds=time.perf_counter() - start)
    for line in sys.stdin:
        try:
            say(**measured(read, json.loads(line)["image"]))
        except Exception as error:
            say(error=reason(error))


def measured(read: Reader, image: str) -> dict[str, Any]:
    """The answer for one image, and what it cost."""
    cpu, start = cpu_seconds(), time.perf_counter()
    polygons, texts = read(image)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_bytes": peak_bytes(),
        "polygons": [[[float(x), float(y)] for x, y in polygon] for polygon in polygons],
        "texts": list(texts),
    }


def cpu_seconds() -> float:
    """Processor time of this process and of those it started and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_bytes() -> int:
    """The largest resident memory so far of this process or of one that it started."""
    unit = 1 if sys.platform == "darwin" else 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with the memory of the process that forked this one
        rows = status.read_text().splitlines()
        return max(child, *(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM")))
    return max(child, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def reason(error: Exception) -> str:
    """The error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
