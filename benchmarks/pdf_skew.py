"""The text layer of skewed pages: what pdftotext (poppler) makes of it, against the lines and words as they were drawn.

usage: python -m benchmarks.pdf_skew [--degrees 0 1 2 3]

Pages of one and two columns of text, and rows of a form, in two faces and sizes, their words placed by the font and turned
about the page's middle, both ways. No net is asked: the lines are given. Printed: the share of lines that stand in pdftotext's
output as lines of their own, the share of words in their order, and how well the boxes of `pdftotext -bbox` fit (IoU).
"""

import argparse
import difflib
import html
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import ImageFont

from benchmarks.common import table
from benchmarks.layout_pages import ITEMS, WORDS
from inkline.formats.searchable_pdf import write_searchable_pdf
from inkline.options import PdfOptions
from inkline.types import Document, Floats, Line, Page, Word

SIZE, DPI = (1654, 2339), 200
FACES = (("LiberationSerif-Regular", 30), ("DejaVuSans", 24))
_WORD = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', re.DOTALL)

Item = tuple[float, float, str]  # where a line's text begins, in pixels, and the text


def text_items(columns: int, font: ImageFont.FreeTypeFont, rng: np.random.Generator) -> list[Item]:
    margin, gutter, leading = 0.08 * SIZE[0], 2 * font.size, 1.3 * font.size
    width = (SIZE[0] - 2 * margin - (columns - 1) * gutter) / columns
    items = []
    for column in range(columns):
        x, y = margin + column * (width + gutter), margin
        while y < SIZE[1] - margin:
            line, left = "", int(rng.integers(20, 60))  # words of a paragraph
            while left:
                word = str(rng.choice(WORDS))
                if line and font.getlength(f"{line} {word}") > width:
                    items.append((x, y, line))
                    line, y = "", y + leading
                line, left = f"{line} {word}".strip(), left - 1
            items.append((x, y, line))
            y += 1.6 * leading
    return items


def form_items(font: ImageFont.FreeTypeFont, rng: np.random.Generator) -> list[Item]:
    rows = np.arange(0.08 * SIZE[0], 0.92 * SIZE[1], 1.7 * font.size).tolist()
    labels = [(0.08 * SIZE[0], y, f"{rng.choice(ITEMS)} {rng.choice(WORDS)}") for y in rows]
    values = [(0.6 * SIZE[0], y, f"{rng.uniform(1, 999):.2f}") for y in rows]
    return [item for row in zip(labels, values, strict=True) for item in row]


def skewed_page(items: list[Item], font: ImageFont.FreeTypeFont, degrees: float) -> Page:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn, middle = np.array([[cos, sin], [-sin, cos]]), np.array(SIZE) / 2
    up, down = font.getmetrics()

    def quad(x0: float, x1: float, y: float) -> Floats:
        top, bottom = y + 0.15 * up, y + up + 0.8 * down
        corners = np.array([[x0, top], [x1, top], [x1, bottom], [x0, bottom]])
        return ((corners - middle) @ turn.T + middle).astype(np.float32)

    lines = []
    for x, y, text in items:
        words, at = [], 0
        for word in text.split():
            start = text.index(word, at)
            at = start + len(word)
            words.append(Word(word, 1.0, quad(x + font.getlength(text[:start]), x + font.getlength(text[:at]), y)))
        place = quad(x, x + font.getlength(text), y)
        lines.append(Line(text, 1.0, place, place, words=tuple(words)))
    return Page(tuple(lines), SIZE)


def measured(page: Page, path: Path) -> tuple[float, float, float, float]:
    """Lines that are whole, words in order, and of the boxes' IoU the median and the fifth percentile."""
    blank = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    write_searchable_pdf(Document((page,)), [blank], path, PdfOptions(image_dpi=DPI))
    text, boxes = (
        subprocess.run(["pdftotext", *more, str(path), "-"], capture_output=True, check=True).stdout.decode()
        for more in ([], ["-bbox"])
    )
    given = Counter(line.text for line in page.lines)
    whole = sum((given & Counter(row.strip() for row in text.split("\n"))).values()) / len(page.lines)
    words = [word for line in page.lines for word in line.words]
    match = difflib.SequenceMatcher(None, [word.text for word in words], text.split(), autojunk=False)
    in_order = sum(block.size for block in match.get_matching_blocks()) / len(words)
    found = defaultdict(list)
    for *box, word in _WORD.findall(boxes):
        found[html.unescape(word)].append([float(value) * DPI / 72 for value in box])
    fits = [max((_iou(word.quad, box) for box in found[word.text]), default=0.0) for word in words]
    return whole, in_order, float(np.median(fits)), float(np.percentile(fits, 5))


def _iou(quad: Floats, box: list[float]) -> float:
    """Of the bounds of a quad and a box."""
    (x0, y0), (x1, y1) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    inner = max(0.0, min(x1, box[2]) - max(x0, box[0])) * max(0.0, min(y1, box[3]) - max(y0, box[1]))
    return inner / ((x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - inner)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--degrees", type=float, nargs="+", default=[0, 1, 2, 3])
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("one column", "two columns", "form"):
            for degrees in args.degrees:
                values = []
                for seed, (face, size) in enumerate(FACES):
                    font, rng = ImageFont.truetype(f"{face}.ttf", size), np.random.default_rng(seed)
                    items = form_items(font, rng) if kind == "form" else text_items(1 + (kind == "two columns"), font, rng)
                    for sign in (-1, 1):
                        values.append(measured(skewed_page(items, font, sign * degrees), Path(folder) / "page.pdf"))
                rows.append([kind, f"{degrees:g}", *(f"{value:.3f}" for value in np.mean(values, axis=0))])
    print(table(["page", "degrees", "whole lines", "words in order", "IoU, median", "IoU, 5 %"], rows))


if __name__ == "__main__":
    main()
