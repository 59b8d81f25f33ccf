"""Target maps of EAST: a score per cell and the offsets to the corners of its quad."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

STRIDE = 4
SHRINK = 0.3


def to_quad(polygon: np.ndarray) -> np.ndarray:
    """The quad of a region, float32 (4, 2): the four points themselves, or the smallest rectangle, starting near the
    first point.
    """
    if len(polygon) == 4:
        return polygon.astype(np.float32)
    box = cv2.boxPoints(cv2.minAreaRect(polygon.astype(np.float32)))
    half = len(polygon) // 2
    ends = np.stack([polygon[0], polygon[half - 1], polygon[half], polygon[-1]])
    best = min(range(4), key=lambda k: float(np.linalg.norm(np.roll(box, -k, axis=0) - ends, axis=1).sum()))
    return np.roll(box, -best, axis=0).astype(np.float32)


def shrink_quad(quad: np.ndarray, ratio: float = SHRINK) -> np.ndarray:
    """Move each corner along both of its sides by `ratio` of the shorter of them, the longer pair of sides first (EAST,
    3.3.1).
    """
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
    cells = (slice(None, None, STRIDE), slice(None, None, STRIDE))
    return {
        "score": score[cells][None].astype(np.float32),
        "geo": np.ascontiguousarray(geo[:, ::STRIDE, ::STRIDE]),
        "mask": mask[cells][None].astype(np.float32),
    }
