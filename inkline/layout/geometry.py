"""Quads and polygons: corners, overlaps, crops, and where a piece of a crop lies on the page."""

import math

import cv2
import numpy as np
import pyclipper
from numpy.typing import ArrayLike, NDArray

from inkline.types import Floats, Image

STRIP_PX = 1 << 22  # pixels sampled at a time


def order_corners(points: Floats) -> Floats:
    """Four corners in the order top-left, top-right, bottom-right, bottom-left (docs/reference_rules.md, DB
    post-processing).

    The two leftmost points are told apart by y, the two rightmost likewise. (4, 2) in, (4, 2) out.
    """
    by_x = sorted(points.tolist(), key=lambda point: point[0])  # for four points, lists are ten times as fast as arrays
    left, right = (sorted(pair, key=lambda point: point[1]) for pair in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def min_area_quad(points: ArrayLike) -> tuple[Floats, float]:
    """The smallest rectangle around points (P, 2), corners ordered, and its shorter side in pixels."""
    rect = cv2.minAreaRect(np.asarray(points))
    return order_corners(np.asarray(cv2.boxPoints(rect), np.float32)), float(min(rect[1]))


def convex_hull(polygon: ArrayLike) -> Floats:
    """The convex hull of points (P, 2), as `shared_area` and `hull_iou` take it."""
    return np.asarray(cv2.convexHull(np.asarray(polygon, np.float32).reshape(-1, 2)), np.float32)


def shared_area(a: Floats, b: Floats) -> float:
    """Area that two convex polygons float32 (P, 2) share; 0.0 where their bounds do not touch or one is a line or a point."""
    if len(a) < 3 or len(b) < 3:
        return 0.0
    (ax, ay, aw, ah), (bx, by, bw, bh) = cv2.boundingRect(a), cv2.boundingRect(b)
    if ax + aw < bx or bx + bw < ax or ay + ah < by or by + bh < ay:
        return 0.0
    return float(cv2.intersectConvexConvex(a, b)[0])


def hull_iou(a: Floats, b: Floats) -> float:
    """Intersection over union of two convex polygons float32 (P, 2), 0..1; 0.0 without area."""
    shared = shared_area(a, b)
    union = cv2.contourArea(a) + cv2.contourArea(b) - shared
    return shared / union if union > 0 else 0.0


def iou(a: ArrayLike, b: ArrayLike) -> float:
    """Intersection over union of the convex hulls of two polygons (P, 2) in the same pixels, 0..1."""
    return hull_iou(convex_hull(a), convex_hull(b))


def unclip(polygon: Floats, ratio: float) -> list[Floats]:
    """Grow a polygon outward by area * ratio / perimeter with round joins (DB paper, section 3.4); the pieces, (P, 2) each.

    The clipper works on whole pixels: coordinates are truncated, as in the reference.
    """
    area = abs(cv2.contourArea(polygon))
    perimeter = cv2.arcLength(polygon, True)
    if perimeter <= 0:
        return []
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(polygon.astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.asarray(piece, np.float32) for piece in offset.Execute(area * ratio / perimeter)]


def crop_size(quad: Floats) -> tuple[int, int]:
    """Width and height in pixels of a quad's crop: the longer of each pair of opposite edges, truncated."""
    edges = quad[[1, 2, 3, 0]] - quad
    top, right, bottom, left = np.sqrt((edges * edges).sum(axis=1)).tolist()
    return int(max(top, bottom)), int(max(left, right))


def crop_quad(image: Image, quad: Floats, reference: bool = False) -> Image | None:
    """Cut a line out of a page: the smallest rectangle around the quad, warped upright; None when it is empty.

    The rule of PaddleOCR 3.x (docs/reference_rules.md, Crops): bicubic, borders repeated. The result is not turned yet: see
    `is_upright_column`. `reference` takes the page at steps of 1/32 px, as OpenCV 4 did in every warp; OpenCV 5 is exact,
    which changes some letters of old models.
    """
    box, _ = min_area_quad(quad.astype(np.int32))
    w, h = crop_size(box)
    if w < 1 or h < 1:
        return None
    # A box of whole pixels along the axes needs no warp, which would give just what lies in it.
    corners = box.tolist()
    x, y = (int(at) for at in corners[0])
    if not reference and min(x, y) >= 0 and corners == [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]:
        inside = image[y : y + h, x : x + w]
        if inside.shape[:2] == (h, w):
            return inside.copy()
    # Only the neighbourhood of the box is handed over: the warp then touches no more memory than it needs.
    xs, ys = zip(*corners, strict=True)
    x0, y0 = max(math.floor(min(xs)) - 3, 0), max(math.floor(min(ys)) - 3, 0)
    part = image[y0 : max(math.ceil(max(ys)) + 4, 0), x0 : max(math.ceil(max(xs)) + 4, 0)]
    if part.size == 0:
        return None
    target = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(box - np.array([x0, y0], np.float32), target)
    if reference:
        at = _warp_grid(np.asarray(matrix, np.float64), w, h)
        crop = cv2.remap(part, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    else:
        crop = cv2.warpPerspective(part, matrix, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _warp_grid(matrix: NDArray[np.float64], width: int, height: int) -> Floats:
    """Where each pixel of a warp's result lies in its source, rounded to 1/32 px: (height, width, 2)."""
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height), [1.0]), axis=-1)[:, :, 0]
    at = grid @ np.linalg.inv(matrix).T
    return np.asarray(np.round(at[..., :2] / at[..., 2:] * 32) / 32, np.float32)


