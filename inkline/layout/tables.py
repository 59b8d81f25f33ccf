"""Tables: which rows of a region are those of a table, its columns, and what belongs to one cell."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkline.layout.reading_order import rows as in_rows
from inkline.types import Floats

# Lengths in heights of a line
MARGIN = 0.15  # by which a box is wider than its ink, at each end
MIN_GAP = 0.7  # between the ink of two cells of a row
MAX_EMPTY = 3.0  # of the paper between two rows of a table
FIRST_APART = 1.4  # times the usual distance of two rows: what is further above the next, and lacks cells, is no first row
MAX_SINGLE_ROWS = 3  # one after the other, of one cell each: a heading within the table, or further lines of a cell
MIN_ROWS = {0: 10**6, 1: 10**6, 2: 3, 3: 2}  # rows with more than one cell that a table of so many columns, or more, must have
MIN_LOGICAL_ROWS = 2  # once further lines of cells are put to their rows
SHORT = 4  # a table of fewer rows must not have more words in a cell, on average, than
WORDS_PER_CELL = 4  # which neighbouring columns of text have
CROSSED_SHARE = 0.2  # of the rows may have cells that reach over the paper between two columns: headings over several
ALIGNED = 0.8  # by which the left edges, the right edges or the middles of a column's cells may differ
ALIGNED_SHARE = 0.6  # of the cells of a table are in line with others of their column
SPANNED = 0.5  # of a column's width, which a cell over several columns covers at least
OVERLAP = 0.35  # of the smaller height, from which lines of two rows are of one row: cells set at half height
TIGHTER = 0.6  # lines of one cell are nearer to each other than rows are, by this factor at least
FURTHER = 0.5  # by which a further line of a cell may stand out of its column, and be apart from the line above
FRAME_SHARE = 0.5  # of the lines of a grid, from which on those in one large row tell that it is the frame of a form
SEVERAL_SHARE = 0.3  # of its lines, which stand in columns that are several themselves
MIN_BETWEEN_RULES = 3  # rows with more than one cell between two rules, from which they may be rows of the table
NUMBERS_SHARE = 0.6  # of these have a number in the same column
MIN_SUMMARY_ROWS = 3  # in a row that have as many cells, more than the columns of all rows around: a table of their own
MAX_SIGN_GAP = 10.0  # between a sign of money, which stands at the left of a column, and its number
HEAD_REACH = 12.0  # from such a sign to a head of its own
MAX_WORDS = 12  # of a line alone in its row; a longer one is running text

_NUMBER = re.compile(r"^[\s\d.,:;()%+\-–—−$€£¥/*†‡xX]+$")
_MONEY = re.compile(r"^[(\-–—]?([$€£¥₹₩₽]|[A-Z]{1,3}\$|RM|Rs\.?|USD|EUR|GBP|CHF)$")
_COLON = re.compile(r"[:：]\s*$")
_MARK = re.compile(r"^([•◦▪●■‣∙·–—*□☐☑✓❑>-]+|\(?(\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)])$")

Rows = list[list[int]]
Spans = dict[int, tuple[int, int]]  # box -> its first column and how many it takes


class Place(NamedTuple):
    """Where a line stands in a table: the cell's row and first column, from 0, and how many columns it takes."""

    row: int
    column: int
    span: int


