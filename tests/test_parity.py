"""Parity with what PaddleOCR 3.7 answers on development pages, with the same weights and its own rules."""

import json
from collections import Counter
from itertools import islice

import cv2
import pytest

from inkline import Ocr
from inkline.layout.geometry import iou

pytestmark = pytest.mark.slow


def compare(page, answer):
    """(lines of the reference, boxes matched at IoU 0.9, of these with the same text)."""
    boxes = texts = 0
    for polygon, text in zip(answer["rec_polys"], answer["rec_texts"], strict=True):
        near = max(page.lines, key=lambda line: iou(polygon, line.quad), default=None)
        if near is not None and iou(polygon, near.quad) >= 0.9:
            boxes += 1
            texts += near.text == text
    return Counter(lines=len(answer["rec_texts"]), boxes=boxes, texts=texts)


def answers(folder, data, most=2_000_000, count=3):
    """(image, answer) of the first pages of each set that are no larger than so many pixels: the rules shrink none, and a
    page of 8 million takes 3 GB."""
    for part in sorted(folder.iterdir()):
        rows = (json.loads(path.read_text("utf-8")) for path in sorted(part.glob("*.json")))
        pages = ((cv2.imread(str(data / row["input_path"])), row) for row in rows)
        yield from islice(((image, row) for image, row in pages if image.size <= 3 * most), count)


@pytest.mark.parametrize("pair", ["PP-OCRv6_small", "PP-OCRv4_mobile"])
def test_boxes_and_texts_are_those_of_the_reference(shared, pair):
    total = Counter()
    with Ocr(
        engine="onnxruntime",
        text_detection_model_name=f"{pair}_det",
        text_recognition_model_name=f"{pair}_rec",
        rules="reference",
    ) as reader:
        for image, answer in answers(shared / "reference" / pair, shared / "data"):
            page = reader(image)
            total += compare(page, answer)
            assert list(page.to_dict()) == list(answer)[: len(page.to_dict())] or not page.lines
    assert total["lines"] > 300
    assert total["boxes"] >= 0.99 * total["lines"], total
    assert total["texts"] >= 0.98 * total["lines"], total
