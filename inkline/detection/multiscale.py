"""Multi-scale detection: the net's input size, tiles, the coarse pass before the full one, and how passes are merged.

A page is normally seen in one pass at the size of `detect_size`. A coarse pass before it may show that most of the page is
empty; then the full pass sees only windows around what the coarse one found. A finer pass follows where the text is small.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from inkline.layout.geometry import shared_area
from inkline.options import DetectOptions
from inkline.types import Detections, Floats, Image

STRIDE_PX = 32  # both sides of a net input are multiples of this; also the grain of windows (a cell)
MAX_NET_PX = 32_000_000  # of one pass in tiles, all together: its map takes 128 MB
MAX_STRIP_RATIO = 3  # a longer strip counts as this many times as long as wide, so that its width stays legible
TILE_OVERLAP_PX = 256  # shared by two neighbouring tiles; each gives up half of it, where it sees too little around

FINE_BOX_HEIGHT_PX = 20  # the box height that a finer pass aims at
MIN_FINER_GAIN = 1.2  # a finer pass enlarges the page by more than this factor, or it is not made
VANISHED_SCALE = 0.25  # a page shrunk below this that shows nothing may have lost its text

MIN_TEXT_PROBABILITY = 0.005  # from here a pixel of a coarse pass is worth another pass
MARGIN_CELLS = 2  # cells around such a pixel that are seen with it
EXTRA_CALL_CELLS = 4  # cells: what one more call of the net costs
MIN_COARSE_SCALE = 0.25  # of the image, in a coarse pass: below it letters of 12 px would be lower than 3
MAX_COARSE_COST = 0.3  # of the pixels of the full pass, what the coarse one may cost

MIN_FIRST_LOOK_PROBABILITY = 0.2  # the same for the first coarse pass, which only tells signs and photos from written pages
MAX_FIRST_LOOK_SHARE = 0.5  # of the page: where windows after the first coarse pass cover more, the full pass sees it all
MAX_WINDOWS_SHARE = 0.7  # the same after the second coarse pass

MAX_NEW_COVERED = 0.3  # a box of another pass is new when boxes at hand cover less than this share of it
MAX_OLD_COVERED = 0.5  # and when it covers no more than this share of any of them
PIECE_INSIDE = 0.7  # a box is a piece of a longer line when more than this share of it lies within
MAX_PIECES_COVER = 0.6  # pieces that cover less than this share of a line give way to it
OTHER_LINE_COVER = 0.1  # a box that is no piece and covers more than this share of the line is another line

LINE_SQUARE_PX = 48 * 48  # what reading a square of a line costs, in pixels of a net
SPARSE_COST = 0.25  # a page whose lines cost less than this share of a pass to read has time for another pass

Box = tuple[int, int, int, int]  # y0, y1, x0, x1


def detect_size(height: int, width: int, options: DetectOptions) -> tuple[int, int]:
    """Height and width of the detector's input for an image, both multiples of 32.

    The rules of PaddleOCR 3.x (docs/reference_rules.md, Detection input size): `max` shrinks to the limit, `min` enlarges
    to it, `resize_long` does both, never beyond `max_enlarge` (a limit of ours); then `max_side_limit` holds.
    `resize_long` with tiles (ours) takes the longer side for three times the shorter at most and ends at MAX_NET_PX.
    """
    if options.input_shape is not None:
        return options.input_shape[1], options.input_shape[2]
    long, short, limit = max(height, width), min(height, width), options.limit_side_len
    is_strip = options.limit_type == "resize_long" and options.tile_side > 0 and long > MAX_STRIP_RATIO * short
    if is_strip:
        long = MAX_STRIP_RATIO * short
    ratio = min(_limit_ratio(long, short, limit, options.limit_type), options.max_enlarge)
    if is_strip:
        ratio = min(ratio, math.sqrt(MAX_NET_PX / (height * width)))
        return round_to_stride(height * ratio, width * ratio)
    height, width = int(height * ratio), int(width * ratio)
    if max(height, width) > options.max_side_limit:
        long = max(height, width)
        height, width = (int(side * options.max_side_limit / long) for side in (height, width))
    return round_to_stride(height, width)


def _limit_ratio(long: int, short: int, limit: int, limit_type: str) -> float:
    """The factor that brings an image with these sides to its limit."""
    if limit_type == "resize_long" or (limit_type == "max" and long > limit):
        return limit / long
    if limit_type == "min" and short < limit:
        return limit / short
    return 1.0


def round_to_stride(height: float, width: float) -> tuple[int, int]:
    """Each side at the nearest multiple of 32, halves at the even one, 32 at least."""
    rows, columns = (max(1, round(side / STRIDE_PX)) for side in (height, width))
    return rows * STRIDE_PX, columns * STRIDE_PX


def pad_tiny(image: Image) -> Image:
    """An image whose sides sum to less than 64 px gets black at the right and bottom, to 32 x 32 at least.

    Source: PaddleOCR 3.x (docs/reference_rules.md, Detection input size).
    """
    h, w = image.shape[:2]
    if h + w >= 2 * STRIDE_PX:
        return image
    bottom, right = max(STRIDE_PX - h, 0), max(STRIDE_PX - w, 0)
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT), np.uint8)


@dataclass(frozen=True)
class Tile:
    """A window of a net input and the part of it that counts: each (y0, y1, x0, x1) in pixels of the whole input."""

    window: Box
    kept: Box


def tiles(height: int, width: int, side: int) -> list[Tile]:
    """Windows of at most `side` x `side` that cover an input, all of one size; what they keep covers it once."""
    rows, columns = _spans(height, side), _spans(width, side)
    return [Tile((*y, *x), (*keep_y, *keep_x)) for y, keep_y in rows for x, keep_x in columns]


def _spans(length: int, side: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(window, kept part) along one axis: evenly spread, neighbours share TILE_OVERLAP_PX or more."""
    if length <= side:
        return [((0, length), (0, length))]
    count = math.ceil((length - TILE_OVERLAP_PX) / (side - TILE_OVERLAP_PX))
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    borders = [0, *((a + side + b) // 2 for a, b in pairwise(starts)), length]
    return [((s, s + side), (borders[i], borders[i + 1])) for i, s in enumerate(starts)]


@dataclass(frozen=True)
class CoarsePass:
    """A pass at the net size `size` (height, width) before the full one.

    It pays to continue where the pixels above `min_probability` need windows over at most `max_share` of the page.
    """

    size: tuple[int, int]
    min_probability: float
    max_share: float


def coarse_passes(height: int, coarse: tuple[int, int], full: tuple[int, int]) -> tuple[CoarsePass, ...]:
    """The passes over an image of `height` before one at the size `full`.

    The first, with a quarter of the pixels of `coarse`, tells signs and photos from written pages; the second, at `coarse`,
    gives the windows. None where `coarse` would see too little or saves nothing.
    """
    too_small = coarse[0] < MIN_COARSE_SCALE * height
    if too_small or coarse[0] * coarse[1] > MAX_COARSE_COST * full[0] * full[1]:
        return ()
    half = round_to_stride(coarse[0] / 2, coarse[1] / 2)
    return (
        CoarsePass(half, MIN_FIRST_LOOK_PROBABILITY, MAX_FIRST_LOOK_SHARE),
        CoarsePass(coarse, MIN_TEXT_PROBABILITY, MAX_WINDOWS_SHARE),
    )


def text_windows(probability: Floats, size: tuple[int, int], side: int, least: float = MIN_TEXT_PROBABILITY) -> list[Tile]:
    """Windows of a net input of `size` (height, width) around all that a coarse pass takes for text, however doubtful.

    probability: that pass's map (h, w), of which pixels above `least` count. What lies near joins one window where that
    costs little; a window of more than `side` (0: no limit) is cut into tiles. Nothing is kept twice; where nothing was
    found, there are no windows.
    """
    # Mark the cells that hold text, and those around them.
    height, width = (length // STRIDE_PX for length in size)
    rows, columns = np.nonzero(probability > least)
    active = np.zeros((height, width), np.uint8)
    active[rows * height // probability.shape[0], columns * width // probability.shape[1]] = 1
    kernel = np.ones((2 * MARGIN_CELLS + 1, 2 * MARGIN_CELLS + 1), np.uint8)
    active = np.asarray(cv2.dilate(active, kernel), np.uint8)
    # Connected cells are a window; windows that cost little more as one are joined.
    stats = cv2.connectedComponentsWithStats(active)[2][1:, :4].tolist()
    found = []
    for cells in _join_near([(y, y + h, x, x + w) for x, y, w, h in stats]):
        top, bottom, left, right = (STRIDE_PX * at for at in cells)
        for tile in tiles(bottom - top, right - left, side or max(size)):
            found.append(Tile(_moved(tile.window, top, left), _moved(tile.kept, top, left)))
    return found


def windows_share(probability: Floats, size: tuple[int, int], least: float = MIN_TEXT_PROBABILITY) -> float:
    """The share of a net input of `size` that `text_windows` of it cover."""
    return sum(_area(tile.window) for tile in text_windows(probability, size, 0, least)) / (size[0] * size[1])


def _join_near(boxes: list[Box]) -> list[Box]:
    """Boxes in cells, of which those are put together that overlap or that cost little more as one."""
    found: list[Box] = []
    for box in boxes:
        while other := next((b for b in found if _belong_together(box, b)), None):
            found.remove(other)
            box = _bounds(box, other)
        found.append(box)
    return found


def _belong_together(a: Box, b: Box) -> bool:
    overlap = a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    return overlap or _area(_bounds(a, b)) <= _area(a) + _area(b) + EXTRA_CALL_CELLS


def _bounds(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])


def _moved(box: Box, down: int, right: int) -> Box:
    return box[0] + down, box[1] + down, box[2] + right, box[3] + right


def _area(box: Box) -> int:
    return (box[1] - box[0]) * (box[3] - box[2])


def finer_size(found: Detections, height: int, width: int, size: tuple[int, int], options: DetectOptions) -> tuple[int, int]:
    """The net size for another pass over an image of height x width after one at `size`; `size` itself if that will do.

    Where half of the boxes are lower than `small_text` in the net's pixels, letters are lost; the page is enlarged so
    that they become FINE_BOX_HEIGHT_PX, though never by more than `max_enlarge` over its own pixels. A page shrunk to
    less than a quarter that shows nothing is seen at four times the size: its text may have vanished.
    """
    scale = max(size) / max(height, width)
    wanted = scale
    if len(found) >= 3:
        median_px = float(np.median(box_heights(found.quads))) * scale
        if median_px < options.small_text:
            wanted = scale * FINE_BOX_HEIGHT_PX / max(median_px, 1)
    elif not len(found) and scale < VANISHED_SCALE and options.small_text > 0:
        wanted = scale / VANISHED_SCALE
    wanted = min(wanted, max(options.max_enlarge, 1), math.sqrt(MAX_NET_PX / (height * width)))
    return round_to_stride(height * wanted, width * wanted) if wanted > MIN_FINER_GAIN * scale else size


def box_heights(quads: Floats) -> Floats:
    """The shorter side of each of quads (N, 4, 2): (N,) px."""
    edges = np.linalg.norm(quads[:, 1:3] - quads[:, :2], axis=2)
    return np.asarray(edges.min(axis=1), np.float32)


def has_little_text(found: Detections, size: tuple[int, int]) -> bool:
    """Whether reading the boxes costs less than a quarter of a pass at `size`: time for another pass."""
    edges = np.linalg.norm(found.quads[:, 1:3] - found.quads[:, :2], axis=2)
    squares = float((edges.max(axis=1) / np.maximum(edges.min(axis=1), 1)).sum())
    return squares * LINE_SQUARE_PX < SPARSE_COST * size[0] * size[1]


def merge_passes(preferred: Detections, other: Detections) -> Detections:
    """All boxes of the preferred pass, and from the other what the preferred one did not find.

    A box of the other is taken where those of the preferred cover less than MAX_NEW_COVERED of it, and in the place of
    pieces that lie within it and cover less than MAX_PIECES_COVER of it: a line of large letters that fell apart.
    """
    both = _concatenate(preferred, other)
    quads = both.quads
    area = np.array([cv2.contourArea(quad) for quad in quads])
    low, high = quads.min(axis=1), quads.max(axis=1)
    kept = list(range(len(preferred)))
    for new in range(len(preferred), len(quads)):
        # What the boxes kept so far share with the new one.
        shared = np.zeros(len(kept))
        for i in np.flatnonzero(((low[kept] <= high[new]) & (high[kept] >= low[new])).all(axis=1)):
            shared[i] = shared_area(quads[kept[i]], quads[new])
        covered = sum(shared) / max(area[new], 1)
        if covered < MAX_NEW_COVERED and not (shared > MAX_OLD_COVERED * area[kept]).any():
            kept.append(new)
            continue
        # A whole line takes the place of its pieces, unless it reaches into another line.
        is_piece = shared > PIECE_INSIDE * area[kept]
        reaches_others = ((shared > OTHER_LINE_COVER * area[new]) & ~is_piece).any()
        if is_piece.any() and not reaches_others and covered < MAX_PIECES_COVER:
            kept = [old for old, piece in zip(kept, is_piece, strict=True) if not piece] + [new]
    return both[kept]


def _concatenate(first: Detections, second: Detections) -> Detections:
    polygons = None
    if first.polygons is not None and second.polygons is not None:
        polygons = (*first.polygons, *second.polygons)
    scores = np.concatenate([first.scores, second.scores])
    return Detections(np.concatenate([first.quads, second.quads]), scores, polygons)
