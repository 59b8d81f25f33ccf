import cv2
import numpy as np

from inkline.detection.sast import SastMaps, sast_boxes
from inkline.options import DetectOptions

OPTIONS = DetectOptions(thresh=0.5, box_thresh=0.1)
POLY = DetectOptions(thresh=0.5, box_thresh=0.1, box_type="poly")


def maps_of(quads, height=64, width=96, cut=0.0):
    """Perfect SAST maps of upright rectangles given in map pixels; `cut`: a gap of this share in the centre region."""
    score = np.zeros((height, width), np.float32)
    border, corners, centre = (np.zeros((c, height, width), np.float32) for c in (4, 8, 2))
    for quad in np.asarray(quads, np.float32):
        (x0, y0), (x1, y1) = quad[0], quad[2]
        tall = y1 - y0
        mask = np.zeros((height, width), np.uint8)
        core = [(int(x0 + 0.3 * tall), int(y0 + 0.3 * tall)), (int(x1 - 0.3 * tall), int(y1 - 0.3 * tall))]
        cv2.rectangle(mask, *core, 1, -1)
        middle, half = (x0 + x1) / 2, cut * (x1 - x0) / 2
        mask[:, int(middle - half) : int(middle + half)] = 0
        ys, xs = np.nonzero(mask)
        score[ys, xs] = 0.9
        border[:, ys, xs] = [y0 - ys, 0 * xs, y1 - ys, 0 * xs]
        pixels = np.stack([xs, ys], axis=1)
        corners[:, ys, xs] = (pixels[:, None] - quad[None]).reshape(-1, 8).T
        centre[:, ys, xs] = (pixels - quad.mean(axis=0)).T
    return SastMaps(score, border, corners, centre)


A = [[10, 10], [50, 10], [50, 20], [10, 20]]
B = [[10, 30], [90, 30], [90, 42], [10, 42]]


def test_rectangles_come_back():
    found = sast_boxes(maps_of([A, B]), 384, 256, OPTIONS)
    assert found.polygons is None
    order = found.quads[:, 0, 1].argsort()
    np.testing.assert_allclose(found.quads[order], np.array([A, B]) * 4, atol=4)
    np.testing.assert_allclose(found.scores, 0.9, atol=1e-3)


def test_a_broken_centre_region_is_one_text():
    found = sast_boxes(maps_of([B], cut=0.2), 384, 256, OPTIONS)
    assert len(found) == 1
    np.testing.assert_allclose(found.quads[0], np.array(B) * 4, atol=4)


def test_polygons_follow_a_curved_edge():
    maps = maps_of([B])
    bow = np.round(4 * np.sin(np.linspace(0, np.pi, 96))).astype(np.float32)
    maps.border[0] -= bow * (maps.score > 0)
    maps.border[2] -= bow * (maps.score > 0)
    found = sast_boxes(maps, 384, 256, POLY)
    (polygon,) = found.polygons
    assert polygon.shape == (12, 2)
    assert polygon[2:4, 1].max() < polygon[[0, 5], 1].min() - 8  # the middle of the upper edge is higher than its ends
    assert found.quads.shape == (1, 4, 2)


def test_scaled_to_the_image_and_clipped():
    found = sast_boxes(maps_of([[[0, 10], [50, 10], [50, 20], [0, 20]]]), 96, 640, OPTIONS)
    quad = found.quads[0]
    assert quad[:, 0].min() >= 0
    np.testing.assert_allclose(quad[:, 1], [100, 100, 200, 200], atol=10)


def test_nothing():
    maps = maps_of([A])
    assert len(sast_boxes(maps._replace(score=maps.score * 0), 384, 256, OPTIONS)) == 0
    assert sast_boxes(maps._replace(score=maps.score * 0), 384, 256, POLY).polygons == ()
    assert len(sast_boxes(maps, 384, 256, DetectOptions(thresh=0.5, box_thresh=0.95))) == 0
    assert len(sast_boxes(maps._replace(corners=maps.corners * 0), 384, 256, OPTIONS)) == 0


def test_inputs_stay_as_they_are():
    maps = maps_of([A])
    kept = [m.copy() for m in maps]
    sast_boxes(maps, 384, 256, POLY)
    for before, after in zip(kept, maps, strict=True):
        np.testing.assert_array_equal(before, after)
