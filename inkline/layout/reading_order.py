"""The order in which boxes are read."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats

SAME_ROW_PX = 10  # the reference takes corners closer than this in y for one row
MIN_COLUMN_BOXES = 6  # fewer boxes have no columns


def reference_order(quads: Floats) -> NDArray[np.int64]:
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


def column_order(quads: Floats) -> NDArray[np.int64]:
    """Indices that sort quads (N, 4, 2) column by column where the page has text columns, else row by row.

    A gutter is a vertical strip that few boxes cross and that has running text on both sides, or lines that do not line
    up in rows; boxes across it (titles, footers) divide the page into bands, read one after the other. Tables, forms and
    receipts, whose cells line up without being running text, are read row by row.
    """
    if not len(quads):
        return np.zeros(0, np.int64)
    low, high = quads.min(axis=1), quads.max(axis=1)
    # Detectors draw boxes wider than the ink; between narrow columns they touch.
    margin = np.minimum(0.15 * (high[:, 1] - low[:, 1]), 0.25 * (high[:, 0] - low[:, 0]))
    boxes = np.stack([low[:, 0] + margin, low[:, 1], high[:, 0] - margin, high[:, 1]], axis=1)
    return np.array(_read(np.arange(len(quads)), boxes), np.int64)


def is_vertical(angles: Sequence[int], texts: Sequence[str]) -> bool:
    """Whether most of a page's characters stand in columns of Chinese or Japanese. angles: per line, 90 for a column."""
    wide = [sum(unicodedata.east_asian_width(c) in ("W", "F") for c in text) for text in texts]
    in_columns = sum(count for count, angle in zip(wide, angles, strict=True) if angle == 90)
    return in_columns > sum(map(len, texts)) / 2


def lying(quads: Floats) -> Floats:
    """Quads (N, 4, 2) of a page turned by 90 degrees counter-clockwise: columns from the right become rows from the top."""
    return np.stack([quads[..., 1], -quads[..., 0]], axis=-1)


def _read(indices: NDArray[np.int64], boxes: Floats) -> list[int]:
    """The reading order of some boxes (x0, y0, x1, y1): by rows, or left and right of a gutter, each side in turn."""
    gutter = _gutter(boxes[indices])
    if gutter is None:
        return [int(i) for row in rows(indices, boxes) for i in row]
    # Boxes across the gutter divide the page into bands; in each the left side is read before the right one.
    x0, x1 = boxes[indices, 0], boxes[indices, 2]
    left, right = indices[x1 <= gutter], indices[x0 >= gutter]
    across = indices[(x0 < gutter) & (x1 > gutter)]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    order: list[int] = []
    above = -np.inf
    for row in [*rows(across, boxes), None]:
        below = np.inf if row is None else float(middle[row].mean())
        for side in (left, right):
            part = side[(middle[side] > above) & (middle[side] <= below)]
            if len(part):
                order += _read(part, boxes)
        order += row or []
        above = below
    return order


def _gutter(boxes: Floats, depth: int = 3) -> float | None:
    """The x of the strip that best parts boxes (N, 4) into columns, or None; each side may hold `depth` columns more."""
    if len(boxes) < MIN_COLUMN_BOXES:
        return None
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    best, best_score = None, 0.0
    for gutter, room in _strips(boxes, 0.3 * height):
        left, right = boxes[boxes[:, 2] <= gutter], boxes[boxes[:, 0] >= gutter]
        across = len(boxes) - len(left) - len(right)
        # The best strip has many boxes on both sides, few across it, and is wide.
        score = (min(len(left), len(right)) - across) * min(room / height, 2)
        if score <= best_score or across > 0.35 * len(boxes):
            continue
        # Its sides lie beside each other, and are running text or do not line up as the cells of a table do.
        shared = min(left[:, 3].max(), right[:, 3].max()) - max(left[:, 1].min(), right[:, 1].min())
        if shared > 3 * height and (
            (_running(left, height, depth) and _running(right, height, depth)) or not _in_rows(left, right, height)
        ):
            best, best_score = gutter, float(score)
    return best


def _strips(boxes: Floats, least: float) -> list[tuple[float, float]]:
    """Middle and width of the vertical strips, `least` wide or more, that fewer boxes cross than either side of them."""
    edges = np.unique(boxes[:, [0, 2]])
    middles = (edges[1:] + edges[:-1]) / 2
    crossing = ((boxes[:, None, 0] < middles) & (boxes[:, None, 2] > middles)).sum(axis=0)
    around = np.concatenate([[np.inf], crossing, [np.inf]])
    low = (crossing < around[:-2]) & (crossing < around[2:]) & (np.diff(edges) >= least)
    return [(float(x), float(w)) for x, w in zip(middles[low], np.diff(edges)[low], strict=True)]


def _running(boxes: Floats, height: float, depth: int) -> bool:
    """Whether boxes look like running text: most of it in lines that fill their column's width, or such columns."""
    if len(boxes) < 3:
        return False
    column = boxes[:, 2].max() - boxes[:, 0].min()
    width = boxes[:, 2] - boxes[:, 0]
    full = width > 0.6 * column
    if column > 8 * height and full.sum() >= 3 and width[full].sum() > 0.6 * width.sum():
        return True
    return depth > 0 and _gutter(boxes, depth - 1) is not None


def _in_rows(left: Floats, right: Floats, height: float) -> bool:
    """Whether lines left and right of a strip belong together as rows do: most at one height, or all shifted by as much.

    The page may lie a little askew, so any one shift up to a line's height will do.
    """
    few, many = sorted(((boxes[:, 1] + boxes[:, 3]) / 2 for boxes in (left, right)), key=len)
    if len(few) < 5:
        return True
    apart = few[:, None] - many[None, :]
    shifts = np.arange(-1, 1.01, 0.1) * height
    near = (np.abs(apart[None] - shifts[:, None, None]) < 0.2 * height).any(axis=2)
    return bool(near.mean(axis=1).max() > 0.6)


def rows(indices: NDArray[np.int64], boxes: Floats) -> list[list[int]]:
    """Boxes (x0, y0, x1, y1) grouped to rows from top to bottom, each from left to right.

    A box joins a row when it overlaps the row's nearest box by more than half of the smaller height.
    """
    out: list[list[int]] = []
    for i in sorted(indices, key=lambda i: (boxes[i, 1] + boxes[i, 3], boxes[i, 0])):
        for row in out[-3:][::-1]:
            near = min(row, key=lambda j: max(boxes[i, 0] - boxes[j, 2], boxes[j, 0] - boxes[i, 2]))
            overlap = min(boxes[i, 3], boxes[near, 3]) - max(boxes[i, 1], boxes[near, 1])
            apart = boxes[i, 0] >= boxes[near, 2] - 2 or boxes[near, 0] >= boxes[i, 2] - 2
            if apart and overlap > 0.5 * min(boxes[i, 3] - boxes[i, 1], boxes[near, 3] - boxes[near, 1]):
                row.append(int(i))
                break
        else:
            out.append([int(i)])
    return [sorted(row, key=lambda i: boxes[i, 0]) for row in out]


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
