"""Each tier reads drawn pages of known text, where it stands, by many threads as by one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.errors import UsageError
from inkline.formats.fonts import sized_font
from inkline.presets import TIERS

LINES = {
    "Invoice No. 20418 of 3 May 2026": (40, 30, 34),
    "Blue enamel paint, 2.5 litres": (40, 110, 30),
    "Total 1,284.50 EUR": (60, 190, 40),
    "今天天气很好，我们去公园": (40, 350, 34),
    "Thank you for your order": (40, 280, 24),
}


def drawn():
    """The page of LINES, BGR, and the boxes (x0, y0, x1, y1) of their ink."""
    image = Image.new("RGB", (640, 430), "white")
    draw, boxes = ImageDraw.Draw(image), {}
    for text, (x, y, size) in LINES.items():
        font = sized_font(text, size)
        draw.text((x, y), text, "black", font)
        boxes[text] = draw.textbbox((x, y), text, font)
    return np.asarray(image)[..., ::-1].copy(), boxes


def overlap(a, b):
    """Shared over joint area of two upright boxes."""
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (area - shared)


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_reads_a_drawn_page(tier):
    image, boxes = drawn()
    with Ocr(tier=tier, cpu_threads=1) as ocr:
        page = ocr(image)
        found = {line.text: line for line in page.lines}
        assert set(found) == set(LINES)
        for text, box in boxes.items():
            quad = found[text].quad
            assert overlap((*quad.min(axis=0), *quad.max(axis=0)), box) > 0.7, text
        assert page.settings["tier"] == tier
        base = page.settings["text_recognition_model_name"]
        # The tiny recogniser has no kana: Chinese and Japanese lines go to the default one.
        chinese = "PP-OCRv6_small_rec" if tier == "fast" else base
        assert {line.text: line.model for line in page.lines} == {t: chinese if t.startswith("今") else base for t in LINES}
        with ThreadPoolExecutor(8) as pool:
            for other in pool.map(ocr, [image] * 6):
                assert other.to_dict() == page.to_dict()
        with pytest.raises(UsageError, match="tier: models and engines are chosen when Ocr is made"):
            ocr(image, tier="fast")
