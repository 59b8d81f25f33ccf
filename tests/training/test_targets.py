"""Training targets and post-processing speak the same language: perfect maps give back the boxes they were made from."""

import numpy as np
import pytest

from inkline import metrics
from inkline.detection.east import east_boxes
from inkline.detection.sast import SastMaps, sast_boxes
from inkline.layout.geometry import iou
from inkline.options import DetectOptions
from inkline.training.data.target_maps import east_maps, sast_maps

QUADS = [
    np.array([[20, 20], [200, 20], [200, 60], [20, 60]], np.float32),
    np.array([[40, 100], [230, 130], [224, 168], [34, 138]], np.float32),
    np.array([[20, 190], [120, 180], [122, 230], [22, 240]], np.float32),
]
SIZE = (256, 256)


@pytest.mark.parametrize("kind", ["east", "sast", "sast-poly"])
def test_perfect_maps_give_back_the_boxes(kind: str) -> None:
    if kind == "east":
        maps = east_maps(SIZE, QUADS, [False] * 3)
        options = DetectOptions(thresh=0.8, box_thresh=0.1)
        found = east_boxes(maps["score"][0], maps["geo"][:8], 256, 256, options).quads
    else:
        maps = sast_maps(SIZE, QUADS, [False] * 3)
        box_type = "poly" if kind == "sast-poly" else "quad"
        options = DetectOptions(thresh=0.5, box_thresh=0.1, box_type=box_type)
        offsets = SastMaps(maps["score"][0], maps["border"][:4], maps["tvo"][:8], maps["tco"][:2])
        detections = sast_boxes(offsets, 256, 256, options)
        found = detections.polygons or detections.quads
    assert metrics.detection(QUADS, list(found)).f1 == 1
    overlaps = [max(iou(quad, f) for f in found) for quad in QUADS]
    assert min(overlaps) > (0.9 if kind == "east" else 0.7), overlaps
