"""DB post-processing on drawn probability maps."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inkline.detection.db import db_boxes, mean_inside
from inkline.options import DetectOptions

OPTIONS = DetectOptions(thresh=0.3, box_thresh=0.6, unclip_ratio=1.5)


def draw(*rects, value=0.9, shape=(160, 320)):
    probability = np.zeros(shape, np.float32)
    for x0, y0, x1, y1 in rects:
        probability[y0:y1, x0:x1] = value
    return probability


def test_a_block_becomes_a_grown_box_in_image_pixels():
    found = db_boxes(draw((40, 40, 140, 60)), 640, 320, OPTIONS)
    distance = 99 * 19 * 1.5 / (2 * (99 + 19))
    expected = np.array([40 - distance, 40 - distance, 139 + distance, 59 + distance]) * 2
    assert len(found) == 1 and found.scores[0] == pytest.approx(0.9, abs=0.01)
    np.testing.assert_allclose([*found.quads[0, 0], *found.quads[0, 2]], expected, atol=2.5)
    assert (found.quads == np.round(found.quads)).all()


def test_thresholds_drop_faint_and_tiny_blocks():
    assert len(db_boxes(draw((40, 40, 140, 60), value=0.5), 320, 160, OPTIONS)) == 0
    assert len(db_boxes(draw((40, 40, 140, 60), value=0.5), 320, 160, replace(OPTIONS, box_thresh=0.4))) == 1
    assert len(db_boxes(draw((40, 40, 42, 42)), 320, 160, OPTIONS)) == 0
    assert len(db_boxes(np.zeros((32, 32), np.float32), 32, 32, OPTIONS)) == 0


def test_boxes_stay_within_the_image():
    found = db_boxes(draw((0, 0, 320, 30), (0, 130, 320, 160)), 320, 160, OPTIONS)
    assert found.quads.min() == 0 and found.quads[..., 0].max() == 320 and found.quads[..., 1].max() == 160


def test_turned_blocks_give_turned_quads():
    probability = np.zeros((200, 200), np.float32)
    cv2.fillPoly(probability, [np.intp(cv2.boxPoints(((100, 100), (120, 24), 30)))], 0.95)
    found = db_boxes(probability, 200, 200, OPTIONS)
    edge = found.quads[0, 1] - found.quads[0, 0]
    assert np.degrees(np.arctan2(edge[1], edge[0])) == pytest.approx(30, abs=2)


def test_dilation_joins_blocks_one_pixel_apart():
    probability = draw((40, 40, 80, 60), (81, 40, 120, 60))
    assert len(db_boxes(probability, 320, 160, OPTIONS)) == 2
    assert len(db_boxes(probability, 320, 160, replace(OPTIONS, use_dilation=True))) == 1


def test_at_most_max_candidates():
    probability = draw(*[(x, 40, x + 12, 60) for x in range(10, 300, 30)])
    assert len(db_boxes(probability, 320, 160, OPTIONS)) == 10
    assert len(db_boxes(probability, 320, 160, replace(OPTIONS, max_candidates=4))) == 4


def test_slow_scores_follow_the_contour():
    probability = np.zeros((160, 160), np.float32)
    cv2.fillPoly(probability, [np.array([[20, 20], [140, 20], [140, 40], [40, 40], [40, 140], [20, 140]])], 0.9)
    fast = db_boxes(probability, 160, 160, replace(OPTIONS, box_thresh=0.1))
    slow = db_boxes(probability, 160, 160, replace(OPTIONS, box_thresh=0.1, score_mode="slow"))
    assert fast.scores[0] < 0.5 < 0.85 < slow.scores[0]


def test_polygon_mode_keeps_the_outline():
    probability = np.zeros((160, 320), np.float32)
    angles = np.linspace(np.pi, 2 * np.pi, 30)
    outer = np.stack([160 + 120 * np.cos(angles), 140 + 120 * np.sin(angles)], axis=1)
    inner = np.stack([160 + 90 * np.cos(angles), 140 + 90 * np.sin(angles)], axis=1)[::-1]
    cv2.fillPoly(probability, [np.concatenate([outer, inner]).astype(np.int32)], 0.95)
    found = db_boxes(probability, 320, 160, replace(OPTIONS, box_type="poly"))
    assert len(found) == 1 and len(found.polygons[0]) > 8
    assert cv2.contourArea(found.polygons[0].astype(np.float32)) < 0.8 * cv2.contourArea(found.quads[0])
    assert db_boxes(np.zeros((32, 32), np.float32), 32, 32, replace(OPTIONS, box_type="poly")).polygons == ()


def test_mean_inside_clips_to_the_map():
    probability = np.full((20, 20), 0.5, np.float32)
    assert mean_inside(probability, np.array([[-5, -5], [30, -5], [30, 30], [-5, 30]], np.float32)) == pytest.approx(0.5)
