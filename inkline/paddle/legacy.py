"""Results in the shape of PaddleOCR 2.x, for code that is not ready for the dicts of 3.x."""

from collections.abc import Iterable
from typing import Any

from inkline.paddle.results import OCRResult
from inkline.types import Document, Page

Entry = list[Any]


def legacy_result(results: Iterable[OCRResult | Page] | Document) -> list[list[Entry] | None]:
    """What `PaddleOCR.ocr(img)` of 2.x gave: a list of pages, each a list of `[[[x, y] * 4], (text, score)]`.

    A page without text is None, as in 2.x. Takes the results of `PaddleOCR.predict`, a Document or Pages.
    """
    pages = [result.page if isinstance(result, OCRResult) else result for result in results]
    return [[[line.quad.tolist(), (line.text, line.score)] for line in page.lines] or None for page in pages]
