"""The order in which boxes are read."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkline.layout.skew import page_skew, straight_boxes
from inkline.types import Floats

Indices = NDArray[np.int64]

SAME_ROW_PX = 10  # the reference takes corners closer than this in y for one row

# Gutters between columns; lengths in heights of a line (the median of the page)
MIN_COLUMN_BOXES = 6  # fewer boxes have no columns
MIN_COLUMN_LINES = 3  # of each column beside a gutter
MIN_BESIDE = 3.0  # by which the sides of a gutter must lie beside each other
MIN_ROOM = 0.3  # width of a gutter between shrunken boxes: ragged lines of two columns come as near as a wide space
ENOUGH_ROOM = 2.0  # a gutter wider than this is no better
FOR_ROOM = 0.1  # of a gutter's worth, for each height of its width
FOR_CUT = 0.25  # by which a gutter is worth less for each line beside a box that ends it: rows of other columns are cut off
OTHER_SIDE = 0.25  # of a gutter's worth, for each line of the side that has more of them
MAX_GUTTERS = 500  # that are looked at in a band, those first that may be worth most; a page of text has fewer
GRID = 0.2  # distance of the places at which gutters are looked for, below MIN_ROOM
MAX_INDENT = 3.0  # of a line that stands next to a gutter
OVERLONG = 0.1  # of a column's lines may reach on into the next one, where the detector took two lines for one
FULL_LINE = 0.6  # of its column's width: a line of running text, of which the last of a paragraph is short
FULL_SHARE = 0.6  # of a running column's text stands in such lines
MIN_COLUMN_WIDTH = 7.0  # narrower columns hold cells: no text is set in lines of fewer than some 15 letters
MIN_WORDS = 2.5  # in a full line, on average
WORD = 1.9  # width of a word of which only the place is known
MIN_UNALIGNED_LINES = 7  # fewer lines may stand at other heights than their neighbours by chance
SHIFTS = np.arange(-1, 1.01, 0.1)  # by which a side may be higher than the other
ALIGNED = 0.2  # by which the middles of lines of one row may differ then
ALIGNED_SHARE = 0.6  # of the lines of a table have a neighbour in their row
FAR_BELOW = 2.0  # a gap after which what lies below both columns is no longer theirs: a footer

HEADLINE = 1.25  # times as high as usual; from here a line alone in its row divides the page, if it is
WIDE_STRIP = 6.0  # of paper over the whole width, which divides the page, too
WIDER_THAN_COLUMN = 1.15  # times as wide as usual, which the heading of a part within a column is not

# Rows
SAME_ROW = 0.5  # of the smaller height, which two boxes of a row share
LABEL_ROW = 0.3  # where one of them is a label
MIN_LABELS = 3  # left of a gutter that have what they name right of it: a form, no columns
NAMING_SHARE = 0.75  # of the labels left of it


def reference_order(quads: Floats) -> Indices:
    """Indices that sort quads (N, 4, 2) as PaddleOCR does: by the first corner's y, then x, rows straightened afterwards.

    Neighbours less than 10 px apart in y change places while the right one is further left (docs/reference_rules.md, Reading
    order).
    """
    corners = quads[:, 0]
    order = sorted(range(len(quads)), key=lambda i: (corners[i, 1], corners[i, 0]))
    for i in range(len(order) - 1):
        for j in range(i, -1, -1):
            a, b = corners[order[j]], corners[order[j + 1]]
            if abs(b[1] - a[1]) >= SAME_ROW_PX or b[0] >= a[0]:
                break
            order[j], order[j + 1] = order[j + 1], order[j]
    return np.array(order, np.int64)


def column_order(quads: Floats) -> Indices:
    """Indices that sort quads (N, 4, 2) column by column where the page has text columns, else row by row."""
    boxes = straight_boxes(quads, page_skew(quads))
    regions = read_regions(boxes, (boxes[:, 2] - boxes[:, 0]) / np.maximum(WORD * (boxes[:, 3] - boxes[:, 1]), 1))
    return np.array([i for region in regions for row in region for i in row], np.int64)


def read_regions(boxes: Floats, words: Floats, labels: Sequence[bool] = ()) -> list[list[list[int]]]:
    """Boxes (N, 4) as x0, y0, x1, y1 of a straight page, in the order of reading: regions of rows of indices.

    words: (N,) how many words each line has, or may have. labels: which of them name what stands right of them.
    A gutter is a rectangle without boxes that has running text on both sides, or lines that do not line up in rows.
    What lies above it is read first, then its left side, its right side, and what lies below. Tables, forms and
    receipts, whose cells line up without being running text, are read row by row, as one region.
    """
    if not len(boxes):
        return []
    # Detectors draw boxes wider than the ink; between narrow columns they touch.
    margin = np.minimum(0.15 * (boxes[:, 3] - boxes[:, 1]), 0.25 * (boxes[:, 2] - boxes[:, 0]))
    shrunk = boxes + np.stack([margin, 0 * margin, -margin, 0 * margin], axis=1)
    is_label = np.array(labels, bool) if len(labels) else np.zeros(len(boxes), bool)
    return list(_read(np.arange(len(boxes)), _Lines(shrunk, words, in_one_row(shrunk), is_label)))


def is_vertical(angles: Sequence[int], texts: Sequence[str]) -> bool:
    """Whether most of a page's characters stand in columns of Chinese or Japanese. angles: per line, 90 for a column."""
    wide = [sum(unicodedata.east_asian_width(c) in ("W", "F") for c in text) for text in texts]
    in_columns = sum(count for count, angle in zip(wide, angles, strict=True) if angle == 90)
    return in_columns > sum(map(len, texts)) / 2


