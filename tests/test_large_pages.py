"""Pages that one look does not do justice: long strips, large drawings, very long lines. Drawn, with real weights."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from inkline.metrics import tokens

PHRASE = "the quick brown fox jumps over thirteen lazy dogs while Smith pays for red wine"
WORDS = PHRASE.split()


def sheet(width, height, places, size):
    """A white BGR page with texts at places (x, y, text)."""
    image = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for x, y, text in places:
        draw.text((x, y), text, fill="black", font=font)
    return np.asarray(image)[:, :, ::-1].copy()


def read(ocr, image, places, **options):
    page = ocr(image, **options)
    return tokens([text for *_, text in places], [line.text for line in page.lines]).f1


@pytest.mark.slow
def test_a_long_screenshot_is_read_to_its_end(ocr):
    places = [(20, y, f"{y:04d} {' '.join(WORDS[i % 9 : i % 9 + 5])}") for i, y in enumerate(range(20, 4960, 60))]
    image = sheet(600, 5000, places, 18)
    assert read(ocr, image, places) > 0.97


@pytest.mark.slow
def test_small_labels_of_a_large_drawing_are_read(ocr):
    places = [(300 + 950 * (i % 8), 200 + 700 * (i // 8), f"{WORDS[i % 14]} {100 + 7 * i}") for i in range(64)]
    image = sheet(8000, 6000, places, 30)
    assert read(ocr, image, places) > 0.95
    assert read(ocr, image, places, text_det_small_text=0) < 0.9  # what one look at the whole page finds


@pytest.mark.slow
def test_a_line_longer_than_the_widest_input_is_read_in_windows(ocr):
    text = " ".join(WORDS * 6)
    places = [(20, 12, text)]
    image = sheet(20 + 14 * len(text), 60, places, 28)
    assert read(ocr, image, places) > 0.98
    assert read(ocr, image, places, text_rec_max_width=960) > 0.98
