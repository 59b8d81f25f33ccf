"""Quads and crops."""

import cv2
import numpy as np
import pytest

from inkline.layout.geometry import (
    crop_quad,
    iou,
    is_upright_column,
    min_area_quad,
    order_corners,
    quad_part,
    turn,
    unclip,
)

RECT = np.array([[10, 20], [110, 20], [110, 50], [10, 50]], np.float32)


def test_corners_come_in_order_from_any_start():
    for shift in range(4):
        for step in (1, -1):
            np.testing.assert_array_equal(order_corners(np.roll(RECT[::step], shift, axis=0)), RECT)


def test_min_area_quad_of_a_turned_rectangle():
    points = cv2.boxPoints(((60, 60), (80, 20), 30))
    quad, short = min_area_quad(points)
    assert short == pytest.approx(20, abs=0.01)
    np.testing.assert_allclose(quad, order_corners(points), atol=0.01)


def test_unclip_grows_every_side_by_the_distance():
    distance = 100 * 30 * 1.5 / 260
    (piece,) = unclip(RECT, 1.5)
    quad, _ = min_area_quad(piece)
    np.testing.assert_allclose(quad[0], [10 - distance, 20 - distance], atol=1)
    np.testing.assert_allclose(quad[2], [110 + distance, 50 + distance], atol=1)
    assert unclip(np.zeros((4, 2), np.float32), 1.5) == []


def test_an_upright_crop_is_the_pixels_themselves():
    image = np.random.default_rng(1).integers(0, 256, (80, 150, 3), np.uint8)
    np.testing.assert_array_equal(crop_quad(image, RECT), image[20:50, 10:110])


def test_a_crop_equals_the_warp_of_the_whole_page():
    image = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8), (0, 0), 2)
    quad = order_corners(cv2.boxPoints(((150, 100), (120, 40), 12)))
    crop = crop_quad(image, quad)
    box, _ = min_area_quad(quad.astype(np.int32))
    h, w = crop.shape[:2]
    matrix = cv2.getPerspectiveTransform(box, np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32))
    whole = cv2.warpPerspective(image, matrix, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(crop.astype(int) - whole).max() <= 1


def test_empty_and_outside_boxes_give_no_crop():
    image = np.zeros((50, 50, 3), np.uint8)
    assert crop_quad(image, np.full((4, 2), 7, np.float32)) is None
    assert crop_quad(image, RECT + 500) is None


def test_turning_is_exact_and_undone_by_its_opposite():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert turn(image, 0) is image
    for angle in (90, 180, 270):
        np.testing.assert_array_equal(turn(turn(image, angle), 360 - angle), image)
    np.testing.assert_array_equal(turn(image, 90)[0], image[:, -1])  # the right edge becomes the top
    assert turn(image, 90).flags.c_contiguous


def test_the_rule_of_one_and_a_half():
    assert is_upright_column(np.zeros((15, 10, 3), np.uint8))
    assert not is_upright_column(np.zeros((14, 10, 3), np.uint8))


def test_quad_part():
    np.testing.assert_allclose(quad_part(RECT, 0.25, 0.5), [[35, 20], [60, 20], [60, 50], [35, 50]])


@pytest.mark.parametrize(
    ("shift", "expected"), [((0, 0), 1.0), ((5, 0), 1 / 3), ((5, 5), 1 / 7), ((10, 0), 0.0), ((50, 0), 0.0)]
)
def test_iou_of_squares(shift, expected):
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    assert iou(square, square + np.array(shift)) == pytest.approx(expected, abs=1e-6)


def test_a_point_or_a_line_overlaps_nothing():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    assert iou(square, np.full((4, 2), 5, np.float32)) == 0
    assert iou(np.array([[0, 0], [10, 0], [5, 0]]), square) == 0
