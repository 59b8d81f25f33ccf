"""Fuzzing: whole files, changed at random, read in a process with limits of memory and time.

    python -m tests.fuzz.run --minutes 60             all targets in turn; 0 findings is what it should say
    python -m tests.fuzz.run pdf --seconds 5 --seed 1

A finding is anything raised but an `InklineError`, a process that died, or a case that took more than 20 seconds of the
processor; its file is kept in `fuzz-findings/`. Move it to `tests/fuzz/cases/TARGET-what.bin` once it is mended: these are
read by the tests for ever.
"""

import argparse
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).with_name("cases")
CASE_SECONDS = 20
MEMORY_BYTES = 6 << 30  # of address space, of which libraries take most
ODD_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF)
ODD_TEXTS = (
    b"",
    b"null",
    b"-1",
    b"1e999",
    b"[]",
    b"{}",
    b"[[[[",
    b"2026-01-01",
    b"\0",
    b"\xff",
    b"NaN",
    b"9" * 400,
    b"'",
    b"\\u0000",
)


def changed(content: bytes, others: list[bytes], rng: random.Random, binary: bool) -> bytes:
    """A file with a few changes: bits, odd numbers and texts, pieces gone, doubled or from another file."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(out) + 1), rng.choice((1, 2, 4, 16, 64))
        kind = rng.randrange(6)
        if kind == 0 and binary and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1 and binary:
            size = rng.choice((1, 2, 4))
            number = rng.choice(ODD_NUMBERS) & ((1 << 8 * size) - 1)
            out[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + length] * rng.choice((1, 2, 100))
        elif kind == 4:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            out[at : at + length] = other[start : start + length]
        else:
            out[at : at + rng.choice((0, 1, length))] = rng.choice(ODD_TEXTS)
    return bytes(out[: rng.randrange(len(out) + 1)] if rng.random() < 0.05 else out)


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> int:
    """Read changed files of a target for some seconds; gives how many. Ends at the first finding, whose file stays there."""
    from inkline.errors import InklineError
    from tests.fuzz.targets import TARGETS

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    target, rng, count = TARGETS[name], random.Random(seed), 0
    seeds = list(target.seeds())
    path = folder / target.name
    kept = [case.read_bytes() for case in sorted(CASES.glob(f"{name}-*"))]
    # The files as they are, what was found before, then changed ones.
    todo, end = [*seeds, *kept], None
    while todo or end is None or time.monotonic() < end:
        if not todo and end is None:
            end = time.monotonic() + seconds  # what is imported at the first use does not count
        path.write_bytes(todo.pop(0) if todo else changed(rng.choice(seeds), seeds, rng, target.binary))
        signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)  # processor time, whatever else the machine does
        try:
            target.read(path)
        except InklineError as error:
            assert "\n" not in str(error).strip(), f"an error of several lines: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        count += 1
    return count


def apart(name: str, seconds: float, seed: int) -> str:
    """Fuzz in a process of its own; the finding as text, empty when there is none."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a ledger is synced to its disk at every step
    folder = Path(tempfile.mkdtemp(prefix="inkline-fuzz-", dir=memory))
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.run",
        name,
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
        "--in",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 10 * CASE_SECONDS)
    finding = ""
    if done.returncode:
        found = ROOT / "fuzz-findings"
        found.mkdir(exist_ok=True)
        for file in folder.iterdir():
            if file.is_file():
                shutil.copyfile(file, found / f"{name}-{seed}-{file.name}")
        finding = f"{name}, seed {seed}: exit {done.returncode}, file in {found}\n{done.stderr[-2000:]}"
    shutil.rmtree(folder)
    return finding


def main() -> None:
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=3.0, help="for all targets together")
    parser.add_argument("--seconds", type=float, default=0.0, help="for one target, in this process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in", dest="folder", help="folder of the file that is being read")
    arguments = parser.parse_args()
    if arguments.seconds:
        folder = Path(arguments.folder or tempfile.mkdtemp(prefix="inkline-fuzz-"))
        try:
            print(f"{arguments.target}: {fuzz(arguments.target, arguments.seconds, arguments.seed, folder)} files")
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None
        return
    names = [arguments.target] if arguments.target else list(TARGETS)
    end, seed, findings = time.monotonic() + 60 * arguments.minutes, arguments.seed, 0
    while time.monotonic() < end:
        for name in names:
            finding = apart(name, 60 * arguments.minutes / len(names) / 4, seed)
            findings += bool(finding)
            print(finding or f"{name}, seed {seed}: nothing found", flush=True)
        seed += 1
    print(f"{findings} findings")
    raise SystemExit(bool(findings))


if __name__ == "__main__":
    main()
