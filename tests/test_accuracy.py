"""With default options the text is better than the reference's own answers on every set that they cover."""

import json
from pathlib import Path

import pytest

from inkline.cli.evaluate_commands import labels
from inkline.metrics import PageScore, page

pytestmark = pytest.mark.slow

SETS = [
    "sroie",
    "funsd",
    "tesseract-pages",
    "scribe-docs",
    "icdar2015",
    "mtwi",
    "multiscript-screens",
    "fondue-books",
    "ehri-typewritten",
]


@pytest.mark.parametrize("name", SETS)
def test_token_f1_is_at_least_that_of_the_reference(shared, ocr, name):
    folder = shared / "reference/PP-OCRv6_small" / name
    rows = [row for row in labels(str(shared / "data" / name / "dev")) if (folder / f"{Path(row['image']).name}.json").exists()]
    assert rows
    ours = theirs = PageScore()
    for row, read in zip(rows, ocr.stream(row["image"] for row in rows), strict=True):
        answer = json.loads((folder / f"{Path(row['image']).name}.json").read_text("utf-8"))
        theirs += page(row["lines"], answer["rec_polys"], answer["rec_texts"])
        ours += page(row["lines"], [line.quad for line in read.lines], [line.text for line in read.lines])
    assert ours.tokens.f1 >= theirs.tokens.f1, (ours.summary(), theirs.summary())
