"""Kinds of trouble that people report, drawn in several fonts and sizes: how many rows, cells and figures come out right.

usage: python -m benchmarks.cases [KIND ...] [--fonts N] [--sizes 18,24] [--failures] [--set NAME=VALUE ...]

A row is right when a row of the page's text has its cells, apart by tabs. Of the cells, those with a digit are counted once
more; a figure is wrong when it is read with a score of 0.9 or more and is not on the page.
"""

import argparse
import re
import time
import unicodedata
from collections import Counter
from dataclasses import astuple, dataclass

from benchmarks.case_pages import KINDS, SIZES_PX, Case, cases
from benchmarks.common import conditions, table
from benchmarks.errors import overrides
from inkline.pipeline import Ocr
from inkline.types import Page

SURE_SCORE = 0.9  # from which a wrong figure counts


@dataclass
class Counts:
    """How many were right, and how many there are."""

    rows_right: int = 0
    rows: int = 0
    cells_right: int = 0
    cells: int = 0
    digits_right: int = 0
    digits: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def __iadd__(self, other: "Counts") -> "Counts":
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def plain(row: str) -> str:
    """A row with one form of each dash, blank, leader and space; what differs in form alone does not count."""
    row = re.sub("[‐‑‒–—−]", "-", unicodedata.normalize("NFC", row))
    row = re.sub("[‘’]", "'", row) if "‚" not in row else row
    row = re.sub(r"_{2,}", "__", row)
    row = re.sub(r"\s*[.·…]([.·…\s]*[.·…])+\s*(?=\S)", "\t", row)  # leaders
    cells = (re.sub(r"\s*__\s*", " __ ", cell) for cell in row.split("\t"))
    return re.sub("\t+", "\t", "\t".join(" ".join(cell.split()) for cell in cells)).strip()


def count(case: Case, page: Page) -> Counts:
    """What came out right on a page."""
    expected = [plain(row) for row in case.rows]
    if case.kind == "blanks":  # a blank is set apart by a tab or by a space
        found = [plain(row.replace("\t", " ")) for row in page.text.split("\n")]
    else:
        found = [plain(row) for row in page.text.split("\n")]
    cells, seen = (Counter(cell for row in rows for cell in row.split("\t") if cell) for rows in (expected, found))
    figures = Counter({cell: n for cell, n in cells.items() if any(c.isdigit() for c in cell)})
    sure = (plain(line.text) for line in page.read_lines if line.score >= SURE_SCORE)
    known = {word for row in expected for word in row.split()} | set(cells)
    return Counts(
        (Counter(expected) & Counter(found)).total(),
        len(expected),
        (cells & seen).total(),
        cells.total(),
        (figures & seen).total(),
        figures.total(),
        sum(any(c.isdigit() for c in word) and word not in known for text in sure for word in text.split()),
    )


def main() -> None:
    """Read the pages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--fonts", type=int, default=3, help="at most this many fonts for each kind")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES_PX)))
    parser.add_argument("--failures", action="store_true", help="print the text of pages that are not all right")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of Ocr")
    asked = parser.parse_args()
    totals: dict[str, Counts] = {}
    with Ocr(**overrides(asked.set)) as ocr:
        for case in cases(asked.kinds or tuple(KINDS), asked.fonts, [int(size) for size in asked.sizes.split(",")]):
            start = time.process_time()
            page = ocr(case.image)
            counts = count(case, page)
            counts.seconds = time.process_time() - start
            totals.setdefault(case.kind, Counts()).__iadd__(counts)
            if asked.failures and (counts.rows_right < counts.rows or counts.wrong):
                print(f"--- {case.kind}, {case.name}: {counts.rows_right} of {counts.rows}\n{page.text}\n")
    rows = []
    for kind, c in totals.items():
        right, of, cells_right, cells, digits_right, digits, wrong, seconds = astuple(c)
        rows.append(
            (kind, f"{right} of {of}", f"{cells_right} of {cells}", f"{digits_right} of {digits}", wrong, f"{seconds:.1f}")
        )
    print(conditions())
    print(table(("kind", "rows", "cells", "cells with digits", "wrong figures", "processor s"), rows))


if __name__ == "__main__":
    main()
