"""Target maps of DB: where the shrunk text is, how far the border is, and where the loss must not look."""

from __future__ import annotations

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
    """Return shrink_map, shrink_mask, thresh_map and thresh_mask, each float32 `shape`; polygons are in pixels of that
    shape.
    """
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
    """Move the sides of a polygon outwards (inwards when negative) with round joins; the pieces that remain, float64
    (P, 2).
    """
    maker = pyclipper.PyclipperOffset()
    try:
        maker.AddPath(np.round(polygon).astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        return [np.array(piece, np.float64) for piece in maker.Execute(distance) if len(piece) >= 3]
    except pyclipper.ClipperException:  # a polygon without area after rounding
        return []


def shrunk(polygon: np.ndarray, ratio: float) -> list[np.ndarray]:
    """Shrink a polygon; where it falls apart, shrink it less (steps of `ratio`) until one piece is left or nothing else
    helps.
    """
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
    for i in range(len(polygon)):
        near = np.minimum(
            near, segment_distance(xs, ys, polygon[i], polygon[(i + 1) % len(polygon)]) / np.float32(distance)
        )
    part = border[y0 : y1 + 1, x0 : x1 + 1]
    np.maximum(part, 1 - near, out=part)


def segment_distance(xs: np.ndarray, ys: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of points to a line segment, float32, in pixels."""
    dx, dy = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    length = dx * dx + dy * dy
    px, py = xs - np.float32(start[0]), ys - np.float32(start[1])
    along = np.clip((px * dx + py * dy) / length, 0, 1) if length > 0 else np.float32(0)
    return np.hypot(px - along * dx, py - along * dy)
