"""What is pale and wide on a page of paper, and what is not."""

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from inkline.detection.watermark import find_watermark


def page() -> np.ndarray:
    image = np.full((400, 600, 3), 250, np.uint8)
    for y in range(40, 380, 30):
        image[y : y + 3, 30:570] = 20  # thin dark strokes
    return image


def test_a_pale_wide_stroke_goes_and_ink_stays():
    image = page()
    image[100:300, 280:310] = np.minimum(image[100:300, 280:310], 215)
    found = find_watermark(image)
    assert found is not None and not len(found.letters)
    cleaned = found.page_without
    assert (cleaned[112:128, 285:305] == 255).all()
    assert (cleaned[40:43, 30:570] < 40).all()


def test_plain_pages_pale_type_and_photographs_have_no_watermark():
    assert find_watermark(page()) is None
    thin = page()
    thin[55:58, 30:570] = 200
    assert find_watermark(thin) is None
    gradient = np.broadcast_to(np.linspace(0, 255, 600, dtype=np.uint8)[None, :, None], (400, 600, 3)).copy()
    assert find_watermark(gradient) is None


@pytest.mark.parametrize("shape", [(1, 5000, 3), (5000, 1, 3), (3, 9000, 3)])
def test_very_thin_images_have_none(shape):
    assert find_watermark(np.full(shape, 255, np.uint8)) is None


@pytest.mark.parametrize("word", ["CONFIDENTIAL", "DRAFT", "COPY"])
@pytest.mark.parametrize(
    ("face", "size", "degrees"), [("LiberationSans-Bold", 130, 20), ("DejaVuSerif-Bold", 110, 0), ("DejaVuSans-Bold", 100, 40)]
)
def test_letters_of_a_watermark_are_told_from_grey_fields(word, face, size, degrees):
    paper = Picture.new("L", (1000, 760), 255)
    ImageDraw.Draw(paper).text((500, 380), word, 200, ImageFont.truetype(f"{face}.ttf", size), "mm")
    image = np.asarray(paper.rotate(degrees, fillcolor=255))[..., None].repeat(3, axis=2).copy()
    for y in range(40, 580, 36):
        image[y : y + 12, 60:740:9] = 0  # text
    found = find_watermark(image)
    assert found is not None and len(found.letters)
    assert (image[tuple(found.letters.astype(int)[:, ::-1].T)] < 210).all()
    fields = np.full((600, 800, 3), 255, np.uint8)
    for y in range(40, 580, 90):
        fields[y : y + 30, 60:740] = 200
    bars = find_watermark(fields)
    assert bars is None or not len(bars.letters)