class Grid(NamedTuple):
    """The rules of a table on a straight page: where they stand, from the left, and where they lie, from the top, in pixels."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]


class Found(NamedTuple):
    """A table: rows start to end of a region, its number of columns, and the place of each of its lines."""

    start: int
    end: int
    columns: int
    places: dict[int, Place]


def table_in_grid(indices: Sequence[int], boxes: Floats, texts: Sequence[str], grid: Grid) -> Found | None:
    """The table of the boxes (N, 4) at these indices, its cells being those of a grid; None where it has not two of each.

    None, too, where most lines stand in one large row: a form in a frame, or a table with few rules, whose rows and columns
    are told without them. texts: what was read in the boxes.
    """
    places = _places_in_grid(indices, boxes, grid)
    used_rows, used_columns = (sorted({place[k] for place in places.values()}) for k in (0, 1))
    if len(used_rows) < 2 or len(used_columns) < 2 or _is_frame(places, boxes):
        return None
    # Where rules part groups of rows alone, the rows of a group.
    logical_rows: Rows = []
    for used in used_rows:
        logical_rows += _rows_between_rules({i: place[1:] for i, place in places.items() if place[0] == used}, boxes, texts)
    number = {i: row for row, logical in enumerate(logical_rows) for i in logical}
    order = sorted(places, key=lambda i: (number[i], places[i][1], boxes[i, 1] + boxes[i, 3]))
    return Found(0, 0, len(grid.xs) - 1, {i: Place(number[i], *places[i][1:]) for i in order})


def _places_in_grid(indices: Sequence[int], boxes: Floats, grid: Grid) -> dict[int, tuple[int, int, int]]:
    """Of the boxes (N, 4) at these indices the row between rules, the first column, and how many columns it takes."""
    places: dict[int, tuple[int, int, int]] = {}
    for i in indices:
        x0, y0, x1, y1 = boxes[i].tolist()
        margin = min(MARGIN * (y1 - y0), 0.25 * (x1 - x0))
        row = int(np.searchsorted(grid.ys, (y0 + y1) / 2)) - 1
        first, last = (int(np.searchsorted(grid.xs, x)) - 1 for x in (x0 + 2 * margin, x1 - 2 * margin))
        places[i] = row, max(first, 0), max(last - first + 1, 1)
    return places


def _rows_between_rules(in_column: Spans, boxes: Floats, texts: Sequence[str]) -> Rows:
    """The rows of cells between two rules: one, or several where a column holds numbers below each other."""
    indices = list(in_column)
    lines = in_rows(np.array(indices, np.int64), boxes)
    full = [row for row in lines if len(_columns_of(row, in_column)) > 1]
    numbers = Counter(column for row in full for column in _columns_of([i for i in row if _NUMBER.match(texts[i])], in_column))
    if len(full) < MIN_BETWEEN_RULES or max(numbers.values(), default=0) < NUMBERS_SHARE * len(full):
        return [indices]
    return _merged(lines, boxes, texts, in_column, float(np.median(boxes[indices, 3] - boxes[indices, 1])))


def _is_frame(places: dict[int, tuple[int, int, int]], boxes: Floats) -> bool:
    """Whether most boxes (N, 4) stand between the same two rules, and many in columns that are several themselves."""
    if max(Counter(row for row, _, _ in places.values()).values()) <= FRAME_SHARE * len(places):
        return False
    cells: dict[tuple[int, int], list[int]] = {}
    for i, (row, column, _) in places.items():
        cells.setdefault((row, column), []).append(i)
    # Rows of a cell in which lines stand side by side.
    parted: dict[int, list[int]] = {}
    for (_, column), inside in cells.items():
        height = float(np.median(boxes[inside, 3] - boxes[inside, 1]))
        count = sum(_has_cells(row, boxes, height) for row in in_rows(np.array(inside, np.int64), boxes))
        parted.setdefault(column, []).append(count)
    several = {column for column, counts in parted.items() if max(counts) > 1 and sum(counts) >= MIN_BETWEEN_RULES}
    return sum(column in several for _, column, _ in places.values()) > SEVERAL_SHARE * len(places)


def find_tables(rows: Rows, boxes: Floats, texts: Sequence[str]) -> list[Found]:
    """The tables among a region's rows of boxes (N, 4) with the texts read in them, from top to bottom."""
    if len(rows) < 2:
        return []
    every = [i for row in rows for i in row]
    height = float(np.median(boxes[every, 3] - boxes[every, 1]))
    margin = np.minimum(MARGIN * (boxes[:, 3] - boxes[:, 1]), 0.25 * (boxes[:, 2] - boxes[:, 0]))
    boxes = boxes + np.stack([margin, 0 * margin, -margin, 0 * margin], axis=1)
    boxes = _with_signs_at_numbers(rows, boxes, texts, height)
    out = []
    runs = _runs(rows, boxes, texts, height)
    stops = [start for start, _ in runs[1:]] + [len(rows)] * bool(runs)
    for (start, end), stop in zip(runs, stops, strict=True):
        found = _table(rows, start, end, stop, boxes, texts, height)
        if found is not None:
            out += _parted(found, rows, stop, boxes, texts, height)
    return out


def _with_signs_at_numbers(rows: Rows, boxes: Floats, texts: Sequence[str], height: float) -> Floats:
    """The boxes (N, 4), those of a sign of money alone where the number is that they belong to.

    Signs below a head of their own, or of several kinds, are a column of the table.
    """
    pairs = [pair for row in rows for pair in pairwise(row) if _are_money(*pair, boxes, texts, height)]
    if len({texts[sign] for sign, _ in pairs}) != 1:
        return boxes
    every = np.array([i for row in rows if len(row) > 1 for i in row], np.int64)
    others, out = boxes[np.setdiff1d(every, [sign for sign, _ in pairs])], boxes.copy()
    for sign, number in pairs:
        if not _has_head(boxes[sign], boxes[number], others, height):
            out[sign] = boxes[number]
            out[sign, 0] -= 0.1
    return out


