"""DB post-processing: from a probability map to boxes.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020; the exact steps are those of
PaddleOCR 3.x (docs/reference_rules.md, DB post-processing).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import min_area_quad, unclip
from inkline.options import DetectOptions
from inkline.types import Detections, Floats, empty_quads

MIN_CORE_PX = 3  # on the map: a text core with a shorter side is noise
MIN_GROWN_PX = MIN_CORE_PX + 2  # on the map, after growing


def db_boxes(probability: Floats, width: int, height: int, options: DetectOptions) -> Detections:
    """Boxes of a map (H, W) of probabilities 0..1, scaled to an image of `width` x `height` pixels.

    Boxes come in the order of the contours (roughly bottom to top), corners whole pixels within [0, width] x [0, height].
    """
    # Contours of what is probably text.
    mask = (probability > options.thresh).astype(np.uint8)
    if options.use_dilation:
        mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)), np.uint8)
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0][: options.max_candidates]
    # Grown shapes, scaled from the map to the image.
    scale = np.array([width / probability.shape[1], height / probability.shape[0]], np.float32)
    limit = np.array([width, height], np.float32)
    is_poly = options.box_type == "poly"
    find = _polygons if is_poly else _quads
    found = list(find(probability, contours, options))
    if not found:
        return Detections(empty_quads(), np.zeros(0, np.float32), () if is_poly else None)
    scores = np.array([score for _, score in found], np.float32)
    if is_poly:
        polygons = tuple(np.clip(np.round(shape * scale), 0, limit) for shape, _ in found)
        return Detections(np.stack([min_area_quad(shape)[0] for shape in polygons]), scores, polygons)
    return Detections(np.clip(np.round(np.stack([quad for quad, _ in found]) * scale), 0, limit), scores)


def _quads(probability: Floats, contours: Sequence[NDArray[Any]], options: DetectOptions) -> Iterator[tuple[Floats, float]]:
    """Each contour's rectangle, grown, and its score."""
    for contour in contours:
        quad, short = min_area_quad(contour)
        if short < MIN_CORE_PX:
            continue
        score = mean_inside(probability, quad if options.score_mode == "fast" else contour.reshape(-1, 2))
        if score < options.box_thresh:
            continue
        pieces = unclip(quad, options.unclip_ratio)
        if len(pieces) != 1:
            continue
        grown, short = min_area_quad(pieces[0])
        if short >= MIN_GROWN_PX:
            yield grown, score


def _polygons(probability: Floats, contours: Sequence[NDArray[Any]], options: DetectOptions) -> Iterator[tuple[Floats, float]]:
    """Each contour's outline, simplified and grown, and its score."""
    for contour in contours:
        tolerance = 0.002 * cv2.arcLength(contour, True)
        polygon = cv2.approxPolyDP(contour, tolerance, True).reshape(-1, 2).astype(np.float32)
        if len(polygon) < 4:
            continue
        score = mean_inside(probability, polygon)
        if score < options.box_thresh:
            continue
        pieces = unclip(polygon, options.unclip_ratio)
        if len(pieces) == 1 and len(pieces[0]) >= 4 and min_area_quad(pieces[0])[1] >= MIN_GROWN_PX:
            yield pieces[0], score


def mean_inside(probability: Floats, polygon: NDArray[np.floating | np.integer]) -> float:
    """Mean of the map (H, W) within a polygon (P, 2); the polygon's points are truncated to whole pixels."""
    h, w = probability.shape
    (left, top), (right, bottom) = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    x0, y0 = min(max(math.floor(left), 0), w - 1), min(max(math.floor(top), 0), h - 1)
    x1, y1 = min(max(math.ceil(right), 0), w - 1), min(max(math.ceil(bottom), 0), h - 1)
    mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
    cv2.fillPoly(mask, [(polygon - [x0, y0]).astype(np.int32)], (1,))
    return float(cv2.mean(probability[y0 : y1 + 1, x0 : x1 + 1], mask)[0])
