"""Target maps of detectors, float32: DB (shrunk text, distance to the border), EAST (quads) and SAST (bands and offsets)."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyclipper


@dataclass(frozen=True)
class MapOptions:
    """The rules of the reference's MakeShrinkMap and MakeBorderMap.

    shrink_ratio     how much of a polygon is left, growing by 0.2 over the training when `growing`
    min_text_size    smaller regions (pixels, either side of the bounding box) are ignored
    thresh           lowest and highest value of the threshold map
    """

    shrink_ratio: float = 0.4
    min_text_size: float = 8
    thresh: tuple[float, float] = (0.3, 0.7)
    growing: bool = False

    def ratio(self, progress: float) -> float:
        """The shrink ratio at `progress` (0..1) of the training."""
        return self.shrink_ratio + 0.2 * progress if self.growing else self.shrink_ratio


def db_maps(
    shape: tuple[int, int],
    polygons: Sequence[np.ndarray],
    ignore: Sequence[bool],
    options: MapOptions,
    progress: float = 0.0,
) -> dict[str, np.ndarray]:
    """shrink_map, shrink_mask, thresh_map and thresh_mask, float32 `shape`; polygons are in pixels of that shape."""
    h, w = shape
    ratio = options.ratio(progress)
    shrink, care = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    border, band = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for polygon, skip in zip(polygons, ignore, strict=True):
        clipped = np.clip(polygon, 0, [w - 1, h - 1]).astype(np.float64)
        extent = clipped.max(axis=0) - clipped.min(axis=0)
        pieces = [] if skip or min(extent) < options.min_text_size else shrunk(clipped, ratio)
        if not pieces:
            cv2.fillPoly(care, [clipped.astype(np.int32)], 0)
            continue
        for piece in pieces:
            cv2.fillPoly(shrink, [piece.astype(np.int32)], 1)
        _draw_border(border, band, clipped, ratio)
    low, high = options.thresh
    return {"shrink_map": shrink, "shrink_mask": care, "thresh_map": border * (high - low) + low, "thresh_mask": band}


def offset_distance(polygon: np.ndarray, ratio: float) -> float:
    """How far the sides move when a polygon shrinks to `ratio`: area (1 - ratio^2) / perimeter (DB, equation 10)."""
    area = abs(float(cv2.contourArea(polygon.astype(np.float32))))
    perimeter = float(cv2.arcLength(polygon.astype(np.float32), True))
    return area * (1 - ratio**2) / perimeter if perimeter > 0 else 0.0


def offset(polygon: np.ndarray, distance: float) -> list[np.ndarray]:
    """Move the sides of a polygon outwards (inwards when negative) with round joins; the pieces that remain, float64 (P, 2)."""
    maker = pyclipper.PyclipperOffset()
    try:
        maker.AddPath(np.round(polygon).astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        return [np.array(piece, np.float64) for piece in maker.Execute(distance) if len(piece) >= 3]
    except pyclipper.ClipperException:  # a polygon without area after rounding
        return []


def shrunk(polygon: np.ndarray, ratio: float) -> list[np.ndarray]:
    """Shrink a polygon; where it falls apart, shrink it less (steps of `ratio`) until one piece is left, if that helps."""
    pieces: list[np.ndarray] = []
    for step in np.arange(ratio, 1, ratio):
        pieces = offset(polygon, -offset_distance(polygon, float(step)))
        if len(pieces) == 1:
            break
    return pieces


def _draw_border(border: np.ndarray, band: np.ndarray, polygon: np.ndarray, ratio: float) -> None:
    """Add 1 - distance to the outline / reach to `border`, and the dilated polygon to `band` (in place)."""
    distance = offset_distance(polygon, ratio)
    grown = offset(polygon, distance)
    if distance <= 0 or not grown:
        return
    outer = grown[0]
    cv2.fillPoly(band, [outer.astype(np.int32)], 1.0)
    h, w = border.shape
    (x0, y0), (x1, y1) = outer.min(axis=0).astype(int), outer.max(axis=0).astype(int)
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(w - 1, x1), min(h - 1, y1)
    if x0 > x1 or y0 > y1:
        return
    near = np.full((y1 - y0 + 1, x1 - x0 + 1), 1.0, np.float32)
    ys, xs = np.mgrid[y0 : y1 + 1, x0 : x1 + 1].astype(np.float32)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        near = np.minimum(near, segment_distance(xs, ys, start, end) / np.float32(distance))
    part = border[y0 : y1 + 1, x0 : x1 + 1]
    np.maximum(part, 1 - near, out=part)


def segment_distance(xs: np.ndarray, ys: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of points to a line segment, float32, in pixels."""
    dx, dy = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    length = dx * dx + dy * dy
    px, py = xs - np.float32(start[0]), ys - np.float32(start[1])
    along = np.clip((px * dx + py * dy) / length, 0, 1) if length > 0 else np.float32(0)
    return np.asarray(np.hypot(px - along * dx, py - along * dy))


