"""Reading order, tables, rows and hyphenation on drawn pages: columns with pictures, headlines and footers, tables, forms.

usage: python -m benchmarks.layouts [--count 10] [--read] [--seed 7]

Without --read the layout is told from the lines as they were drawn, in seconds; with it pages are read from their images.
followers: share of lines that are read right after the line before them in their paragraph or row. order: share of pairs of
lines in the right order. cells: F1 of pairs of neighbouring cells (ICDAR 2013), right and below. rows: share of a table's
or form's rows that are one line of the text, with tabs between cells. hyphens: share of divided words whole in Markdown.
"""

import argparse
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from benchmarks.common import table
from benchmarks.layout_pages import DrawnPage, pages, quads
from inkline import Ocr
from inkline.detection.ink import page_ink
from inkline.detection.rules import find_grids
from inkline.formats.text import render_md
from inkline.layout.page_layout import lay_out
from inkline.metrics import Counts, match, order
from inkline.types import Detections, Document, Line, Page

Cells = dict[tuple[int, int], str]


@dataclass(frozen=True)
class Score:
    """Counts of what is right: see the module's text."""

    followers: Counts = field(default_factory=Counts)
    order: Counts = field(default_factory=Counts)
    cells: Counts = field(default_factory=Counts)
    rows: Counts = field(default_factory=Counts)
    hyphens: Counts = field(default_factory=Counts)

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def row(self) -> list[str]:
        values = [self.followers.recall, self.order.recall, self.cells.f1, self.rows.recall, self.hyphens.recall]
        counts = [getattr(self, name).truth for name in self.__dataclass_fields__]
        return [f"{value:.3f}" if count else "-" for value, count in zip(values, counts, strict=True)]


def laid_out(drawn: DrawnPage, seed: int = 0) -> Page:
    """The page as if every line had been found and read, in any order."""
    mixed = np.random.default_rng(seed).permutation(len(drawn.lines))
    given = [drawn.lines[i] for i in mixed]
    found = Detections(quads(given), np.ones(len(given), np.float32))
    grids = find_grids(found, page_ink(np.ascontiguousarray(drawn.image)))
    layout = lay_out(found.quads, [0] * len(given), [line.text for line in given], grids=grids)
    assert layout.row is not None
    lines = []
    for place, i in enumerate(layout.order.tolist()):
        line = Line(given[i].text, 1.0, given[i].quad, given[i].quad, paragraph=int(layout.paragraph[place]))
        lines.append(replace(line, row=int(layout.row[place]), cell=layout.cell[place], at_right=bool(layout.at_right[place])))
    return Page(tuple(lines), (drawn.image.shape[1], drawn.image.shape[0]))


def score(drawn: DrawnPage, page: Page) -> Score:
    """What of a drawn page is right in a page that was read."""
    pairs = match([line.quad for line in drawn.lines], [line.quad for line in page.lines])
    places = [truth for truth, _ in sorted(pairs, key=lambda pair: pair[1])]
    after = dict(pairwise(places))
    known = [i for i in range(len(drawn.lines) - 1) if drawn.lines[i].block == drawn.lines[i + 1].block]
    right = sum(after.get(i) == i + 1 for i in known)
    truth = Counter(pair for table in drawn.tables for pair in neighbours(table.cells))
    found = Counter(pair for table in page.tables for pair in neighbours(cells_of(table.texts)))
    adjacent = Counts(sum((truth & found).values()), sum(truth.values()), sum(found.values()))
    text = {_plain(row) for row in page.text.split("\n")}
    rows = [_plain(row) for row in true_rows(drawn)]
    whole = re.findall(r"\w+", render_md(Document((page,))).lower())
    words = Counter(word.lower() for word in drawn.flow)
    # Words that were drawn without a hyphen count neither way: of each word as many as were divided have to be there.
    undivided = Counter(word for line in drawn.lines for word in re.findall(r"\w+", line.text.lower()))
    there = sum(min(count, Counter(whole)[word] - undivided[word]) for word, count in words.items())
    return Score(
        Counts(right, len(known), len(known)),
        order(places),
        adjacent if drawn.tables else Counts(),
        Counts(sum(row in text for row in rows), len(rows), len(rows)),
        Counts(max(there, 0), sum(words.values()), sum(words.values())),
    )


def neighbours(cells: Cells) -> list[tuple[str, str, str]]:
    """Of every cell with text the next one with text right of it and below it, spaces aside."""
    out = []
    for (row, column), text in cells.items():
        right = min((c for r, c in cells if r == row and c > column), default=None)
        below = min((r for r, c in cells if c == column and r > row), default=None)
        out += [] if right is None else [(_bare(text), _bare(cells[row, right]), "right")]
        out += [] if below is None else [(_bare(text), _bare(cells[below, column]), "below")]
    return out


def cells_of(texts: list[list[str]]) -> Cells:
    return {(r, c): text for r, row in enumerate(texts) for c, text in enumerate(row) if text}


def true_rows(drawn: DrawnPage) -> list[str]:
    """The rows of tables and forms as text."""
    rows = []
    for drawn_table in drawn.tables:
        last = max(column for _, column in drawn_table.cells)
        for number in sorted({row for row, _ in drawn_table.cells}):
            rows.append("\t".join(drawn_table.cells.get((number, column), "") for column in range(last + 1)))
    if drawn.kind == "form":
        blocks = sorted({line.block for line in drawn.lines})[1:]
        rows += ["\t".join(line.text for line in drawn.lines if line.block == block) for block in blocks]
    return rows


def _plain(row: str) -> str:
    """A row without spaces but tabs between cells."""
    return re.sub(r"[^\S\t]", "", row).rstrip("\t")


def _bare(text: str) -> str:
    return "".join(text.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10, help="pages of each kind")
    parser.add_argument("--read", action="store_true", help="read the images of the pages")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    scores: dict[str, Score] = {}
    ocr = Ocr() if arguments.read else None
    for drawn in pages(arguments.count, arguments.seed):
        page = laid_out(drawn) if ocr is None else ocr(drawn.image)
        scores[drawn.kind] = scores.get(drawn.kind, Score()) + score(drawn, page)
    rows = [[kind, *scores[kind].row()] for kind in sorted(scores)]
    print(
        table(
            ["pages", "followers", "order", "cells", "rows", "hyphens"], [*rows, ["all", *sum(scores.values(), Score()).row()]]
        )
    )


if __name__ == "__main__":
    main()
