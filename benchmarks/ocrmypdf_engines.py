"""OCRmyPDF with Inkline and with Tesseract on the same turned pages: words, pages turned upright, time, size.

    python -m benchmarks.ocrmypdf_engines DATA --sets funsd=forms sroie=receipts fondue-books=books scribe-docs=tables

DATA holds a folder for each set; its `dev/labels.jsonl` holds the text of each image. What stands behind `=` is what the table
calls the set. The pages go into one PDF per set, turned by 0, 90, 180, 270, 0, ... degrees, which every engine reads with
`--rotate-pages`, without optimisation and with as many processors as `--jobs` says. Words are counted as poppler's `pdftotext`
gives them back, without order. A page counts as upright when the PDF shows it as it was before it was turned. Processor
seconds are those of OCRmyPDF and all that it starts, models and fonts loaded anew for each set.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image

from benchmarks.common import ROOT, conditions, table

ENGINES = {
    "Inkline, own text layer": ["--plugin", "inkline.ocrmypdf_plugin"],
    "Inkline, OCRmyPDF's renderer": ["--plugin", "inkline.ocrmypdf_plugin", "--pdf-renderer", "fpdf2"],
    "Tesseract": [],
}
COMPARED_SIDE_PX = 64  # pages are compared as pictures of this size
HEAD = (
    "pages",
    "engine",
    "words found",
    "upright",
    "seconds per page",
    "processor seconds per page",
    "kB per page, text layer's share",
)


def turned_scan(folder: Path, count: int, path: Path) -> tuple[list[Image.Image], list[Counter[str]]]:
    """Put the first images of a set into a PDF at 200 dpi, turned; the upright pages and the words of each."""
    records = [json.loads(row) for row in (folder / "labels.jsonl").read_text("utf-8").splitlines()][:count]
    pages = [Image.open(folder / record["image"]).convert("RGB") for record in records]
    turned = [page.rotate(-90 * (i % 4), expand=True) for i, page in enumerate(pages)]
    turned[0].save(path, save_all=True, append_images=turned[1:], resolution=200, quality=95)
    return pages, [words(" ".join(line["text"] for line in record["lines"])) for record in records]


def words(text: str) -> Counter[str]:
    """Words of letters and digits, without case."""
    return Counter(re.findall(r"\w+", text.casefold()))


def upright_count(path: Path, pages: list[Image.Image]) -> int:
    """How many pages of a PDF look more like the upright page than like it at any other turn."""
    count = 0
    document = pypdfium2.PdfDocument(path)
    for i, page in enumerate(pages):
        shown = _thumbnail(document[i].render(scale=0.5).to_pil())
        away = [np.abs(shown - _thumbnail(page.rotate(-angle, expand=True))).mean() for angle in (0, 90, 180, 270)]
        count += int(np.argmin(away)) == 0
    document.close()
    return count


def _thumbnail(page: Image.Image) -> np.ndarray:
    return np.asarray(page.convert("L").resize((COMPARED_SIDE_PX, COMPARED_SIDE_PX), Image.Resampling.BOX), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("--sets", nargs="+", required=True, metavar="FOLDER[=CALLED]", help="folders in it")
    parser.add_argument("--pages", type=int, default=4, help="of each set, at most; default: 4")
    parser.add_argument("--jobs", type=int, default=1, help="processors; default: 1")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    arguments = parser.parse_args()
    print(f"{conditions()}\n\n{table(HEAD, [])}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.sets:
            folder, _, called = name.partition("=")
            source, out = Path(temporary) / "in.pdf", Path(temporary) / "out.pdf"
            pages, wanted = turned_scan(arguments.data / folder / "dev", arguments.pages, source)
            for engine in arguments.engines:
                row = measure(engine, source, out, pages, wanted, arguments.jobs)
                print(f"| {' | '.join((called or folder, *row))} |", flush=True)


def measure(
    engine: str, source: Path, out: Path, pages: list[Image.Image], wanted: list[Counter[str]], jobs: int
) -> tuple[str, ...]:
    """One row of the table, without the set's name."""
    command = [sys.executable, "-m", "ocrmypdf", "-q", "--jobs", str(jobs), "--optimize", "0", "--output-type", "pdf"]
    command += ["--rotate-pages", *ENGINES[engine], str(source), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_THREAD_LIMIT": str(jobs), "OMP_NUM_THREADS": str(jobs)}
    start, before = time.perf_counter(), processor_seconds()
    subprocess.run(command, check=True, env=environment)
    seconds, processor = (time.perf_counter() - start) / len(pages), (processor_seconds() - before) / len(pages)
    # What poppler finds of the words, page by page.
    text = subprocess.run(["pdftotext", str(out), "-"], capture_output=True, text=True, check=True).stdout
    hits = sum((want & words(have)).total() for want, have in zip(wanted, text.split("\f"), strict=False))
    total = sum(want.total() for want in wanted)
    size, added = out.stat().st_size / len(pages) / 1e3, (out.stat().st_size - source.stat().st_size) / len(pages) / 1e3
    upright = f"{upright_count(out, pages)} of {len(pages)}"
    found = f"{hits} of {total} ({hits / total:.1%})"
    return engine, found, upright, f"{seconds:.1f}", f"{processor:.1f}", f"{size:.0f}, {added:.1f}"


def processor_seconds() -> float:
    """Seconds of processor time of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