CELL_PX = 4
EAST_SHRINK_RATIO = 0.3


def to_quad(polygon: np.ndarray) -> np.ndarray:
    """The quad of a region, float32 (4, 2): its four points, or the smallest rectangle, from near the first point on."""
    if len(polygon) == 4:
        return polygon.astype(np.float32)
    box = cv2.boxPoints(cv2.minAreaRect(polygon.astype(np.float32)))
    half = len(polygon) // 2
    ends = np.stack([polygon[0], polygon[half - 1], polygon[half], polygon[-1]])
    best = min(range(4), key=lambda k: float(np.linalg.norm(np.roll(box, -k, axis=0) - ends, axis=1).sum()))
    return np.roll(box, -best, axis=0).astype(np.float32)


def shrink_quad(quad: np.ndarray, ratio: float = EAST_SHRINK_RATIO) -> np.ndarray:
    """Move each corner along its sides by `ratio` of the shorter, the longer pair of sides first (EAST, 3.3.1)."""
    quad = quad.astype(np.float64)
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    reach = np.minimum(sides, np.roll(sides, 1))
    long_first = sides[0] + sides[2] > sides[1] + sides[3]
    pairs = [((0, 1), (3, 2)), ((0, 3), (1, 2))]
    for group in pairs if long_first else pairs[::-1]:
        for a, b in group:
            along = quad[b] - quad[a]
            unit = along / max(float(np.linalg.norm(along)), 1e-6)
            quad[a] += ratio * reach[a] * unit
            quad[b] -= ratio * reach[b] * unit
    return quad


def east_maps(
    shape: tuple[int, int], polygons: Sequence[np.ndarray], ignore: Sequence[bool], min_text_size: float = 10
) -> dict[str, np.ndarray]:
    """Return score (1, h, w), geo (9, h, w) and mask (1, h, w), float32, h and w a quarter of `shape` (page pixels).

    geo holds cell minus corner, in pixels of the page, and 1 / (shorter side) as weight; see the package's docstring.
    """
    h, w = shape
    score, owner = np.zeros(shape, np.uint8), np.zeros(shape, np.int32)
    mask = np.ones(shape, np.uint8)
    geo = np.zeros((9, h, w), np.float32)
    for number, (polygon, skip) in enumerate(zip(polygons, ignore, strict=True), 1):
        quad = to_quad(polygon)
        area = float(cv2.contourArea(quad, oriented=True))
        if abs(area) < 1:
            continue
        inner = shrink_quad(quad).astype(np.int32)
        cv2.fillPoly(score, [inner], 1)
        cv2.fillPoly(owner, [inner], number)
        sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
        height, width = min(sides[1], sides[3]), min(sides[0], sides[2])
        # A quad that runs counter-clockwise shows mirrored text.
        if skip or area < 0 or min(height, width) < min_text_size:
            cv2.fillPoly(mask, [quad.astype(np.int32)], 0)
        x0, y0, across, down = cv2.boundingRect(inner)
        x0, y0, x1, y1 = max(0, x0), max(0, y0), x0 + across, y0 + down
        ys, xs = np.nonzero(owner[y0:y1, x0:x1] == number)
        ys, xs = ys + y0, xs + x0
        for corner in range(4):
            geo[2 * corner, ys, xs] = xs - np.clip(quad[corner, 0], 0, w)
            geo[2 * corner + 1, ys, xs] = ys - np.clip(quad[corner, 1], 0, h)
        geo[8, ys, xs] = 1 / max(min(height, width), 1.0)
    cells = (slice(None, None, CELL_PX), slice(None, None, CELL_PX))
    return {
        "score": score[cells][None].astype(np.float32),
        "geo": np.ascontiguousarray(geo[:, ::CELL_PX, ::CELL_PX]),
        "mask": mask[cells][None].astype(np.float32),
    }


