import cv2
import numpy as np

from inkline.detection.east import MAP_STRIDE_PX, east_boxes, locality_aware_nms
from inkline.options import DetectOptions

OPTIONS = DetectOptions(thresh=0.8, box_thresh=0.1)


def maps_of(quads, height=64, width=96, shrink=0.6):
    """Perfect EAST maps of quads given in pixels of the net's input, whose size is four times the maps'."""
    score = np.zeros((height, width), np.float32)
    geometry = np.zeros((8, height, width), np.float32)
    for quad in np.asarray(quads, np.float32):
        core = (quad.mean(axis=0) + (quad - quad.mean(axis=0)) * shrink) / MAP_STRIDE_PX
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(core).astype(np.int32)], 1)
        ys, xs = np.nonzero(mask)
        score[ys, xs] = 0.95
        pixels = np.stack([xs, ys], axis=1) * MAP_STRIDE_PX
        geometry[:, ys, xs] = (pixels[:, None] - quad[None]).reshape(-1, 8).T
    return score, geometry


A = [[40, 40], [160, 40], [160, 80], [40, 80]]
B = [[200, 120], [330, 160], [320, 200], [190, 160]]


def test_two_boxes_come_back_with_their_corners():
    score, geometry = maps_of([A, B])
    found = east_boxes(score, geometry, 384, 256, OPTIONS)
    assert len(found) == 2
    order = found.quads[:, 0, 0].argsort()
    np.testing.assert_allclose(found.quads[order], [A, B], atol=0.01)
    assert (found.scores > 0.1).all() and (found.scores <= 1).all()


def test_boxes_are_scaled_to_the_image_and_clipped():
    score, geometry = maps_of([[[-20, 40], [160, 40], [160, 80], [-20, 80]]])
    found = east_boxes(score, geometry, 768, 128, OPTIONS)
    np.testing.assert_allclose(found.quads[0], [[0, 20], [320, 20], [320, 40], [0, 40]], atol=0.01)


def test_no_pixel_and_weak_boxes_give_nothing():
    score, geometry = maps_of([A])
    assert len(east_boxes(score * 0.5, geometry, 384, 256, OPTIONS)) == 0
    assert len(east_boxes(score, geometry, 384, 256, DetectOptions(thresh=0.8, box_thresh=0.9))) == 0
    assert east_boxes(score * 0, geometry, 384, 256, OPTIONS).quads.shape == (0, 4, 2)


def test_a_sliver_is_dropped():
    score, geometry = maps_of([A])
    geometry[:] = 0  # every corner on the pixel itself
    assert len(east_boxes(score, geometry, 384, 256, OPTIONS)) == 0


def test_inputs_stay_as_they_are():
    score, geometry = maps_of([A])
    kept = score.copy(), geometry.copy()
    east_boxes(score, geometry, 384, 256, OPTIONS)
    np.testing.assert_array_equal(score, kept[0])
    np.testing.assert_array_equal(geometry, kept[1])


def test_neighbours_are_averaged_by_score():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    quads, scores = locality_aware_nms(np.stack([square, square + 1]), np.array([3, 1], np.float32), 0.2)
    np.testing.assert_allclose(quads, [square + 0.25])
    assert scores.tolist() == [4]


def test_the_stronger_of_two_far_apart_in_order_wins():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    rows = np.stack([square, square + 100, square + 1])
    quads, scores = locality_aware_nms(rows, np.array([1, 1, 2], np.float32), 0.2)
    np.testing.assert_allclose(quads, [square + 1, square + 100])
    assert scores.tolist() == [2, 1]
