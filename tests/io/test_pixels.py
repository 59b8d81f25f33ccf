"""Arrays of any kind to BGR uint8."""

import numpy as np
import pytest

from inkline.errors import SourceError, TooLargeError
from inkline.io.pixels import array_to_bgr, background, flatten, to_uint8, value_range

LIMIT = 10_000


def test_bgr_uint8_is_taken_as_it_is_and_protected() -> None:
    given = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = array_to_bgr(given, LIMIT)
    assert np.shares_memory(image, given) and not image.flags.writeable and given.flags.writeable
    np.testing.assert_array_equal(image, given)


def test_a_view_becomes_contiguous() -> None:
    given = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = array_to_bgr(given[::-2, ::2, ::-1], LIMIT)
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, given[::-2, ::2, ::-1])


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_grey_has_three_equal_channels(shape: tuple[int, ...]) -> None:
    given = np.arange(24, dtype=np.uint8).reshape(shape)
    image = array_to_bgr(given, LIMIT)
    assert image.shape == (4, 6, 3)
    for channel in range(3):
        np.testing.assert_array_equal(image[:, :, channel], given.reshape(4, 6))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 65535]], np.uint16), [0, 255]),
        (np.array([[0, 510, 1020]], np.uint16), [0, 127, 254]),
        (np.array([[0, 200]], np.uint16), [0, 200]),
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[-0.01, 1.02]], np.float32), [0, 255]),
        (np.array([[0.0, 100.0, 255.0]]), [0, 100, 255]),
        (np.array([[-1.0, 0.0, 1.0]]), [0, 128, 255]),
        (np.array([[-1.0, -1.0]]), [0, 0]),
        (np.array([[np.nan, 0.0, np.inf, -np.inf, 1.0]]), [255, 0, 255, 0, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 128, 255]),
        (np.array([[0, 2**32 - 1]], np.uint32), [0, 255]),
    ],
)
def test_number_ranges(values: np.ndarray, expected: list[int]) -> None:
    assert to_uint8(values, value_range([values])).tolist() == [expected]
    assert array_to_bgr(values, LIMIT)[0, :, 0].tolist() == expected


def test_a_blank_16_bit_page_stays_blank() -> None:
    paper = np.random.default_rng(1).integers(65_000, 65_536, (20, 20)).astype(np.uint16)
    assert array_to_bgr(paper, LIMIT).min() > 250


def test_alpha_of_16_bit_arrays_does_not_set_the_range() -> None:
    given = np.zeros((4, 4, 4), np.uint16)
    given[..., :3], given[..., 3] = 1020, 65535
    assert array_to_bgr(given, LIMIT).min() >= 254


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (60, 255), (200, 0)])
def test_text_on_a_transparent_page_can_be_seen(ink: int, paper: int) -> None:
    page = np.zeros((30, 30, 4), np.uint8)
    page[10:20, 5:25:4] = (ink, ink, ink, 255)
    image = array_to_bgr(page, LIMIT)
    assert image[0, 0].tolist() == [paper] * 3 and image[12, 5].tolist() == [ink] * 3


def test_a_light_picture_does_not_hide_black_text_beside_it() -> None:
    page = np.zeros((100, 100, 4), np.uint8)
    page[2:60, 2:98] = (240, 240, 240, 255)
    page[70:90, 5:95:2] = (0, 0, 0, 255)
    assert background([page]) == 255


def test_half_transparent_pixels_are_mixed() -> None:
    assert flatten(np.array([[[10, 20, 30, 128]]], np.uint8), 255)[0, 0].tolist() == [132, 137, 142]
    assert flatten(np.array([[[10, 20, 30, 255]]], np.uint8), 0)[0, 0].tolist() == [10, 20, 30]


def test_grey_and_alpha() -> None:
    given = np.dstack([np.full((3, 3), 9, np.uint8), np.full((3, 3), 255, np.uint8)])
    assert (array_to_bgr(given, LIMIT) == 9).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((3, 20, 20), np.uint8), "transpose"),
        (np.zeros((20, 20, 5), np.uint8), "is no image"),
        (np.zeros((2, 20, 20, 3), np.uint8), "is no image"),
        (np.zeros(7, np.uint8), "is no image"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.zeros((5, 5), complex), "is no image"),
        (np.array([["a"]]), "is no image"),
        (np.full((5, 5, 3), np.nan), "NaN"),
        (np.full((5, 5), np.inf, np.float32), "NaN or infinite"),
        (np.array([[None]]), "is no image"),
    ],
)
def test_what_is_no_image(given: np.ndarray, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        array_to_bgr(given, LIMIT)


def test_the_pixel_limit() -> None:
    with pytest.raises(TooLargeError, match="max_image_pixels"):
        array_to_bgr(np.zeros((101, 100), np.uint8), LIMIT)


def test_text_that_the_background_would_hide_lies_on_the_opposite_one_and_pictures_stay() -> None:
    page = np.zeros((120, 200, 4), np.uint8)
    page[10:14, 10:150] = (255, 255, 255, 255)  # light text, most of what there is
    page[20:24, 10:150] = (255, 255, 255, 255)
    page[60:64, 10:60] = (0, 0, 0, 255)  # dark text
    page[80:120, 100:200] = (5, 5, 5, 255)  # a dark picture
    assert background([page]) == 0
    flat = flatten(page, 0)
    assert flat[62, 12].tolist() == [0, 0, 0]
    assert flat[58, 12].tolist() == [255, 255, 255]  # beside the dark text
    assert flat[16, 12].tolist() == [0, 0, 0]  # beside the light text
    assert flat[78, 150].tolist() == [0, 0, 0]  # beside the picture
