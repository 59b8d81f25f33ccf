"""Several looks at one page: at which size, in which tiles, and how their boxes become one list."""

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from inkline.options import DetectOptions
from inkline.runtime.tensors import MAX_NET_PIXELS, net_size
from inkline.types import Detections, Floats

OVERLAP = 256  # px: what two neighbouring tiles share; each gives up half of it, where it sees too little around
GOOD_HEIGHT = 20  # px: the box height that a closer look aims at
CELL = 32  # px of a net input: the grain of windows
TRACE = 0.005  # from this probability a small look's pixel is worth another look
MARGIN = 2  # cells around such a pixel that are looked at with it
CALL = 4  # cells: what one more call of the net costs
LEAST_SCALE = 0.25  # of an image in its smaller look
LEAST_GAIN = 0.3  # of the pixels of a look, what a smaller one before it may cost
LINE_PIXELS = 48 * 48  # what reading a square of a line costs, in pixels of a net


@dataclass(frozen=True)
class Tile:
    """A window of a net input and the part of it that counts: each (y0, y1, x0, x1) in pixels of the whole input."""

    window: tuple[int, int, int, int]
    kept: tuple[int, int, int, int]


def tiles(height: int, width: int, side: int) -> list[Tile]:
    """Windows of at most `side` x `side` that cover an input, all of one size; what they keep covers it once."""
    return [
        Tile((*y, *x), (*keep_y, *keep_x)) for y, keep_y in _spans(height, side) for x, keep_x in _spans(width, side)
    ]


