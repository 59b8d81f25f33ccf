"""What Inkline costs before it reads anything and until it has read one page: seconds, peak memory, megabytes on the disk.

    python -m benchmarks.footprint --rounds 9

Seconds are beyond the interpreter's own start, which runs in turn with the rest; those of processor time can be told on a
busy machine, too. The disk is that of the base install: the package and all that it requires without extras, by
distribution, as it lies in this environment; models are not counted.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.common import ROOT, conditions, table

COMMANDS = {
    "the interpreter alone": ["-c", "pass"],
    "import inkline": ["-c", "import inkline"],
    "inkline --help": ["-m", "inkline", "--help"],
    "import the pipeline": ["-c", "import inkline.pipeline"],
    "open the models": ["-c", "from inkline import Ocr; Ocr()"],
    "read a first page": ["-c", "from inkline import Ocr; print(Ocr()('examples/sample.png').text)"],
    "read a first page, tier fast": ["-c", "from inkline import Ocr; print(Ocr(tier='fast')('examples/sample.png').text)"],
}
SHOWN = 8  # distributions listed by name, the largest


def timed(words: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock and of processor time that a Python command takes, and its peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)}: failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def required(name: str, seen: set[str]) -> set[str]:
    """A distribution and all that it requires without extras."""
    if name not in seen:
        seen.add(name)
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                required(requirement.name.lower().replace("_", "-"), seen)
    return seen


def size(name: str) -> float:
    """Megabytes of a distribution's files, compiled ones included."""
    if name == "inkline":  # it may be installed as a link to this folder
        files: list[Path] = [path for path in (ROOT / "inkline").rglob("*") if path.is_file()]
    else:
        files = [Path(str(file.locate())) for file in distribution(name).files or ()]
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, words in COMMANDS.items():
            runs[name].append(timed(words))
    print(conditions() + "\n")
    clock, used, peak = ({name: statistics.median(run[i] for run in values) for name, values in runs.items()} for i in range(3))
    base, *others = COMMANDS
    rows = [
        (name, f"{clock[name] - clock[base]:.3f}", f"{used[name] - used[base]:.3f}", f"{peak[name]:.0f}") for name in others
    ]
    print(table(["", "seconds beyond the interpreter's start", "processor seconds", "peak memory, MB"], rows) + "\n")
    sizes = sorted(((size(name), name) for name in required("inkline", set())), reverse=True)
    listed = [(name, f"{megabytes:.0f}") for megabytes, name in sizes[:SHOWN]]
    rest = (f"{len(sizes) - SHOWN} others", f"{sum(mb for mb, _ in sizes[SHOWN:]):.0f}")
    print(table(["base install", "MB"], [*listed, rest, ("all", f"{sum(mb for mb, _ in sizes):.0f}")]))


if __name__ == "__main__":
    main()
