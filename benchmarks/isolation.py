"""What decoding in a process of its own costs: the same files read with and without, in turn.

    python -m benchmarks.isolation tests/fixtures/receipt.png examples/sample.png --rounds 5

Decoded alone (five times over), and read by an `Ocr` on one thread, both with the processes started before, as they are kept;
beside the files
a PDF made of them. Linux only.
"""

import argparse
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.common import conditions, spread, table
from inkline import Ocr
from inkline.io import isolated
from inkline.io.read import read
from inkline.options import ReadOptions


def seconds(function: Callable[[], object]) -> float:
    """Processor time of a call, that of the decoders included: what does not hang on what else the machine does."""
    began = spent()
    function()
    return spent() - began


def spent() -> float:
    """Processor time of this process and of its decoders until now."""
    ticks = 0
    for process in isolated.POOL._idle:
        fields = Path(f"/proc/{process._process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def decode(files: Sequence[str], isolate: bool) -> int:
    options = ReadOptions(isolate=isolate)
    return sum(page.image.size for _ in range(5) for file in files for page in read(file, options))


def document_of(files: Sequence[str], path: Path) -> str:
    """A PDF of pictures, one a page, each at 200 pixels an inch."""
    first, *rest = [Image.open(file).convert("RGB") for file in files]
    first.save(path, save_all=True, append_images=rest, resolution=200)
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(conditions() + "\n")
    with tempfile.TemporaryDirectory() as folder:
        files = [*arguments.files, document_of(arguments.files, Path(folder) / "all.pdf")]
        measure(files, arguments.rounds)


def measure(files: Sequence[str], rounds: int) -> None:
    """Print the times, and what a decoder process holds."""
    rows = []
    with Ocr(cpu_threads=1) as ocr:

        def whole(isolate: bool) -> object:
            return [list(ocr.stream([file], isolate=isolate)) for file in files]

        for name, work in (("decoded", lambda isolate: decode(files, isolate)), ("read", whole)):
            times: dict[bool, list[float]] = {False: [], True: []}
            for isolate in (True, False):  # what is opened at the first use
                work(isolate)
            for _ in range(rounds):
                for isolate, taken in times.items():
                    taken.append(seconds(partial(work, isolate)))
            here, apart = (statistics.median(times[isolate]) for isolate in (False, True))
            rows.append((name, spread(times[False]), spread(times[True]), f"{100 * (apart / here - 1):+.1f} %"))
    print(table(["processor time", "in this process, s", "in a process of its own, s", "more"], rows))
    held = Path(f"/proc/{isolated.POOL._idle[0]._process.pid}/smaps_rollup").read_text()
    sizes = {name: int(re.search(f"^{name}: +([0-9]+)", held, re.M)[1]) // 1024 for name in ("Rss", "Pss")}
    print(f"\nAn idle decoder process holds {sizes['Rss']} MiB, {sizes['Pss']} MiB with what is shared divided.")


if __name__ == "__main__":
    main()
