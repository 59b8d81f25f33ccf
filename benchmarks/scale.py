"""How many pages a core reads in an hour, and how `inkline run` scales with its workers.

    python -m benchmarks.scale scans/ --workers 1,2 --rounds 3

Runs alternate between the numbers of workers, each into a fresh folder, so that a machine that slows down slows all. The
rate is taken between the end of the first file and that of the last; pages per core-hour come from the processor time of
the whole run with all its processes, which other work on the machine hardly adds to (that of Ray's processes is not known).
Three more rates tell what one process can list, look up and note, which is what limits a cluster.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.common import conditions, spread, table
from inkline.batch.ledger import Ledger
from inkline.batch.listing import list_files
from inkline.batch.local_run import run_files
from inkline.batch.ray_run import run_on_ray
from inkline.batch.scheduler import RunProgress, RunSummary
from inkline.batch.storage import Destination
from inkline.batch.task import FileTask, RunConfig, TaskResult
from inkline.cli.run_command import open_reader
from inkline.options import RunOptions
from inkline.registry import options_for


class RateProgress(RunProgress):
    """Notes when the first file was done and when the last."""

    def __init__(self) -> None:
        super().__init__()
        self.first: tuple[float, int] | None = None
        self.last: tuple[float, int] = (0.0, 0)

    def show(self, summary: RunSummary, unfinished_pages: int) -> None:
        pages = summary.pages + unfinished_pages
        if pages > self.last[1]:
            self.last = (time.monotonic(), pages)
            self.first = self.first or self.last

    @property
    def rate(self) -> float:
        """Pages per second between the first file's end and the last one's."""
        assert self.first is not None
        return (self.last[1] - self.first[1]) / max(self.last[0] - self.first[0], 1e-9)


@dataclass(frozen=True)
class Timed:
    """A run: pages per second while reading, seconds and seconds of processor time of all of it, pages."""

    rate: float
    seconds: float
    processor: float
    pages: int


def timed(inputs: list[str], workers: int, on_ray: bool) -> Timed:
    """One run into a fresh folder."""
    with tempfile.TemporaryDirectory() as out:
        config = RunConfig(tuple(inputs), out, ("json",), options_for(), run_options=RunOptions(workers=workers))
        progress, begun, before = RateProgress(), time.monotonic(), processor_time()
        reader = partial(open_reader, config.options)
        run = partial(run_on_ray, address="local", workers=workers) if on_ray else run_files
        summary = run(config, reader, progress)
        return Timed(progress.rate, time.monotonic() - begun, processor_time() - before, summary.pages)


def processor_time() -> float:
    """Seconds of this process and of those it has started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def bookkeeping(count: int) -> tuple[float, float, float]:
    """Files per second that are listed, looked up as done, and noted as done."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state")
        state.mkdir()
        there = Destination(folder).has_all
        tasks = [FileTask(f"{i % 100}/{i}.png", f"{i}.png", f"{i}.png", str(i)) for i in range(count)]
        source = Path(folder, "source")
        for i in range(100):
            (source / str(i)).mkdir(parents=True)
        for task in tasks:
            (source / task.name).touch()
        begun = time.perf_counter()
        assert sum(1 for _ in list_files([str(source)], state)) == count
        listed = time.perf_counter() - begun
        with Ledger(state, "options") as ledger:
            ledger.new_scan()
            for task in tasks:
                ledger.look_up(task, there)
            begun = time.perf_counter()
            for task in tasks:
                ledger.save_result(task, TaskResult("0" * 64, 1), 0.1)
            noted = time.perf_counter() - begun
            ledger.new_scan()
            begun = time.perf_counter()
            assert all(ledger.look_up(task, there)[0] == "done" for task in tasks)
            return count / listed, count / (time.perf_counter() - begun), count / noted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", default=["examples/sample.png"])
    parser.add_argument("--workers", default="1,2", help="numbers of workers to compare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="also on a local Ray cluster")
    parser.add_argument("--files", type=int, default=5000, help="files for the rates of the ledger")
    arguments = parser.parse_args()
    kinds = [(int(n), False) for n in arguments.workers.split(",")]
    kinds += [(n, True) for n, _ in kinds] if arguments.ray else []
    runs: dict[tuple[int, bool], list[Timed]] = {kind: [] for kind in kinds}
    for _ in range(arguments.rounds):
        for kind in kinds:
            runs[kind].append(timed(arguments.inputs, *kind))
    print(f"{conditions()}; load {os.getloadavg()[0]:.1f}; {runs[kinds[0]][0].pages} pages\n")
    base = statistics.median(run.rate for run in runs[kinds[0]])
    rows = [
        (
            f"{workers}{' on Ray' if ray else ''}",
            spread([run.rate for run in runs[workers, ray]], 2),
            f"{statistics.median(run.rate for run in runs[workers, ray]) / base:.2f}",
            "" if ray else spread([3600 * run.pages / run.processor for run in runs[workers, ray]], 0),
            spread([run.seconds for run in runs[workers, ray]], 1),
        )
        for workers, ray in kinds
    ]
    print(table(["workers", "pages/s", "to the first", "pages per core-hour", "seconds, with the start"], rows))
    names = ("files listed", "files looked up as done", "files noted as done")
    rates = [(name, f"{rate:.0f}") for name, rate in zip(names, bookkeeping(arguments.files), strict=True)]
    print("\n" + table(["the starting process", "per second"], rates))


if __name__ == "__main__":
    main()
