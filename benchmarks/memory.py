"""Whether memory grows: what the process holds after every hundred of a thousand mixed pages.

    python -m benchmarks.memory --pages 1000

The pages are drawn: of every size from a label to a poster, with a few lines of all lengths, so that both nets see a new
shape again and again. With --set text_det_limit_side_len=480 a run takes a third of the time. Linux only.
"""

import argparse
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common import conditions, table
from benchmarks.errors import overrides
from inkline import Ocr

EVERY = 100
TEXT = "invoice total 18.40 Ashford delivered on Monday and paid in full, thank you for your order no. 00731"


def drawn(count: int) -> Iterator[np.ndarray]:
    """Pages of one to five lines, the same ones in every run."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        width, height = (int(side) for side in rng.integers(120, 1600, 2))
        page = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(page)
        for y in np.sort(rng.integers(0, max(height - 60, 1), rng.integers(1, 6))):
            words = " ".join(rng.choice(TEXT.split(), rng.integers(1, 14)))
            draw.text((10, int(y)), words, fill="black", font=ImageFont.load_default(int(rng.integers(14, 50))))
        yield np.asarray(page)[:, :, ::-1]


def resident() -> float:
    """Megabytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    print(conditions() + f", engine {arguments.engine}, {' '.join(arguments.set) or 'default options'}\n")
    print(table(["pages read", "MB held", f"to {EVERY} pages"], []), flush=True)
    first = None
    with Ocr(engine=arguments.engine, **overrides(arguments.set)) as ocr:
        for done, _ in enumerate(ocr.stream(drawn(arguments.pages)), 1):
            if done % EVERY == 0:
                gc.collect()
                held = resident()
                first = first or held
                print(f"| {done} | {held:.0f} | {held / first:.3f} |", flush=True)


if __name__ == "__main__":
    main()