def lying(quads: Floats) -> Floats:
    """Quads (N, 4, 2) of a page turned by 90 degrees counter-clockwise: columns from the right become rows from the top."""
    return np.stack([quads[..., 1], -quads[..., 0]], axis=-1)


def in_one_row(boxes: Floats) -> NDArray[np.bool_]:
    """Of boxes (N, 4), which two (N, N) share more than half of the smaller height; a box not with itself."""
    top, bottom = boxes[:, 1], boxes[:, 3]
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    out = np.asarray(shared > SAME_ROW * np.minimum((bottom - top)[:, None], bottom - top))
    np.fill_diagonal(out, False)
    return out


def rows(indices: Indices, boxes: Floats, labels: NDArray[np.bool_] | None = None) -> list[list[int]]:
    """Boxes (x0, y0, x1, y1) grouped to rows from top to bottom, each from left to right.

    A box joins a row when it overlaps the row's nearest box by more than half of the smaller height, or by less where one of
    the two is a label (N,): what is typed on a line stands higher than what is printed before it.
    """
    out: list[list[int]] = []
    for i in sorted(indices, key=lambda i: (boxes[i, 1] + boxes[i, 3], boxes[i, 0])):
        for row in out[-3:][::-1]:
            near = min(row, key=lambda j: max(boxes[i, 0] - boxes[j, 2], boxes[j, 0] - boxes[i, 2]))
            overlap = min(boxes[i, 3], boxes[near, 3]) - max(boxes[i, 1], boxes[near, 1])
            apart = boxes[i, 0] >= boxes[near, 2] - 2 or boxes[near, 0] >= boxes[i, 2] - 2
            least = LABEL_ROW if labels is not None and labels[i] != labels[near] else SAME_ROW
            if apart and overlap > least * min(boxes[i, 3] - boxes[i, 1], boxes[near, 3] - boxes[near, 1]):
                row.append(int(i))
                break
        else:
            out.append([int(i)])
    return [sorted(row, key=lambda i: boxes[i, 0]) for row in out]


