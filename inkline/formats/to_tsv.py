"""TSV with Tesseract's columns: rows for pages, blocks, paragraphs, lines and words; boxes in source pixels.

A paragraph is a block of its own. `conf` is 0..100 for words and -1 for the rest, as in Tesseract 5.
"""

import re

from inkline.formats.placing import bounds, paragraphs, place_words
from inkline.types import Document, Floats

SUFFIX = ".tsv"

COLUMNS = (
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
)


def render(document: Document) -> str:
    """One table with a header for the whole document; pages count from 1."""
    rows = ["\t".join(COLUMNS)]
    for number, page in enumerate(document.pages, 1):
        rows.append(_row(1, (number, 0, 0, 0, 0), (0, 0, *page.size)))
        for block, lines in enumerate(paragraphs(page), 1):
            box = _box([line.quad for line in lines])
            rows.append(_row(2, (number, block, 0, 0, 0), box))
            rows.append(_row(3, (number, block, 1, 0, 0), box))
            for i, line in enumerate(lines, 1):
                rows.append(_row(4, (number, block, 1, i, 0), _box([line.quad])))
                for j, placed in enumerate(place_words(line), 1):
                    word = placed.word
                    rows.append(
                        _row(5, (number, block, 1, i, j), _box([word.quad]), f"{word.score * 100:.6f}", word.text)
                    )
    return "\n".join(rows) + "\n"


def _row(
    level: int, numbers: tuple[int, ...], box: tuple[int, int, int, int], confidence: str = "-1", text: str = ""
) -> str:
    """A row; what would break the table (tabs, line ends, control characters) becomes a space."""
    return "\t".join(
        [str(level), *map(str, numbers), *map(str, box), confidence, re.sub(r"[\x00-\x1f\x7f]", " ", text)]
    )


def _box(quads: list[Floats]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = bounds(quads)
    return x0, y0, x1 - x0, y1 - y0
