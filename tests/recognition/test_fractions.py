"""Fractions of one sign that are read as figures, of drawn lines in several sizes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline.formats.fonts import sized_font
from inkline.recognition.fractions import with_fractions
from inkline.types import Text

SIZES = (18, 24, 34, 48)


def drawn(parts, size, score=0.6):
    """A line of parts, each what is written and what is read there."""
    written, read = ("".join(column) for column in zip(*parts, strict=True))
    font, middles, x = sized_font(written, size), [], 0.0
    for there, seen in parts:
        width = font.getlength(there)
        middles += [10 + x + width * (i + 0.5) / len(seen) for i in range(len(seen))]
        x += width
    image = Image.new("L", (round(x) + 20, round(1.4 * size)), 255)
    ImageDraw.Draw(image).text((10, 0), written, fill=0, font=font)
    spans = np.array([[m - 1, m + 1] for m in middles], np.float32) / image.width
    text = Text(read, score, np.full(len(read), score, np.float32), spans)
    return text, np.repeat(np.asarray(image)[..., None], 3, axis=2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seen", ["1/4", "½4", "½/4"])
def test_figures_of_a_fraction_are_one_sign(seen, size):
    out = with_fractions(*drawn([("a 2", "a 2"), ("¼", seen), (" cup", " cup")], size))
    assert out.text == "a 2¼ cup" and len(out.char_scores) == 8


@pytest.mark.parametrize("size", SIZES)
def test_other_fractions_and_raised_readings(size):
    assert with_fractions(*drawn([("10", "10"), ("¾", "³/4")], size)).text == "10¾"
    assert with_fractions(*drawn([("3 ", "3 "), ("½", "½2"), (" m", " m")], size)).text == "3 ½ m"
    assert with_fractions(*drawn([("1", "1"), ("½", "½2"), (" m", " m")], size)).text == "1½ m"
    assert with_fractions(*drawn([("¾", "/4"), (" m", " m")], size)).text == "/4 m"  # its upper figure is not known


@pytest.mark.parametrize("size", SIZES)
def test_full_figures_stay(size):
    for written in ("Room 14", "214 of 34", "1/4 and 3/4", "13/4 12 24 1/2", "1.14 at 3/4/24"):
        text, crop = drawn([(c, c) for c in written], size)
        assert with_fractions(text, crop).text == written
    text, crop = drawn([("¼", "14")], size, score=0.99)
    assert with_fractions(text, crop).text == "14"  # what is sure stays