@dataclass(frozen=True, eq=False)
class _Lines:
    """All lines of a page: boxes (N, 4), how many words each has (N,), which stand in one row (N, N), which are labels (N,)."""

    boxes: Floats
    words: Floats
    beside: NDArray[np.bool_]
    labels: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Gutter:
    """What it parts, as indices: the sides are beside it, the others above and below."""

    above: Indices
    left: Indices
    right: Indices
    below: Indices


def _read(indices: Indices, lines: _Lines) -> Iterator[list[list[int]]]:
    """The regions of some lines in the order of reading."""
    bands = _bands(indices, lines)
    for band in bands:
        gutter = _best_gutter(band, lines) if len(band) >= MIN_COLUMN_BOXES else None
        if gutter is not None:
            for part in (gutter.above, gutter.left, gutter.right, gutter.below):
                yield from _read(part, lines)
        elif len(band):
            yield rows(band, lines.boxes, lines.labels)


def _bands(indices: Indices, lines: _Lines) -> list[Indices]:
    """Boxes divided above each headline (of one line or more), which has the whole width to itself, if it fills it or not."""
    if len(indices) < MIN_COLUMN_BOXES:
        return [indices]
    boxes = lines.boxes
    size = boxes[indices, 2:] - boxes[indices, :2]
    width, height = np.median(size, axis=0)
    alone = ~lines.beside[np.ix_(indices, indices)].any(axis=1)
    by_y = np.argsort(boxes[indices, 1] + boxes[indices, 3], kind="stable")
    is_head = (alone & (size[:, 1] > HEADLINE * height) & (size[:, 0] > WIDER_THAN_COLUMN * width))[by_y]
    starts = np.flatnonzero(is_head[1:] & ~is_head[:-1]) + 1
    # What stands below a wide strip of paper has nothing to do with what is above.
    by_top = np.argsort(boxes[indices, 1], kind="stable")
    reached = np.maximum.accumulate(boxes[indices, 3][by_top])
    gaps = boxes[indices, 1][by_top][1:] - reached[:-1]
    ends = reached[:-1][gaps > WIDE_STRIP * height]
    starts = np.unique(np.concatenate([starts, np.searchsorted((boxes[indices, 1] + boxes[indices, 3])[by_y] / 2, ends)]))
    return np.split(indices[by_y], starts)


def _best_gutter(indices: Indices, lines: _Lines) -> _Gutter | None:
    """The gutter that parts some boxes best into columns: one with many lines on both sides, and wide; None without any."""
    boxes = lines.boxes
    height = _median(boxes[indices, 3] - boxes[indices, 1])
    best, best_key = None, (0.0, 0)
    for place, most, left, right, ends in _parted(indices, boxes, height):
        if most < best_key[0]:
            break
        if not _are_beside(boxes[left], boxes[right], height):
            continue
        (first_left, near_left), (first_right, near_right) = _next_to(left, lines, -1), _next_to(right, lines, 1)
        room = float(boxes[near_right, 0].min() - boxes[near_left, 2].max()) / height
        counts = sorted((len(near_left), len(near_right)))
        cut = int(np.count_nonzero(lines.beside[ends[:, None], indices]))
        key = (_worth(counts[0], counts[1], room, cut), -place)  # of gutters that are as good, the first from the left
        if room < MIN_ROOM or key <= best_key or counts[0] < MIN_COLUMN_LINES:
            continue
        running = _is_running(near_left, lines, height) and _is_running(near_right, lines, height)
        beside = running or not _in_rows(boxes[first_left], boxes[first_right], height)
        if beside and not _are_labelled(near_left, near_right, lines):
            best, best_key = (left, right), key
    return None if best is None else _without_footers(indices, *best, boxes, height)


def _worth(few: int, many: int, room: float, cut: int) -> float:
    """What a gutter is worth: lines of its sides, its width in heights of a line, lines beside what ends it."""
    return (few + OTHER_SIDE * many) * (1 + FOR_ROOM * min(room, ENOUGH_ROOM)) / (1 + FOR_CUT * cut)


