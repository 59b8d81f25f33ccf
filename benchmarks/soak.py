"""Whether anything grows or changes over many pages: memory, open files, threads, and the answers.

    python -m benchmarks.soak --pages 10000

Forty drawn files of all kinds (PNG, JPEG, TIFF and PDF of several pages, WebP; every fifth one damaged: cut short, bytes
changed) and a PDF that never ends are read again and again by one `Ocr` with `isolate`, and every answer is compared with that
of the first time. Linux only.
"""

import argparse
import gc
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import conditions, table
from benchmarks.errors import overrides
from benchmarks.memory import drawn, resident
from inkline import Ocr
from inkline.errors import InklineError

FILES = 40
KINDS = ("PNG", "JPEG", "TIFF", "PDF", "WEBP")
ENDLESS = b"/Pattern cs /P scn 0 0 999 999 re f"


def files() -> Iterator[bytes]:
    """The files, the same ones in every run."""
    rng = np.random.default_rng(1)
    pages = [Image.fromarray(page[:, :, ::-1]).resize((page.shape[1] // 2, page.shape[0] // 2)) for page in drawn(FILES)]
    for number, page in enumerate(pages):
        kind, out = KINDS[number % len(KINDS)], io.BytesIO()
        several = {"save_all": True, "append_images": [pages[number - 1].copy()]} if kind in ("TIFF", "PDF") else {}
        page.save(out, kind, **several)
        content = bytearray(out.getvalue())
        if number % 10 == 4:
            content = content[: len(content) // 2]
        elif number % 10 == 9:
            for place in rng.integers(0, len(content), 20):
                content[place] = 0
        yield bytes(content)
    yield endless()


def endless() -> bytes:
    """A page filled with tiles so small that drawing it never ends."""
    pattern = (
        b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep .00001 /YStep .00001 /Resources << >> /Length 12"
    )
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 999 999] /Contents 4 0 R /Resources << /Pattern << /P 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(ENDLESS), ENDLESS),
        b"<< %s >>\nstream\n0 0 1 1 re f\nendstream" % pattern,
    )
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Size 6 /Root 1 0 R >>\n%%EOF"


def answer(ocr: Ocr, content: bytes) -> tuple[int, str]:
    """How many pages, and all that was read or why it was not."""
    pages, errors = [], []
    for page in ocr.stream([content], on_error=lambda _, error: errors.append(str(error))):
        pages.append("\n".join(f"{line.text} {line.score:.6f} {line.quad.tolist()}" for line in page.lines))
    return len(pages), "\f".join(pages + errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    print(conditions() + f", {' '.join(arguments.set) or 'default options'}\n")
    print(
        table(["pages", "files", "refused", "MB held", "open files", "threads", "pages/s", "changed answers"], []), flush=True
    )
    first: dict[int, tuple[int, str]] = {}
    pages = read = refused = changed = reported = 0
    began, contents = time.monotonic(), list(files())
    with Ocr(**(overrides(arguments.set) | {"isolate": True, "page_timeout": 3})) as ocr:
        while pages < arguments.pages:
            number = read % len(contents)
            try:
                found = answer(ocr, contents[number])
            except InklineError as error:
                found = 0, str(error)
            read, pages, refused = read + 1, pages + found[0], refused + (not found[0])
            changed += first.setdefault(number, found) != found
            if pages // arguments.every > reported or pages >= arguments.pages:
                reported = pages // arguments.every
                gc.collect()
                held, handles = f"{resident():.0f}", len(list(Path("/proc/self/fd").iterdir()))
                rate = f"{pages / (time.monotonic() - began):.2f}"
                print(
                    f"| {pages} | {read} | {refused} | {held} | {handles} | {threading.active_count()} | {rate} | {changed} |",
                    flush=True,
                )
    raise SystemExit(bool(changed))


if __name__ == "__main__":
    main()