def _has_head(sign: Floats, number: Floats, others: Floats, height: float) -> bool:
    """Whether others (N, 4) stand not far above or below a sign (4,), and not over its number."""
    middle, near = (sign[0] + sign[2]) / 2, np.abs(others[:, 1] - sign[1]) <= HEAD_REACH * height
    return bool((near & (others[:, 0] < middle) & (others[:, 2] > middle) & (others[:, 2] < number[0])).any())


def _are_money(sign: int, number: int, boxes: Floats, texts: Sequence[str], height: float) -> bool:
    """Whether two boxes (N, 4) of a row are a sign of money and its number."""
    near = boxes[number, 0] - boxes[sign, 2] <= MAX_SIGN_GAP * height
    is_number = _NUMBER.match(texts[number]) is not None and any(c.isdigit() for c in texts[number])
    return bool(near and is_number and _MONEY.match(texts[sign]))


def _runs(rows: Rows, boxes: Floats, texts: Sequence[str], height: float) -> list[tuple[int, int]]:
    """Rows start to end that begin and end with more than one cell, with few others and no great gap between them."""
    runs: list[tuple[int, int]] = []
    start = last = -1
    for k, row in enumerate(rows):
        if start >= 0 and boxes[row, 1].min() - boxes[rows[k - 1], 3].max() > MAX_EMPTY * height:
            runs.append((start, last + 1))
            start = -1
        if _has_cells(row, boxes, height):
            start, last = (k if start < 0 else start), k
        elif start >= 0 and (k - last > MAX_SINGLE_ROWS or len(texts[row[0]].split()) > MAX_WORDS):
            runs.append((start, last + 1))
            start = -1
    if start >= 0:
        runs.append((start, last + 1))
    return runs


def _parted(found: Found, rows: Rows, stop: int, boxes: Floats, texts: Sequence[str], height: float) -> list[Found]:
    """A table, or several where rows have more columns than all of it together: the summary below a receipt's items."""
    start, end = found.start, found.end
    cells = np.array([_count_cells(row, boxes, height) for row in rows[start:end]], np.int64)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], cells * (cells > found.columns), [0]])))
    for a, b in pairwise((edges + start).tolist()):
        own = _table(rows, a, b, b, boxes, texts, height) if b - a >= MIN_SUMMARY_ROWS else None
        if own is None or own.columns <= found.columns or (own.start, own.end) != (a, b):
            continue
        parts = [_trimmed(rows, *part, boxes, height) for part in ((start, a), (b, end))]
        before, behind = (
            _table(rows, *part, limit, boxes, texts, height) for part, limit in zip(parts, (a, stop), strict=True)
        )
        return [table for table in (before, own, behind) if table is not None]
    return [found]


def _trimmed(rows: Rows, start: int, end: int, boxes: Floats, height: float) -> tuple[int, int]:
    """A part of a run without rows of one cell at its ends."""
    full = [k for k in range(start, end) if _has_cells(rows[k], boxes, height)]
    return (full[0], full[-1] + 1) if full else (start, start)


def _count_cells(row: list[int], boxes: Floats, height: float) -> int:
    """How many cells a row has, by the gaps between its lines."""
    return 1 + sum(bool(boxes[b, 0] - boxes[a, 2] >= MIN_GAP * height) for a, b in pairwise(row))


def _has_cells(row: list[int], boxes: Floats, height: float) -> bool:
    return _count_cells(row, boxes, height) > 1


def _table(rows: Rows, start: int, end: int, stop: int, boxes: Floats, texts: Sequence[str], height: float) -> Found | None:
    """The table that rows start to end are, with further lines of its last cell, rows before `stop`; or None."""
    full = [row for row in rows[start:end] if _has_cells(row, boxes, height)]
    columns = _columns(full, boxes, height)
    if len(full) < MIN_ROWS.get(len(columns), 2):
        return None
    if _is_apart(full, len(columns), boxes):  # what stands above the table, and happens to be in two columns
        return _table(rows, rows.index(full[1]), end, stop, boxes, texts, height)
    further = (k for k in range(end, stop) if not _is_further(rows[k], rows[k - 1], columns, boxes, height))
    end = next(further, max(end, stop))
    in_column = {i: _span(boxes[i], columns) for row in rows[start:end] for i in row}
    if _is_list(full, len(columns), in_column, texts) or not _is_aligned(full, boxes, in_column, height):
        return None
    logical_rows = _merged(rows[start:end], boxes, texts, in_column, height)
    if not _has_rows(logical_rows, in_column, texts):
        return None
    return Found(start, end, len(columns), _places(logical_rows, in_column))


