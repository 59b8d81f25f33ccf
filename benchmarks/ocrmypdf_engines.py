"""OCRmyPDF with Inkline and with Tesseract on the same pages: words found, bytes added, seconds.

    python -m benchmarks.ocrmypdf_engines ../shared/data/scribe-docs/dev --pages 6

The folder holds `labels.jsonl` with the text of each image. All pages go into one PDF, which both engines read with two
workers and without optimisation. Words are counted as poppler's `pdftotext` gives them back, without order.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from benchmarks.common import ROOT, conditions, table

ENGINES = {
    "Inkline, own text layer": ["--plugin", "inkline.integrations.ocrmypdf"],
    "Inkline, OCRmyPDF's renderer": ["--plugin", "inkline.integrations.ocrmypdf", "--pdf-renderer", "fpdf2"],
    "Tesseract": [],
}


def scan(folder: Path, count: int, path: Path) -> tuple[int, list[Counter[str]]]:
    """Put the first images into a PDF at 200 dpi; their number and the words of each."""
    records = [json.loads(row) for row in (folder / "labels.jsonl").read_text("utf-8").splitlines()][:count]
    pages = [Image.open(folder / record["image"]).convert("RGB") for record in records]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=200)
    return len(pages), [words(" ".join(line["text"] for line in record["lines"])) for record in records]


def words(text: str) -> Counter[str]:
    """Words of letters and digits, without case."""
    return Counter(re.findall(r"\w+", text.casefold()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=12)
    arguments = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        source, out = Path(temporary) / "in.pdf", Path(temporary) / "out.pdf"
        count, wanted = scan(arguments.folder, arguments.pages, source)
        total = sum(sum(page.values()) for page in wanted)
        for name, choice in ENGINES.items():
            command = [sys.executable, "-m", "ocrmypdf", "-q", "--jobs", "2", "--optimize", "0", "--output-type", "pdf"]
            start = time.perf_counter()
            subprocess.run([*command, *choice, str(source), str(out)], check=True, env=environment)
            seconds = time.perf_counter() - start
            text = subprocess.run(["pdftotext", str(out), "-"], capture_output=True, text=True, check=True).stdout
            found = [words(page) for page in text.split("\f")]
            hits = sum(sum((want & have).values()) for want, have in zip(wanted, found, strict=False))
            added = (out.stat().st_size - source.stat().st_size) / count
            rows.append((name, f"{hits / total:.1%}", f"{added:.0f}", f"{seconds / count:.1f}"))
    print(f"{arguments.folder.parent.name}, {count} pages, {total} words; {conditions()}\n")
    print(table(("engine", "words found", "bytes added a page", "seconds a page"), rows))


if __name__ == "__main__":
    main()
