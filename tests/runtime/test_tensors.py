"""Sizes and normalisation."""

import numpy as np
import pytest

from inkline.options import DetectOptions
from inkline.runtime.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    detect_size,
    full_contrast,
    normalize_table,
    pad_tiny,
    to_tensor,
)


@pytest.mark.parametrize(
    ("limit_type", "limit", "size", "expected"),
    [
        ("max", 960, (2000, 1000), (960, 480)),
        ("max", 960, (500, 300), (512, 288)),  # 500/32 = 15.6 -> 16, 300/32 = 9.4 -> 9
        ("min", 736, (368, 500), (736, 992)),
        ("min", 64, (4000, 3000), (4000, 3008)),
        ("resize_long", 960, (100, 200), (480, 960)),
        ("min", 64, (80, 48), (96, 64)),  # 106.67 -> 106, 106/32 = 3.3
        ("max", 960, (10, 20000), (32, 960)),
    ],
)
def test_detect_size_follows_the_rules_of_the_reference(limit_type, limit, size, expected):
    options = DetectOptions(limit_type=limit_type, limit_side_len=limit, max_enlarge=1000)
    assert detect_size(*size, options) == expected


def test_halves_round_to_even():
    options = DetectOptions(limit_type="min", limit_side_len=64, max_enlarge=1000)
    assert detect_size(80, 112, options) == (64, 128)  # 2.5 -> 2, 3.5 -> 4


def test_cap_and_enlarging_limit():
    assert detect_size(9000, 1000, DetectOptions(limit_type="min", limit_side_len=64)) == (4000, 448)
    assert detect_size(100, 200, DetectOptions(limit_type="resize_long", limit_side_len=960, max_enlarge=2)) == (
        192,
        384,
    )


def test_fixed_input_shape():
    assert detect_size(10, 20, DetectOptions(input_shape=(3, 640, 320))) == (640, 320)


def test_pad_tiny_keeps_larger_images():
    assert pad_tiny(np.zeros((10, 20, 3), np.uint8)).shape == (32, 32, 3)
    assert pad_tiny(np.zeros((2, 61, 3), np.uint8)).shape == (32, 61, 3)
    image = np.zeros((10, 60, 3), np.uint8)
    assert pad_tiny(image) is image


def test_to_tensor_normalises_each_channel_in_the_order_of_the_image():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    table = normalize_table(IMAGENET_MEAN, IMAGENET_STD)
    out = np.full((3, 6, 9), 9, np.float32)
    to_tensor(image, table, out)
    expected = (image.astype(np.float64) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(out[:, :5, :7], expected.transpose(2, 0, 1), atol=1e-6)
    assert (out[:, 5:] == 9).all() and (out[:, :, 7:] == 9).all()
    to_tensor(image, table, out, rgb=True)
    np.testing.assert_allclose(
        out[:, :5, :7], ((image[..., ::-1] / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1), atol=1e-6
    )


def test_a_long_strip_keeps_its_width_legible():
    options = DetectOptions(limit_type="resize_long", limit_side_len=1280)
    assert detect_size(15000, 600, options) == (10656, 416)
    assert detect_size(15000, 600, DetectOptions(limit_type="resize_long", limit_side_len=1280, tile_side=0)) == (
        1280,
        64,
    )
    height, width = detect_size(10, 2_000_000, options)
    assert height == 32 and height * width <= 1.5 * 32 * 2_000_000
    height, width = detect_size(600, 600_000, options)
    assert height * width < 1.1 * 32_000_000


def test_full_contrast_spreads_what_is_there_and_leaves_grain_alone():
    faint = np.tile(np.uint8([100, 110, 140]), (20, 1))[..., None].repeat(3, 2)
    assert [int(v) for v in full_contrast(faint)[0, :, 0]] == [0, 63, 255]
    assert full_contrast(faint)[..., 0].tolist() == full_contrast(faint + 40)[..., 0].tolist()
    print_ = np.uint8([[0, 128, 255]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.array_equal(full_contrast(print_), print_)
    grain = np.uint8([[200, 203]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.ptp(full_contrast(grain)) < 32 and full_contrast(grain).mean() == pytest.approx(127.5, abs=1)