SAST_TEXT_SIZE_PX = (10, 512)  # shorter side, in pixels of the page
BAND_SHARE = 0.3  # share of the height that the centre band covers
BAND_ENDS_SHARE = 0.15  # of the height, cut off at both ends of the band
IGNORED_LOSS_WEIGHT = 0.15  # what is left of the loss on ignored text


def band_of(polygon: np.ndarray) -> np.ndarray:
    """The middle `BAND_SHARE` of a polygon between its upper and lower side, same number of points."""
    half = len(polygon) // 2
    upper, lower = polygon[:half], polygon[: half - 1 : -1]
    near, far = (upper + (lower - upper) * (0.5 + side * BAND_SHARE / 2) for side in (-1, 1))
    return np.concatenate([near, far[::-1]])


def pieces_of(polygon: np.ndarray) -> np.ndarray:
    """Cut a polygon of paired upper and lower points into quads TL, TR, BR, BL: float (P/2 - 1, 4, 2)."""
    half = len(polygon) // 2
    upper, lower = polygon[:half], polygon[: half - 1 : -1]
    return np.stack([upper[:-1], upper[1:], lower[1:], lower[:-1]], axis=1)


def _trim(quads: np.ndarray, cut: float) -> list[tuple[int, np.ndarray]]:
    """Cut `cut` pixels (along the upper side) off both ends of a chain of quads; what remains, with the number of its quad."""
    lengths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    out = []
    for i, quad in enumerate(quads):
        low, high = max(cut, starts[i]), min(ends[-1] - cut, ends[i])
        if high <= low or lengths[i] <= 0:
            continue
        a, b = (low - starts[i]) / lengths[i], (high - starts[i]) / lengths[i]
        upper, lower = quad[1] - quad[0], quad[2] - quad[3]
        out.append((i, np.stack([quad[0] + upper * a, quad[0] + upper * b, quad[3] + lower * b, quad[3] + lower * a])))
    return out