def _parted(indices: Indices, boxes: Floats, height: float) -> Iterator[tuple[int, float, Indices, Indices, Indices]]:
    """What lies left and right of the upright rectangles between boxes, as high as they can be, and what ends them.

    With the number of each from the left, and the most it may be worth: those that may be worth most come first.
    """
    # Which boxes, from the top, lie across each place, or left of it; places with the same boxes are one.
    own = boxes[indices]
    by_y = np.argsort((own[:, 1] + own[:, 3]) / 2, kind="stable")
    grid = np.arange(own[:, 0].min(), own[:, 2].max(), GRID * height)[1:]
    to_left = own[by_y, 2, None] <= grid  # (boxes, places)
    crossing = (own[by_y, 0, None] < grid) & ~to_left
    differs = (crossing[:, 1:] != crossing[:, :-1]) | (to_left[:, 1:] != to_left[:, :-1])
    used = np.flatnonzero(np.concatenate([[True], differs.any(axis=0)])) if len(grid) else np.zeros(0, np.int64)
    to_left, crossing = to_left[:, used], crossing[:, used]
    # The rectangles: from the box across that ends one to the next, with boxes enough on both sides.
    edge = np.ones((1, len(used)), np.bool_)
    places, rows = np.nonzero(np.concatenate([edge, crossing, edge]).T)
    whole = np.flatnonzero(places[1:] == places[:-1])
    place, start, end = places[whole], rows[whole], rows[whole + 1] - 1  # of boxes by height
    before = np.concatenate([np.zeros((1, len(used)), np.int64), np.cumsum(to_left, axis=0)])
    count = before[end, place] - before[start, place]
    few = np.minimum(count, end - start - count)
    most = [_worth(int(a), int(b), ENOUGH_ROOM, 0) for a, b in zip(few, end - start - few, strict=True)]
    enough = np.flatnonzero(few >= MIN_COLUMN_LINES)
    seen: set[bytes] = set()
    for at in sorted(enough.tolist(), key=lambda at: -most[at]):
        is_left = to_left[start[at] : end[at], place[at]]
        key = start[at].tobytes() + is_left.tobytes()
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > MAX_GUTTERS:
            return
        part = by_y[start[at] : end[at]]
        bounds = [i for i in (start[at] - 1, end[at]) if 0 <= i < len(own)]
        yield at, most[at], indices[part[is_left]], indices[part[~is_left]], indices[by_y[bounds]]


def _median(values: Floats) -> float:
    """The same as `np.median`, which takes long for few values."""
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def _next_to(side: Indices, lines: _Lines, sign: int) -> tuple[Indices, Indices]:
    """The lines of a side that are the nearest to the gutter in their rows, and those of them that stand at it.

    sign: 1 for what lies right of the gutter, -1 left. The others stand behind a picture, or in rows of other columns.
    """
    boxes = lines.boxes
    start, end = (boxes[side, 0], boxes[side, 2]) if sign > 0 else (-boxes[side, 2], -boxes[side, 0])
    first = ~(lines.beside[side[:, None], side] & (start < start[:, None])).any(axis=1)
    height = _median(boxes[side, 3] - boxes[side, 1])
    at_edge = first & (start <= start.min() + MAX_INDENT * height)
    return side[first], side[first & (start < _median(end[at_edge]))]


def _are_beside(left: Floats, right: Floats, height: float) -> bool:
    """Whether two sides share more of the page's height than some rows."""
    shared = min(left[:, 3].max(), right[:, 3].max()) - max(left[:, 1].min(), right[:, 1].min())
    return bool(shared > MIN_BESIDE * height)


