"""What is pale and wide on a page of paper, and what is not."""

import numpy as np
import pytest

from inkline.detection.watermark import without_pale


def page() -> np.ndarray:
    image = np.full((400, 600, 3), 250, np.uint8)
    for y in range(40, 380, 30):
        image[y : y + 3, 30:570] = 20  # thin dark strokes
    return image


def test_a_pale_wide_stroke_goes_and_ink_stays():
    image = page()
    image[100:300, 280:310] = np.minimum(image[100:300, 280:310], 215)
    cleaned = without_pale(image)
    assert cleaned is not None
    assert (cleaned[112:128, 285:305] == 255).all()
    assert (cleaned[40:43, 30:570] < 40).all()


def test_plain_pages_pale_type_and_photographs_have_no_watermark():
    assert without_pale(page()) is None
    thin = page()
    thin[55:58, 30:570] = 200
    assert without_pale(thin) is None
    gradient = np.broadcast_to(np.linspace(0, 255, 600, dtype=np.uint8)[None, :, None], (400, 600, 3)).copy()
    assert without_pale(gradient) is None


@pytest.mark.parametrize("shape", [(1, 5000, 3), (5000, 1, 3), (3, 9000, 3)])
def test_very_thin_images_have_none(shape):
    assert without_pale(np.full(shape, 255, np.uint8)) is None
