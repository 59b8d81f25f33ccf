"""How the lines of a page belong together: their order, rows, paragraphs and tables."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkline.layout.margins import strips_aside
from inkline.layout.reading_order import Indices, is_vertical, lying, read_regions
from inkline.layout.skew import page_skew, straight_boxes
from inkline.layout.tables import Found, Grid, find_tables, table_in_grid
from inkline.types import Cell, Floats

# Lengths in heights of a line
PARAGRAPH_GAP = 0.8  # from here on a gap parts paragraphs ...
WIDER_GAP = 1.4  # ... if it is this many times as wide as is usual in the region, whose lines may be set far apart
OTHER_SIZE = 1.3  # lines whose heights differ by this factor are of two paragraphs
INDENT = 0.7, 5.0  # by which the first line of a paragraph stands further right
FLUSH = 0.5  # by which the other lines may differ, and
FLUSH_SHARE = 0.5  # of the lines stand so
MAX_LABEL_WORDS = 6  # of a label in a form
LETTERS_PER_WORD = 2.0  # of Chinese and Japanese


@dataclass(frozen=True, eq=False)
class PageLayout:
    """order: indices of the boxes (N,) as they are read. For each place in this order, row and paragraph: from 0, row None
    where rows are not told; cell: the place in a table, or None; at_right: whether it stands alone in its row, in the right
    half of its column."""

    order: Indices
    row: Indices | None
    paragraph: Indices
    cell: tuple[Cell | None, ...]
    at_right: NDArray[np.bool_]


def listed(count: int) -> PageLayout:
    """The layout of boxes that are read in their order, of which nothing else is told."""
    return PageLayout(np.arange(count), None, np.zeros(count, np.int64), (None,) * count, np.zeros(count, bool))


def lay_out(
    quads: Floats, angles: Sequence[int], texts: Sequence[str], noise: Sequence[bool] = (), grids: Sequence[Grid] = ()
) -> PageLayout:
    """The layout of a page's boxes (N, 4, 2) from what was read in them; angles: see `Line`.

    noise: boxes that hold no text; each follows the nearest other box, and nothing is told by them. grids: the rules of
    tables, which count where the page is straight.
    """
    skew, upright = page_skew(quads), not is_vertical(angles, texts)
    if not upright:  # which goes from right to left
        quads, grids = lying(quads), ()
        skew = page_skew(quads)
    boxes = straight_boxes(quads, skew)
    silent = np.array(noise, bool) if len(noise) else np.zeros(len(boxes), bool)
    if silent.all():
        silent[:] = False
    kept = np.flatnonzero(~silent).tolist()
    known = boxes[kept], [texts[i] for i in kept]
    aside = strips_aside(known[0], [angles[i] for i in kept], known[1]) if upright else []
    placed = [place._replace(box=kept[place.box]) for place in _placed_beside(aside, *known, () if skew else grids)]
    placed = _with_noise(placed, kept, boxes)
    columns = list(zip(*placed, strict=True)) or [()] * 5
    order, row, paragraph = (np.array(values, np.int64) for values in columns[:3])
    return PageLayout(order, row, paragraph, tuple(columns[3]), np.array(columns[4], bool))


class _Placed(NamedTuple):
    """A box by its index, as it is read; the other fields are those of `PageLayout`."""

    box: int
    row: int
    paragraph: int
    cell: Cell | None
    at_right: bool


def _with_noise(placed: list[_Placed], kept: list[int], boxes: Floats) -> list[_Placed]:
    """The places with those of the other boxes (N, 4), which are without text: each behind the nearest of those `kept`."""
    out = list(placed)
    for i in np.setdiff1d(np.arange(len(boxes)), kept).tolist():
        apart = np.maximum(boxes[kept, :2] - boxes[i, 2:], boxes[i, :2] - boxes[kept, 2:]).max(axis=1)
        at = [place.box for place in out].index(kept[int(apart.argmin())])
        out.insert(at + 1, out[at]._replace(box=i, cell=None))
    return out


def _placed_beside(strips: list[list[int]], boxes: Floats, texts: Sequence[str], grids: Sequence[Grid]) -> list[_Placed]:
    """Boxes (N, 4) of text in reading order, those of strips in the margins last: they are in no row of the page."""
    rest = np.setdiff1d(np.arange(len(boxes)), [i for strip in strips for i in strip]).tolist()
    out = [place._replace(box=rest[place.box]) for place in _placed(boxes[rest], [texts[i] for i in rest], grids)]
    for strip in strips:
        row, paragraph, _ = _last_numbers(out)
        out += [_Placed(i, row + 1, paragraph + 1, None, False) for i in strip]
    return out


def _placed(boxes: Floats, texts: Sequence[str], grids: Sequence[Grid]) -> list[_Placed]:
    """Upright boxes (N, 4) of text in reading order, region by region."""
    # What stands in a grid is one block to what stands around it.
    ruled = _ruled(boxes, texts, grids)
    in_tables = {i for _, found in ruled for i in found.places}
    free = [i for i in range(len(boxes)) if i not in in_tables]
    blocks = np.array([grid.bounds for grid, _ in ruled], np.float32).reshape(-1, 4)
    own = [texts[i] for i in free]
    words = [*map(count_words, own)] + [0.0] * len(ruled)
    labels = [*map(is_label, own)] + [False] * len(ruled)
    known = np.concatenate([boxes[free], blocks])
    # Regions in the order of reading, parted at such blocks.
    places: list[_Placed] = []
    for region in read_regions(known, np.array(words, np.float32), labels):
        for rows, table in _parted_at_tables(_beside_tables(region, known, len(free)), len(free)):
            before = _last_numbers(places)
            if table is None:
                places += _region([[free[i] for i in row] for row in rows], boxes, texts, before)
            else:
                places += _table(ruled[table][1], *before)
    return places


def _ruled(boxes: Floats, texts: Sequence[str], grids: Sequence[Grid]) -> list[tuple[Grid, Found]]:
    """The grids that hold a table, and that table; a box is in one of them."""
    free, out = list(range(len(boxes))), list[tuple[Grid, Found]]()
    for grid in grids:
        found = table_in_grid([i for i in free if _is_in(boxes[i], grid)], boxes, texts, grid)
        if found is not None:
            free = [i for i in free if i not in found.places]
            out.append((grid, found))
    return out


def _is_in(box: Floats, grid: Grid) -> bool:
    """Whether the middle of a box (4,) is within a grid."""
    x0, y0, x1, y1 = grid.bounds
    return bool(x0 < (box[0] + box[2]) / 2 < x1 and y0 < (box[1] + box[3]) / 2 < y1)


def _beside_tables(rows: list[list[int]], boxes: Floats, count: int) -> list[list[int]]:
    """Rows of a region, those beside a table moved before it where they stand left of it, behind it where right.

    boxes: (N, 4) of lines and, from `count` on, of tables. A table's middle says little of where its rows are.
    """
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    lines = np.arange(len(boxes)) < count
    for table in [i for row in rows for i in row if i >= count]:
        x0, y0, x1, y1 = boxes[table].tolist()
        beside = lines & (middle > y0) & (middle < y1)
        is_left, is_right = beside & (boxes[:, 2] <= x1) & (boxes[:, 0] < x0), beside & (boxes[:, 0] >= x1)
        moved = is_left | is_right
        if moved[[i for row in rows for i in row]].any():
            moved[table] = True
            at = next(k for k, row in enumerate(rows) if moved[row].any())
            rest = _of(rows, ~moved)
            rows = [*rest[:at], *_of(rows, is_left), [table], *_of(rows, is_right), *rest[at:]]
            rows = [row for row in rows if row]
    return rows


def _of(rows: list[list[int]], chosen: NDArray[np.bool_]) -> list[list[int]]:
    """The rows with those of their boxes that are chosen (N,)."""
    return [[i for i in row if chosen[i]] for row in rows]


def _parted_at_tables(rows: list[list[int]], count: int) -> Iterator[tuple[list[list[int]], int | None]]:
    """Rows of a region between tables, and tables by their number: of boxes from `count` on, each is one."""
    plain: list[list[int]] = []
    for row in rows:
        tables = [i - count for i in row if i >= count]
        text = [i for i in row if i < count]
        plain += [text] if text else []
        if tables:
            if plain:
                yield plain, None
            yield from (([], table) for table in tables)
            plain = []
    if plain:
        yield plain, None


def _last_numbers(places: list[_Placed]) -> tuple[int, int, int]:
    """The numbers of the last row, paragraph and table; -1 for none."""
    table = max((place.cell.table for place in places if place.cell), default=-1)
    return (places[-1].row, places[-1].paragraph, table) if places else (-1, -1, -1)


def _region(rows: list[list[int]], boxes: Floats, texts: Sequence[str], before: tuple[int, int, int]) -> list[_Placed]:
    """The boxes of a region in reading order; before: the numbers of the row, paragraph and table before it, -1 for none."""
    tables = {found.start: found for found in find_tables(rows, boxes, texts)}
    starts, at_right = paragraph_starts(rows, boxes), _at_right(rows, boxes)
    row, paragraph, table = before
    out: list[_Placed] = []
    k, is_new = 0, True
    while k < len(rows):
        found = tables.get(k)
        if found is None:
            row, paragraph = row + 1, paragraph + (starts[k] or is_new)
            out += [_Placed(i, row, paragraph, None, at_right[k]) for i in rows[k]]
            k, is_new = k + 1, False
            continue
        out += _table(found, row, paragraph, table)
        row, paragraph, table = out[-1].row, paragraph + 1, table + 1
        k, is_new = found.end, True
    return out


def _table(found: Found, row: int, paragraph: int, table: int) -> list[_Placed]:
    """The lines of a table by row, each from left to right and cell by cell; after these row, paragraph and table."""
    return [
        _Placed(i, row + 1 + place.row, paragraph + 1, Cell(table + 1, *place), False)
        for i, place in sorted(found.places.items(), key=lambda item: item[1].row)
    ]


def _at_right(rows: list[list[int]], boxes: Floats) -> list[bool]:
    """Which rows of a region have one box alone, in the right half."""
    every = [i for row in rows for i in row]
    middle = float(boxes[every, 0].min() + boxes[every, 2].max()) / 2
    return [len(row) == 1 < len(rows) and float(boxes[row[0], 0]) > middle for row in rows]


def count_words(text: str) -> float:
    """How many words a text has, those of scripts without spaces by their letters."""
    wide = sum(unicodedata.east_asian_width(c) in ("W", "F") for c in text)
    return wide / LETTERS_PER_WORD if wide > len(text) / 2 else float(len(text.split()))


def is_label(text: str) -> bool:
    """Whether a line names what stands behind it, as in a form."""
    return text.rstrip().endswith((":", "：")) and len(text.split()) <= MAX_LABEL_WORDS


def paragraph_starts(rows: list[list[int]], boxes: Floats) -> list[bool]:
    """Whether a paragraph begins with each row of a region.

    It does after a wide gap, with letters of another size, where a row stands elsewhere, and with an indented line.
    """
    bounds = np.array([[*boxes[row, :2].min(axis=0), *boxes[row, 2:].max(axis=0)] for row in rows])
    height = np.array([np.median(boxes[row, 3] - boxes[row, 1]) for row in rows])
    gaps = bounds[1:, 1] - bounds[:-1, 3]
    indented = _indented(bounds, height)
    usual = float(np.median(gaps / np.minimum(height[1:], height[:-1]))) if len(gaps) > 2 else 0.0
    limit = max(PARAGRAPH_GAP, WIDER_GAP * (1 + usual) - 1)
    out = [True]
    for k in range(1, len(rows)):
        smaller, larger = sorted((float(height[k - 1]), float(height[k])))
        over = min(bounds[k, 2], bounds[k - 1, 2]) > max(bounds[k, 0], bounds[k - 1, 0])
        single = len(rows[k]) == len(rows[k - 1]) == 1
        apart = gaps[k - 1] >= limit * smaller or (single and not over) or larger >= OTHER_SIZE * smaller
        out.append(bool(apart or indented[k]))
    return out


def _indented(bounds: Floats, height: Floats) -> list[bool]:
    """Which rows (N, 4) of a region are the first of a paragraph by their indent: most of its rows are flush left."""
    left = bounds[:, 0]
    usual = float(np.median(height))
    edge = float(np.median(left))
    flush = np.abs(left - edge) < FLUSH * usual
    if len(left) < 4 or flush.mean() < FLUSH_SHARE:
        return [False] * len(left)
    low, high = INDENT
    shifted = (left - edge > low * usual) & (left - edge < high * usual)
    followed = np.concatenate([flush[1:], [False]])
    return [bool(v) for v in shifted & followed]