def is_upright_column(crop: Image) -> bool:
    """Whether a crop is so tall (height at least 1.5 times the width) that it is read turned by 90 degrees."""
    return bool(crop.shape[0] >= 1.5 * crop.shape[1])


def turn(image: Image, angle: int) -> Image:
    """Turn by 0, 90, 180 or 270 degrees counter-clockwise, exactly; contiguous."""
    return image if angle == 0 else np.ascontiguousarray(np.rot90(image, angle // 90))


def scaled(image: Image, scale: float) -> Image:
    """The image uint8 (H, W) or (H, W, 3) at `scale` (0..1) of its size, each side at least a pixel: thin ones stay images."""
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def sample_by_grid(image: Image, grid: Floats, size: tuple[int, int] | None = None) -> Image:
    """An image (H, W, 3) seen through a grid (h, w, 2) of fractions 0..1, corners aligned: uint8.

    size: (width, height) of the result; None: that of the image. Bilinear, borders repeated. The grid is enlarged here and
    not by OpenCV, which rounds places to 1/32 of a cell.
    """
    height, width = image.shape[:2]
    at_pixel = grid * np.array([width - 1, height - 1], np.float32)
    width, height = (width, height) if size is None else size
    wide = _between(at_pixel, width, 1)
    out = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP_PX // width)
    for top in range(0, height, rows):
        end = min(height, top + rows)
        at = _between(wide, height, 0, top, end)
        part = cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[top:end] = part
    return out


def _between(values: Floats, count: int, axis: int, start: int = 0, end: int | None = None) -> Floats:
    """Values along an axis, enlarged linearly to `count` with the corners aligned; of these, start to end."""
    size = values.shape[axis]
    at = np.arange(start, count if end is None else end, dtype=np.float32) * np.float32((size - 1) / max(count - 1, 1))
    low = np.minimum(at.astype(np.int64), max(size - 2, 0))
    part = (at - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    first, second = np.take(values, low, axis), np.take(values, np.minimum(low + 1, size - 1), axis)
    return np.asarray(first + (second - first) * part, np.float32)


def quad_part(quad: Floats, start: float, end: float, top: float = 0.0, bottom: float = 1.0) -> Floats:
    """The piece of a quad between fractions 0..1 of its way from left to right and from top to bottom."""
    tl, tr, br, bl = quad
    x, y = np.array([[start, end, end, start], [top, top, bottom, bottom]], np.float32)[:, :, None]
    above, below = tl + (tr - tl) * x, bl + (br - bl) * x
    return np.asarray(above + (below - above) * y, np.float32)