def _meet(point: np.ndarray, direction: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Where lines through points (N, 2) along `direction` meet the line from `start` to `end`, (N, 2)."""
    side = end - start
    across = direction[0] * side[1] - direction[1] * side[0]
    if abs(across) < 1e-6:
        return point
    t = ((start[0] - point[:, 0]) * side[1] - (start[1] - point[:, 1]) * side[0]) / across
    return np.asarray(point + t[:, None] * direction)


def _upright(quad: np.ndarray) -> np.ndarray:
    """The mean direction from the lower to the upper side, a unit vector."""
    up = np.stack([quad[0] - quad[3], quad[1] - quad[2]])
    angles = np.arctan2(up[:, 1], up[:, 0])
    return np.array([np.cos(angles.mean()), np.sin(angles.mean())])


def sast_maps(shape: tuple[int, int], polygons: Sequence[np.ndarray], ignore: Sequence[bool]) -> dict[str, np.ndarray]:
    """score (1, h, w), border (5, h, w), mask (1, h, w), tvo (9, h, w), tco (3, h, w), float32, a quarter of `shape`.

    Offsets in cells: border is target minus cell in (y, x) order, tvo and tco are cell minus target in (x, y) order.
    Regions whose shorter side is outside `SAST_TEXT_SIZE_PX` take no part.
    """
    h, w = shape[0] // CELL_PX, shape[1] // CELL_PX
    score, mask = np.zeros((h, w), np.float32), np.ones((h, w), np.float32)
    border = np.zeros((5, h, w), np.float32)
    tvo, tco = np.zeros((9, h, w), np.float32), np.zeros((3, h, w), np.float32)
    for polygon, skip in zip(polygons, ignore, strict=True):
        cells = np.clip(polygon, 0, [shape[1] - 1, shape[0] - 1]).astype(np.float64) / CELL_PX
        if len(cells) % 2:  # sides of unequal length have no pairs
            cells = to_quad(cells).astype(np.float64)
        quad = to_quad(cells).astype(np.float64)
        sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
        short = min((sides[1] + sides[3]) / 2, (sides[0] + sides[2]) / 2)
        smallest, largest = SAST_TEXT_SIZE_PX
        mirrored = cv2.contourArea(quad.astype(np.float32), oriented=True) < 0
        if mirrored or not smallest <= short * CELL_PX <= largest:
            continue
        if skip:
            cv2.fillPoly(mask, [cells.astype(np.int32)], IGNORED_LOSS_WEIGHT)
            continue
        spot = _draw_border_offsets(score, border, cells)
        cv2.fillPoly(spot, [np.round(band_of(cells)).astype(np.int32)], 1)
        _draw_corner_offsets(tvo, tco, spot, quad, short)
    return {"score": score[None], "border": border, "mask": mask[None], "tvo": tvo, "tco": tco}


def _draw_border_offsets(score: np.ndarray, border: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Fill the trimmed centre band into `score`, its offsets to both sides into `border` (in place); the cells filled."""
    whole, band = pieces_of(cells), pieces_of(band_of(cells))
    half = len(cells) // 2
    height = min(np.linalg.norm(cells[0] - cells[-1]), np.linalg.norm(cells[half - 1] - cells[half]))
    length = float(np.linalg.norm(band[:, 1] - band[:, 0], axis=1).sum())
    filled = np.zeros(score.shape, np.uint8)
    for number, part in _trim(band, min(float(height), length) * BAND_ENDS_SHARE):
        spot = np.zeros(score.shape, np.uint8)
        cv2.fillPoly(spot, [np.round(part).astype(np.int32)], 1)
        ys, xs = np.nonzero(spot)
        score[ys, xs] = filled[ys, xs] = 1
        quad = whole[number]
        points = np.stack([xs, ys], axis=1).astype(np.float64)
        up = _upright(quad)
        upper, lower = _meet(points, up, quad[0], quad[1]) - points, _meet(points, up, quad[3], quad[2]) - points
        tall = (np.linalg.norm(quad[0] - quad[3]) + np.linalg.norm(quad[1] - quad[2])) / 2
        wide = (np.linalg.norm(quad[0] - quad[1]) + np.linalg.norm(quad[2] - quad[3])) / 2
        border[0, ys, xs], border[1, ys, xs] = upper[:, 1], upper[:, 0]
        border[2, ys, xs], border[3, ys, xs] = lower[:, 1], lower[:, 0]
        border[4, ys, xs] = 2 / max(min(float(tall), float(wide)), 1.0)
    return filled


def _draw_corner_offsets(tvo: np.ndarray, tco: np.ndarray, spot: np.ndarray, quad: np.ndarray, short: float) -> None:
    """Fill offsets to the corners and the centre into the cells of `spot` (in place)."""
    h, w = tvo.shape[1:]
    width, height = np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[1] - quad[2])
    if width * 1.5 < height:  # upright text: reading starts at another corner
        quad = np.roll(quad, -1, axis=0)
    ys, xs = np.nonzero(spot)
    for corner in range(4):
        tvo[2 * corner, ys, xs] = xs - np.clip(quad[corner, 0], 0, w)
        tvo[2 * corner + 1, ys, xs] = ys - np.clip(quad[corner, 1], 0, h)
    centre = quad.mean(axis=0)
    tco[0, ys, xs], tco[1, ys, xs] = xs - centre[0], ys - centre[1]
    tvo[8, ys, xs] = tco[2, ys, xs] = 1 / max(short, 1.0)
