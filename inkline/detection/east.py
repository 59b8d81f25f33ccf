"""EAST post-processing: from a score map and the corners that every pixel predicts to boxes.

Zhou et al., "EAST: An Efficient and Accurate Scene Text Detector", 2017, section 3.6 (locality-aware NMS); the order of
the steps and the thresholds are those of PaddleOCR's release of 2020.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.detection.db import mean_inside
from inkline.layout.geometry import convex_hull, iou
from inkline.options import DetectOptions
from inkline.types import Detections, Floats, empty_quads

MAP_STRIDE_PX = 4  # pixels of the net's input for one of the map
MAX_NMS_OVERLAP = 0.2  # intersection over union: boxes that overlap more are one text
MIN_EDGE_PX = 5  # on the image: a box with a shorter edge is noise


def east_boxes(score: Floats, geometry: Floats, width: int, height: int, options: DetectOptions) -> Detections:
    """Boxes of a score map (h, w), 0..1, and a geometry map (8, h, w), scaled to an image of `width` x `height` pixels.

    geometry: a pixel's place minus that of each corner of its box, (x, y) in turn, in pixels of the net's input.
    A pixel counts from `options.thresh`; a box is kept from a mean score of `options.box_thresh` inside it.
    """
    ys, xs = np.nonzero(score > options.thresh)
    if not len(xs):
        return Detections(empty_quads(), np.zeros(0, np.float32))
    # The box that each text pixel predicts; those of one text are merged.
    pixels = np.stack([xs, ys], axis=1).astype(np.float32) * MAP_STRIDE_PX
    quads = pixels[:, None] - geometry[:, ys, xs].T.reshape(-1, 4, 2)
    quads, _ = locality_aware_nms(quads, score[ys, xs], MAX_NMS_OVERLAP)
    # Scored on the map, scaled to the image; weak and tiny ones are dropped.
    scores = np.array([mean_inside(score, quad / MAP_STRIDE_PX) for quad in quads], np.float32)
    scale = np.array([width / score.shape[1], height / score.shape[0]], np.float32) / MAP_STRIDE_PX
    quads = np.clip(quads * scale, 0, np.array([width, height], np.float32))
    edges = np.linalg.norm(np.roll(quads, -1, axis=1) - quads, axis=2)
    kept = (scores > options.box_thresh) & (edges[:, 0] >= MIN_EDGE_PX) & (edges[:, 3] >= MIN_EDGE_PX)
    return Detections(quads[kept].astype(np.float32), scores[kept])


def locality_aware_nms(quads: Floats, scores: Floats, thresh: float) -> tuple[Floats, Floats]:
    """Merge the boxes of neighbouring pixels, then drop those that a stronger one overlaps: quads, summed scores.

    quads: (N, 4, 2) in the order of the pixels, row by row; scores: (N,). Neighbours that overlap by more than `thresh`
    (intersection over union) become their mean, weighted by score, so that every pixel of a text contributes to its corners.
    """
    # Row by row, each pixel's box joins the one before it where the two overlap.
    merged: list[tuple[Floats, float]] = []
    for quad, score in zip(quads.astype(np.float64), scores.astype(np.float64), strict=True):
        if merged and iou(quad, merged[-1][0]) > thresh:
            before, weight = merged[-1]
            merged[-1] = ((score * quad + weight * before) / (score + weight), score + weight)
        else:
            merged.append((quad, score))
    if not merged:
        return empty_quads(), np.zeros(0, np.float32)
    # Of what still overlaps, the strongest stays.
    means = np.array([quad for quad, _ in merged], np.float32)
    weights = np.array([weight for _, weight in merged], np.float32)
    kept = strongest(means, weights, thresh)
    return means[kept], weights[kept]


def strongest(quads: Floats, weights: Floats, thresh: float) -> NDArray[np.int64]:
    """Indices of quads (N, 4, 2), by falling weight, that overlap no stronger kept one by more than `thresh`."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    areas = np.array([cv2.contourArea(convex_hull(quad)) for quad in quads])
    kept = np.zeros(0, np.int64)
    for i in np.argsort(-weights, kind="stable"):
        # the boxes around two quads share at least what the quads share: few pairs need the exact answer
        shared = np.maximum(np.minimum(high[i], high[kept]) - np.maximum(low[i], low[kept]), 0).prod(axis=1)
        near = kept[shared > thresh * np.maximum(areas[i], areas[kept])]
        if not any(iou(quads[i], quads[j]) > thresh for j in near):
            kept = np.append(kept, i)
    return kept
