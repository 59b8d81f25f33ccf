"""Plain text with the layout kept: every line at its place on a grid of character cells, columns side by side."""

import math
import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np

from inkline.formats.placing import is_sideways
from inkline.types import Document, Floats, Line, Page

SUFFIX = ".layout.txt"

MAX_COLUMNS = 400  # a page is never wider than this many cells
SNAP = 0.75  # cells by which the left edges of a column may differ from one to the next
MAX_EMPTY_LINES = 2  # a gap between rows is never more lines than this


@dataclass
class _Row:
    """Lines that stand side by side; top and bottom in straight pixels."""

    top: float
    bottom: float
    lines: list[Line] = field(default_factory=list)


def render(document: Document) -> str:
    """The pages as a reader sees them, apart by a form feed; ends in a newline unless it is empty."""
    text = "\n\f".join("\n".join(_page(page)) for page in document.pages)
    return text + "\n" if text.strip("\n\f") else ""


def _page(page: Page) -> list[str]:
    """Rows of text; boxes are taken from the page set upright, so a page on its side gives straight rows."""
    lines = [line for line in page.lines if line.text.strip()]
    if not lines:
        return []
    cell = _cell(lines)
    columns = _columns(lines, cell)
    out: list[str] = []
    previous: _Row | None = None
    for row in _rows(lines):
        if previous is not None:
            height = max(1.0, min(row.bottom - row.top, previous.bottom - previous.top))
            gap = round((row.top - previous.bottom) / (height * 1.2))
            out += [""] * min(MAX_EMPTY_LINES, max(0, gap))
        out.append(_set(row, columns))
        previous = row
    return out


def _cell(lines: list[Line]) -> float:
    """Width of a character cell in pixels: small enough that most lines fit between their neighbours."""
    widths = []
    for line in lines:
        x0, _, x1, _ = _box(line)
        if not is_sideways(line):
            widths += [(x1 - x0) / max(1, cells(line.text))] * len(line.text)
    right = max(_box(line)[2] for line in lines) - min(_box(line)[0] for line in lines)
    usual = float(np.median(widths)) if widths else right / MAX_COLUMNS
    return max(usual, right / MAX_COLUMNS, 1e-6)


def _columns(lines: list[Line], cell: float) -> dict[float, int]:
    """The cell in which each line begins, by its left edge: edges that are nearly one stand in one column."""
    edges = sorted({_box(line)[0] for line in lines})
    columns: dict[float, int] = {}
    group: list[float] = []
    for edge, after in zip(edges, [*edges[1:], math.inf], strict=True):
        group.append(edge)
        if after - edge > SNAP * cell or after - group[0] > 2 * SNAP * cell:
            columns |= dict.fromkeys(group, round((group[len(group) // 2] - edges[0]) / cell))
            group = []
    return columns


def _rows(lines: list[Line]) -> list[_Row]:
    """Lines sorted into rows: a line joins a row when their heights overlap by more than half of the smaller."""
    rows: list[_Row] = []
    for line in sorted(lines, key=lambda line: _box(line)[1] + _box(line)[3]):
        x0, top, x1, bottom = _box(line)
        if is_sideways(line):
            bottom = top + (x1 - x0)  # a column of text is set as a row beginning at its head
        for row in reversed(rows[-4:]):
            overlap = min(bottom, row.bottom) - max(top, row.top)
            apart = all(x1 <= _box(o)[0] + 2 or x0 >= _box(o)[2] - 2 for o in row.lines)
            if apart and overlap > 0.5 * min(bottom - top, row.bottom - row.top):
                row.lines.append(line)
                row.top, row.bottom = (row.top + top) / 2, (row.bottom + bottom) / 2
                break
        else:
            rows.append(_Row(top, bottom, [line]))
    return sorted(rows, key=lambda row: row.top + row.bottom)


def _set(row: _Row, columns: dict[float, int]) -> str:
    """The row's lines from left to right, each at its column or one space behind its neighbour."""
    out, width = "", 0
    for line in sorted(row.lines, key=lambda line: _box(line)[0]):
        text = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", line.text).split())
        space = max(columns[_box(line)[0]] - width, 1 if out else 0)
        out += " " * space + text
        width += space + cells(text)
    return out


def cells(text: str) -> int:
    """How many cells a terminal gives the text: two for wide characters, none for combining marks."""
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(c) in ("W", "F")
        else 1
        for c in text
    )


def _box(line: Line) -> tuple[float, float, float, float]:
    quad: Floats = line.straight_quad
    (x0, y0), (x1, y1) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    return x0, y0, x1, y1