def _is_apart(full: Rows, columns: int, boxes: Floats) -> bool:
    """Whether the first row with cells lacks some and is further from the next than rows are."""
    middles = np.array([np.median(boxes[row, 1] + boxes[row, 3]) / 2 for row in full])
    pitch = np.diff(middles)
    return len(full) > 3 and len(full[0]) < columns and bool(pitch[0] > FIRST_APART * np.median(pitch[1:]))


def _places(logical_rows: Rows, in_column: Spans) -> dict[int, Place]:
    return {i: Place(number, *in_column[i]) for number, logical in enumerate(logical_rows) for i in logical}


def _is_list(full: Rows, columns: int, in_column: Spans, texts: Sequence[str]) -> bool:
    """Whether two columns are the items of a list and their marks."""
    first = [i for row in full for i in row if in_column[i] == (0, 1)]
    return columns == 2 and all(_MARK.match(texts[i].strip()) for i in first)


def _has_rows(logical_rows: Rows, in_column: Spans, texts: Sequence[str]) -> bool:
    """Whether a table has rows enough; a short one has few words in a cell, too, or it is text in columns."""
    cells = {(k, in_column[i][0]) for k, logical in enumerate(logical_rows) for i in logical}
    words = sum(len(texts[i].split()) for i in in_column)
    if len(logical_rows) < SHORT and words > WORDS_PER_CELL * len(cells):
        return False
    return len(logical_rows) >= MIN_LOGICAL_ROWS


def _columns(full: Rows, boxes: Floats, height: float) -> NDArray[np.float64]:
    """The columns (C, 2) as x0, x1: what lies between strips of paper that hardly any row's cells reach over."""
    own = boxes[[i for row in full for i in row]].astype(np.float64)
    edges = np.unique(own[:, [0, 2]])
    if len(edges) < 2:
        return np.zeros((0, 2))
    middles = (edges[1:] + edges[:-1]) / 2
    covered = ((own[:, None, 0] < middles) & (own[:, None, 2] > middles)).sum(axis=0)
    paper = covered <= CROSSED_SHARE * len(full) if len(full) > 2 else covered == 0
    # Strips of paper in a row are one, which must be wide enough; what lies between two is a column.
    out, left = [], edges[0]
    starts = np.flatnonzero(paper & ~np.concatenate([[False], paper[:-1]]))
    ends = np.flatnonzero(paper & ~np.concatenate([paper[1:], [False]]))
    for a, b in zip(starts, ends, strict=True):
        if edges[b + 1] - edges[a] >= 0.5 * MIN_GAP * height:
            if edges[a] > left:
                out.append((left, edges[a]))
            left = edges[b + 1]
    if edges[-1] > left:
        out.append((left, edges[-1]))
    return np.array(out)


def _is_further(row: list[int], above: list[int], columns: NDArray[np.float64], boxes: Floats, height: float) -> bool:
    """Whether a row below a table holds further lines of its last cells, which stand in columns behind the first."""
    left, right = boxes[row, 0].min(), boxes[row, 2].max()
    within = (columns[1:, 0] - FURTHER * height <= left) & (right <= columns[1:, 1] + FURTHER * height)
    return bool(within.any() and boxes[row, 1].min() - boxes[above, 3].max() < FURTHER * height)


def _span(box: Floats, columns: NDArray[np.float64]) -> tuple[int, int]:
    """The first column of a box and how many it takes: that which it shares most with, and others it covers for a good part."""
    shared = np.minimum(box[2], columns[:, 1]) - np.maximum(box[0], columns[:, 0])
    taken = np.flatnonzero(shared > SPANNED * (columns[:, 1] - columns[:, 0]))
    best = int(shared.argmax())
    if len(taken) < 2:
        return best, 1
    return int(taken[0]), int(taken[-1] - taken[0] + 1)


