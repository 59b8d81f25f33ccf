"""SAST post-processing: from a centre-line map and three maps of offsets to quadrangles or polygons.

Wang et al., "A Single-Shot Arbitrarily-Shaped Text Detector based on Context Attended Multi-Task Learning", 2019,
section 3.4 (point-to-quad assignment); the thresholds are those of PaddleOCR.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.detection.east import MAX_NMS_OVERLAP, locality_aware_nms
from inkline.layout.geometry import min_area_quad
from inkline.options import DetectOptions
from inkline.types import Detections, Floats, empty_quads

MIN_AREA_PX = 5  # map pixels: a smaller quad is noise
MIN_SIDE_PX = 3  # map pixels


class Outline(NamedTuple):
    """How an outline is drawn: points along the centre line, growth at both ends (of the height), growth of the height."""

    points: int
    ends: float
    thicken: float


OUTLINES = {"quad": Outline(2, 0.3, 1.0), "poly": Outline(6, 0.2, 1.2)}


class SastMaps(NamedTuple):
    """The net's four maps of one image; offsets are in map pixels.

    score: (h, w), 0..1, the centre region of text. border: (4, h, w), (y, x) from a pixel to the upper and to the lower
    edge. corners: (8, h, w), the pixel minus each corner of its text's quad, (x, y) in turn. centre: (2, h, w), the pixel
    minus the centre of its text, (x, y).
    """

    score: Floats
    border: Floats
    corners: Floats
    centre: Floats


def sast_boxes(maps: SastMaps, width: int, height: int, options: DetectOptions) -> Detections:
    """Texts of one image, scaled to `width` x `height` pixels; polygons when `options.box_type` is "poly".

    A pixel is text above `options.thresh`; a text is kept from a mean score of `options.box_thresh`.
    """
    poly = options.box_type == "poly"
    outline = OUTLINES[options.box_type]
    scale = np.array([width / maps.score.shape[1], height / maps.score.shape[0]], np.float32)
    limit = np.array([width, height], np.float32)
    pixels = np.argwhere(maps.score > options.thresh)[:, ::-1]  # (x, y), row by row
    shapes, scores = [], []
    # Every text's quad, scored over its own pixels, then its outline in the image.
    for quad, members in _instances(maps, pixels):
        score = float(maps.score[members[:, 1], members[:, 0]].mean())
        sides = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[1])
        if score < options.box_thresh or min(sides) < MIN_SIDE_PX or cv2.contourArea(quad) < MIN_AREA_PX:
            continue
        shape = _outline(maps.border, quad, members, outline)
        shapes.append(np.clip(shape * scale, 0, limit).astype(np.float32))
        scores.append(score)
    if not shapes:
        return Detections(empty_quads(), np.zeros(0, np.float32), () if poly else None)
    quads = np.stack([min_area_quad(shape)[0] if poly else shape for shape in shapes])
    return Detections(quads, np.array(scores, np.float32), tuple(shapes) if poly else None)


def _instances(maps: SastMaps, pixels: NDArray[np.int64]) -> list[tuple[Floats, NDArray[np.int64]]]:
    """Each text's quad (4, 2) in map pixels, and the text pixels (P, 2) that belong to it.

    A pixel belongs to the quad whose centre is nearest to the centre that the pixel predicts, wherever the pixel lies:
    that is what keeps the parts of a broken word together and two touching words apart.
    """
    if not len(pixels):
        return []
    xs, ys = pixels.T
    quads = pixels[:, None] - maps.corners[:, ys, xs].T.reshape(-1, 4, 2)
    quads, _ = locality_aware_nms(quads.astype(np.float32), maps.score[ys, xs], MAX_NMS_OVERLAP)
    owner = _nearest(pixels - maps.centre[:, ys, xs].T, quads.mean(axis=1))
    found = [(quad, pixels[owner == i]) for i, quad in enumerate(quads)]
    return [(quad, members) for quad, members in found if len(members)]


def _nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    """For each of the points (P, 2) the index of the nearest of the centres (C, 2)."""
    squares = (centres**2).sum(axis=1)  # |p - c|^2 = |p|^2 - 2 p c + |c|^2, and |p|^2 is the same for every centre
    parts = [points[at : at + 1024] for at in range(0, len(points), 1024)]  # bounds the memory
    return np.concatenate([(squares - 2 * (part @ centres.T)).argmin(axis=1) for part in parts])


def _outline(border: Floats, quad: Floats, members: NDArray[np.int64], outline: Outline) -> Floats:
    """The outline (2 * points, 2) in map pixels: the upper edge from left to right, then the lower one back."""
    left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    direction = (right - left) / (np.linalg.norm(right - left) + 1e-6)
    along = members[np.argsort(members @ direction, kind="stable")]
    chosen = along[np.linspace(0, len(along) - 1, outline.points).astype(int)]
    offsets = border[:, chosen[:, 1], chosen[:, 0]].T.reshape(-1, 2, 2)[..., ::-1]  # (points, upper/lower, x/y)
    if outline.thicken != 1.0:
        length = np.linalg.norm(offsets, axis=2, keepdims=True)
        offsets = offsets * (1 + np.clip(length * (outline.thicken - 1), 0.5, 3.0) / np.maximum(length, 1e-6))
    upper, lower = (chosen[:, None] + offsets).transpose(1, 0, 2)
    return _lengthen(np.concatenate([upper, lower[::-1]]).astype(np.float32), outline.ends)


def _lengthen(polygon: Floats, ratio: float) -> Floats:
    """Move both ends of an outline outwards by `ratio` times the text's height there: centre regions are shrunk texts."""
    half = len(polygon) // 2
    out = polygon.copy()
    # (end of the upper edge, its neighbour, end of the lower edge, its neighbour)
    for a, b, c, d in ((0, 1, -1, -2), (half - 1, half - 2, half, half + 1)):
        height = np.linalg.norm(polygon[a] - polygon[c])
        grow = ratio * height / (np.linalg.norm(polygon[a] - polygon[b]) + 1e-6)
        out[a] = polygon[a] + (polygon[a] - polygon[b]) * grow
        out[c] = polygon[c] + (polygon[c] - polygon[d]) * grow
    return out