def windows(seen: Floats, size: tuple[int, int], side: int, least: float = TRACE) -> list[Tile]:
    """Windows of a net input of `size` (height, width) around all that a smaller look holds for text, however doubtful.

    seen: that look's probabilities (h, w), of which those above `least` count. What lies near joins one window where that
    costs little; a window of more than `side` (0: no limit) is cut into tiles. Nothing is kept twice; where nothing was
    seen, there are no windows.
    """
    height, width = (length // CELL for length in size)
    rows, columns = np.nonzero(seen > least)
    active = np.zeros((height, width), np.uint8)
    active[rows * height // seen.shape[0], columns * width // seen.shape[1]] = 1
    active = np.asarray(cv2.dilate(active, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)), np.uint8)
    stats = cv2.connectedComponentsWithStats(active)[2][1:, :4].tolist()
    found = []
    for y0, y1, x0, x1 in _joined([(y, y + h, x, x + w) for x, y, w, h in stats]):
        top, left = y0 * CELL, x0 * CELL
        for tile in tiles((y1 - y0) * CELL, (x1 - x0) * CELL, side or max(size)):
            (a, b, c, d), (e, f, g, h) = tile.window, tile.kept
            found.append(Tile((a + top, b + top, c + left, d + left), (e + top, f + top, g + left, h + left)))
    return found


def glances(
    height: int, small: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[tuple[int, int], float, float], ...]:
    """The looks at an image of `height` before one at `size`, each (net size, probability, share).

    It pays to go on where what is at least that probable takes no more than that share of the page. The first, a
    sixteenth of the pixels, tells signs and photos from written pages; what the second, at `small`, shows are the windows.
    None where `small` would see too little (letters of 12 px in the image at less than 3) or saves nothing.
    """
    if small[0] < LEAST_SCALE * height or small[0] * small[1] > LEAST_GAIN * size[0] * size[1]:
        return ()
    return (net_size(small[0] / 2, small[1] / 2), 0.2, 0.5), (small, TRACE, 0.7)


def share(seen: Floats, size: tuple[int, int], least: float = TRACE) -> float:
    """The share of a net input of `size` that `windows` of it covers."""
    return sum(_area(tile.window) for tile in windows(seen, size, 0, least)) / (size[0] * size[1])


def _joined(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Boxes (y0, y1, x0, x1) of which those are put together that overlap or that cost little more as one."""
    found: list[tuple[int, int, int, int]] = []
    for box in boxes:
        while other := next((b for b in found if _belong_together(box, b)), None):
            found.remove(other)
            box = _around(box, other)
        found.append(box)
    return found


def _belong_together(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    overlap = a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    return overlap or _area(_around(a, b)) <= _area(a) + _area(b) + CALL


def _around(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[1] - box[0]) * (box[3] - box[2])


def _spans(length: int, side: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(window, kept part) along one axis: evenly spread, neighbours share OVERLAP or more."""
    if length <= side:
        return [((0, length), (0, length))]
    count = math.ceil((length - OVERLAP) / (side - OVERLAP))
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    borders = [0, *((a + side + b) // 2 for a, b in pairwise(starts)), length]
    return [((s, s + side), (borders[i], borders[i + 1])) for i, s in enumerate(starts)]


def closer_size(
    found: Detections, height: int, width: int, size: tuple[int, int], options: DetectOptions
) -> tuple[int, int]:
    """The net size for another look at an image of height x width after one at `size`; `size` itself if that will do.

    Where half of the boxes are lower than `small_text` in the net's pixels, letters are lost; the page is enlarged so
    that they become GOOD_HEIGHT, though never by more than `max_enlarge` over its own pixels. A page shrunk to less than
    a quarter that shows nothing is seen at four times the size: its text may have vanished.
    """
    scale = max(size) / max(height, width)
    if len(found) >= 3:
        median = float(np.median(heights(found.quads))) * scale
        wanted = scale * GOOD_HEIGHT / max(median, 1) if median < options.small_text else scale
    else:
        wanted = 4 * scale if not len(found) and scale < 0.25 and options.small_text > 0 else scale
    wanted = min(wanted, max(options.max_enlarge, 1), math.sqrt(MAX_NET_PIXELS / (height * width)))
    return net_size(height * wanted, width * wanted) if wanted > 1.2 * scale else size


def heights(quads: Floats) -> Floats:
    """The shorter side of each of quads (N, 4, 2): (N,)."""
    edges = np.linalg.norm(quads[:, 1:3] - quads[:, :2], axis=2)
    return np.asarray(edges.min(axis=1), np.float32)


def is_sparse(found: Detections, size: tuple[int, int]) -> bool:
    """Whether reading the boxes costs less than a quarter of a look at `size`: time for another look."""
    edges = np.linalg.norm(found.quads[:, 1:3] - found.quads[:, :2], axis=2)
    squares = float((edges.max(axis=1) / np.maximum(edges.min(axis=1), 1)).sum())
    return squares * LINE_PIXELS < 0.25 * size[0] * size[1]


def merge_looks(first: Detections, second: Detections) -> Detections:
    """All boxes of the first look, and from the second what the first did not see.

    A box of the second is taken where the first's cover less than 0.3 of it, and in the place of pieces that lie within
    it and cover less than 0.6 of it: a line of large letters that fell apart.
    """
    quads, area = [*first.quads, *second.quads], [float(cv2.contourArea(q)) for q in (*first.quads, *second.quads)]
    kept = list(range(len(first)))
    for at in range(len(first), len(quads)):
        shared = {i: s for i in kept if (s := _shared(quads[i], quads[at]))}
        covered = sum(shared.values()) / max(area[at], 1)
        inside = [i for i, s in shared.items() if s > 0.7 * area[i]]
        beside = [i for i, s in shared.items() if s > 0.1 * area[at] and i not in inside]
        if covered < 0.3 and not any(s > 0.5 * area[i] for i, s in shared.items()):
            kept.append(at)
        elif inside and not beside and covered < 0.6:
            kept = [i for i in kept if i not in inside] + [at]
    polygons = None
    if first.polygons is not None and second.polygons is not None:
        polygons = (*first.polygons, *second.polygons)
    return Detections(
        np.concatenate([first.quads, second.quads]), np.concatenate([first.scores, second.scores]), polygons
    )[kept]


def _shared(a: Floats, b: Floats) -> float:
    """Area that two quads share; 0 when their bounds do not touch."""
    if (a.max(axis=0) <= b.min(axis=0)).any() or (b.max(axis=0) <= a.min(axis=0)).any():
        return 0.0
    return float(cv2.intersectConvexConvex(a, b)[0])