def _is_aligned(full: Rows, boxes: Floats, in_column: Spans, height: float) -> bool:
    """Whether most cells are in line with others of their column: at the left, at the right, or in the middle."""
    near = total = 0
    for column in {place[0] for place in in_column.values()}:
        own = boxes[[i for row in full for i in row if in_column[i] == (column, 1)]]
        if len(own) < 2:
            continue
        places = np.stack([own[:, 0], own[:, 2], own[:, [0, 2]].mean(axis=1)])
        near += int((np.abs(places - np.median(places, axis=1, keepdims=True)) < ALIGNED * height).sum(axis=1).max())
        total += len(own)
    return near > ALIGNED_SHARE * total


def _merged(rows: Rows, boxes: Floats, texts: Sequence[str], in_column: Spans, height: float) -> Rows:
    """Rows of lines put together to rows of cells: further lines of a cell, and cells at half the height of others."""
    gaps = [float(boxes[b, 1].min() - boxes[a, 3].max()) for a, b in pairwise(rows)]
    pitch = height + max(_usual_gap(rows, gaps, in_column), 0.0)
    out = [list(rows[0])]
    for gap, row in zip(gaps, rows[1:], strict=True):
        above = out[-1]
        is_tight = height + gap < TIGHTER * pitch and _is_below_cells(above, row, texts, in_column)
        beside = is_tight or _overlap(above, row, boxes)
        further = _goes_on(above, row, texts, in_column) or (beside and not _share_numbers(above, row, texts, in_column))
        if further and not _is_next_label(above, row, texts, in_column, near=beside):
            above += row
        else:
            out.append(list(row))
    # Cell by cell; within one as its lines stand, row by row.
    physical = {i: k for k, row in enumerate(rows) for i in row}
    return [sorted(row, key=lambda i: (in_column[i][0], physical[i], boxes[i, 0])) for row in out]


def _usual_gap(rows: Rows, gaps: Sequence[float], in_column: Spans) -> float:
    """The paper above rows that begin in the first column, usually; gaps: those above each row but the first."""
    firsts = [gap for gap, row in zip(gaps, rows[1:], strict=True) if len(row) > 1 and 0 in _columns_of(row, in_column)]
    return float(np.median(firsts)) if firsts else 0.0


def _columns_of(row: Sequence[int], in_column: Spans) -> set[int]:
    return {in_column[i][0] for i in row}


def _goes_on(above: list[int], row: list[int], texts: Sequence[str], in_column: Spans) -> bool:
    """Whether a row holds further lines of a few cells of the row above, none of them a number."""
    known, mine = _columns_of(above, in_column), _columns_of(row, in_column)
    within = 0 not in mine and mine <= known and len(mine) <= max(1, len(known) // 2)
    return within and not any(_NUMBER.match(texts[i]) for i in row)


def _is_below_cells(above: list[int], row: list[int], texts: Sequence[str], in_column: Spans) -> bool:
    """Whether a row has lines in columns of the row above alone, in one, or one that goes on with a small letter."""
    below = _columns_of(row, in_column) <= _columns_of(above, in_column)
    return below and (len(row) == 1 or any(texts[i].lstrip()[:1].islower() for i in row))


def _is_next_label(above: list[int], row: list[int], texts: Sequence[str], in_column: Spans, *, near: bool) -> bool:
    """Whether a row is a label without a value, `Total:` and not `of the total:`, below a row that has its number.

    near: it is as near to the row above as lines of a cell are; there it ends a label that has no colon yet.
    """
    is_label = all(_COLON.search(texts[i]) and not texts[i].lstrip()[:1].islower() for i in row)
    begun = [texts[i] for i in above if in_column[i][0] in _columns_of(row, in_column)]
    ends_label = near and bool(begun) and not _NUMBER.match(begun[-1]) and not _COLON.search(begun[-1])
    return is_label and not ends_label and any(_NUMBER.match(texts[i]) for i in above)


def _share_numbers(above: list[int], row: list[int], texts: Sequence[str], in_column: Spans) -> bool:
    """Whether two rows have numbers in the same column."""
    first, second = (_columns_of([i for i in part if _NUMBER.match(texts[i])], in_column) for part in (above, row))
    return not first.isdisjoint(second)


def _overlap(above: list[int], row: list[int], boxes: Floats) -> bool:
    """Whether lines of two rows stand beside each other."""
    shared = np.minimum(boxes[above, 3][:, None], boxes[row, 3]) - np.maximum(boxes[above, 1][:, None], boxes[row, 1])
    low = np.minimum((boxes[above, 3] - boxes[above, 1])[:, None], boxes[row, 3] - boxes[row, 1])
    return bool((shared > OVERLAP * low).any())