def _are_labelled(left: Indices, right: Indices, lines: _Lines) -> bool:
    """Whether labels left of a gutter name what is right of it: most of them have a line there in their row that is none."""
    own, others = left[lines.labels[left]], right[~lines.labels[right]]
    if len(own) < MIN_LABELS:
        return False
    top, bottom = lines.boxes[:, 1], lines.boxes[:, 3]
    shared = np.minimum(bottom[own, None], bottom[others]) - np.maximum(top[own, None], top[others])
    height = np.minimum((bottom - top)[own, None], (bottom - top)[others])
    naming = int((shared > LABEL_ROW * height).any(axis=1).sum())
    return naming >= max(MIN_LABELS, NAMING_SHARE * len(own))


def _is_running(column: Indices, lines: _Lines, height: float) -> bool:
    """Whether lines look like running text: most of it in lines of several words that fill their column's width."""
    boxes = lines.boxes[column]
    width = boxes[:, 2] - boxes[:, 0]
    total = float(np.quantile(boxes[:, 2], 1 - OVERLONG) - boxes[:, 0].min())
    full = width > FULL_LINE * total
    if total <= MIN_COLUMN_WIDTH * height or full.sum() < MIN_COLUMN_LINES:
        return False
    return bool(width[full].sum() > FULL_SHARE * width.sum() and lines.words[column][full].mean() >= MIN_WORDS)


def _in_rows(left: Floats, right: Floats, height: float) -> bool:
    """Whether lines left and right of a gutter belong together as rows do: most at one height, or all shifted by as much.

    The page may be bent or seen askew, so any one shift up to a line's height will do.
    """
    few, many = sorted(((boxes[:, 1] + boxes[:, 3]) / 2 for boxes in (left, right)), key=len)
    if len(few) < MIN_UNALIGNED_LINES:
        return True
    apart = few[:, None] - many[None, :]
    near = (np.abs(apart[None] - SHIFTS[:, None, None] * height) < ALIGNED * height).any(axis=2)
    return bool(near.mean(axis=1).max() > ALIGNED_SHARE)


def _without_footers(indices: Indices, left: Indices, right: Indices, boxes: Floats, height: float) -> _Gutter:
    """The gutter's sides; what stands far below one of them and below all of the other goes below both."""
    sides, low = [], []
    for side, other in ((left, right), (right, left)):
        side = side[np.argsort(boxes[side, 1], kind="stable")]
        reached = np.maximum.accumulate(boxes[side, 3])
        far = (boxes[side, 1][1:] - reached[:-1] > FAR_BELOW * height) & (boxes[side, 1][1:] > boxes[other, 3].max())
        end = int(np.flatnonzero(far)[0]) + 1 if far.any() else len(side)
        sides.append(side[:end])
        low.append(side[end:])
    used = np.concatenate([left, right])
    middle = boxes[:, 1] + boxes[:, 3]
    rest = np.setdiff1d(indices, used)
    is_above = middle[rest] < middle[used].mean()
    return _Gutter(rest[is_above], sides[0], sides[1], np.concatenate([rest[~is_above], *low]))


def paragraphs(quads: Floats) -> NDArray[np.int64]:
    """The paragraph (0, 1, ...) of each of quads (N, 4, 2) that are already in reading order.

    A new paragraph begins where the next line is further below than 0.8 of a line height, stands elsewhere, or has
    letters of another size.
    """
    number = np.zeros(len(quads), np.int64)
    if not len(quads):
        return number
    low, high = quads.min(axis=1), quads.max(axis=1)
    height = np.maximum(high[:, 1] - low[:, 1], 1)
    for i in range(1, len(quads)):
        smaller = min(height[i], height[i - 1])
        gap = low[i, 1] - high[i - 1, 1]
        beside = min(high[i, 1], high[i - 1, 1]) - max(low[i, 1], low[i - 1, 1]) > 0.5 * smaller
        over = min(high[i, 0], high[i - 1, 0]) > max(low[i, 0], low[i - 1, 0])
        same_size = max(height[i], height[i - 1]) < 1.6 * smaller
        together = beside or (over and same_size and -smaller < gap < 0.8 * smaller)
        number[i] = number[i - 1] + (not together)
    return number
