"""The ink of a line and its words: from the steps at which a recogniser saw each character, and from the ink itself."""

import re
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import quad_part
from inkline.runtime.tensors import resize
from inkline.types import Floats, Image, Text, Word

# A word: one CJK character (Han, kana), or a run of anything else that is not white space.
WORD_PATTERN = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)

WORD_MARGIN_RATIO = 0.08  # of the line's height, above and below a word's ink
STROKE_ROWS_SHARE = 1 / 6  # of the rows of a line: those between the x-height and the base line, or some of them
LINE_MARGIN_RATIOS = 0.2, 0.1  # of the ink's height, above and below a line's ink and at its ends


def ink_quad(crop: Image, quad: Floats) -> Floats:
    """A line's quad (4, 2) shrunk to its ink, with a little room on all sides; never larger than it was.

    crop: the line, uint8 (H, W, 3). quad: the place of the crop's corners on the page, corner 0 being the crop's top-left.
    """
    # The ink's extent, as fractions of the crop.
    mask = ink_mask(crop)
    height, width = mask.shape
    start, end = _horizontal_extent(np.asarray(mask.any(axis=0)), 0.0, 1.0)
    top, bottom = _vertical_extent(mask, start, end)
    # Room around it.
    above, beside = ((bottom - top) * share for share in LINE_MARGIN_RATIOS)
    beside *= height / width
    return quad_part(quad, max(start - beside, 0), min(end + beside, 1), max(top - above, 0), min(bottom + above, 1))


def split_words(text: Text, crop: Image, quad: Floats) -> tuple[Word, ...]:
    """Words of one line, each with its quad.

    crop: the line as it was read, uint8 (H, W, 3). quad: (4, 2), the place of the crop's corners on the page, corner 0
    being the crop's top-left. The border between two words lies in the widest gap of ink between their nearest characters;
    each word's quad is shrunk to its ink on all sides (measured: `benchmarks/words.py`).
    """
    found = list(WORD_PATTERN.finditer(text.text))
    if not found:
        return ()
    # Where each word's characters were seen, and the borders between neighbours.
    mask = ink_mask(crop)
    ink = np.asarray(mask.sum(axis=0), np.float32)
    centres = text.char_spans.mean(axis=1)
    places = [centres[match.start() : match.end()] for match in found]
    order = sorted(range(len(found)), key=lambda i: float(places[i].mean()))  # from the left, as they stand
    gaps = [_widest_gap(ink, float(places[i].max()), float(places[j].min())) for i, j in pairwise(order)]
    edges = dict(zip(order, pairwise([0.0, *gaps, 1.0]), strict=True))
    # Each word between its borders, shrunk to its ink.
    words = []
    for i, match in enumerate(found):
        start, end = _horizontal_extent(ink > 0, *edges[i])
        top, bottom = _vertical_extent(mask, start, end)
        score = float(text.char_scores[match.start() : match.end()].mean())
        top, bottom = max(top - WORD_MARGIN_RATIO, 0), min(bottom + WORD_MARGIN_RATIO, 1)
        words.append(Word(match.group(), score, quad_part(quad, start, end, top, bottom)))
    return tuple(words)


def doubt_marks(text: Text, crop: Image) -> Text:
    """The text; of one without a letter or digit, the score times the share of the ink's width that its characters stand at.

    A net that does not know the letters of a line gives spaces and marks for them, with confidence. A character stands at what
    is nearer to it than half the height of the line. crop: the line as it was read, uint8 (H, W, 3).
    """
    if not text.score or any(c.isalnum() for c in text.text):
        return text
    inked = np.flatnonzero(ink_mask(crop).any(axis=0))
    marks = [i for i, c in enumerate(text.text) if not c.isspace()]
    if not len(inked) or not marks:
        return replace(text, score=0.0)
    height, width = crop.shape[:2]
    at = text.char_spans[marks].mean(axis=1) * width
    near = np.abs(inked[:, None] - at[None, :]).min(axis=1) <= height / 2
    return replace(text, score=text.score * float(near.mean()))


def holds_ink(part: NDArray[np.bool_], least_width: float, least_height: float) -> bool:
    """Whether a part of a line's ink (H, W) has so many columns with ink, and reaches over so many rows, in pixels."""
    rows = np.flatnonzero(part.any(axis=1))
    wide = np.count_nonzero(part.any(axis=0)) >= least_width
    return bool(wide and len(rows) and rows[-1] - rows[0] >= least_height)


def ink_mask(crop: Image) -> NDArray[np.bool_]:
    """Which pixels of a line are ink: (H, W); of the two sides of the best threshold the one with fewer pixels."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    mask = np.asarray(dark).view(np.bool_)
    return mask if 2 * cv2.countNonZero(dark) <= mask.size else ~mask


def stroke_pitch(crop: Image, height: int) -> float:
    """How close strokes stand in a line brought to a height: the mean distance in pixels from one to the next.

    crop: the line, uint8 (H, W, 3). Counted along the sixth of the rows that cross most strokes. The whole width
    where there are none.
    """
    width = max(round(height * crop.shape[1] / crop.shape[0]), 1)
    mask = ink_mask(resize(crop, height, width))
    strokes = mask[:, 0] + (mask[:, 1:] > mask[:, :-1]).sum(axis=1, dtype=np.int32)
    most = np.sort(strokes)[-max(round(height * STROKE_ROWS_SHARE), 1) :]
    return float(width / max(most.mean(), 1))


def _vertical_extent(mask: NDArray[np.bool_], start: float, end: float) -> tuple[float, float]:
    """Top and bottom of the ink around the middle between two fractions of the width, as fractions of the height.

    Ink further off than 0.12 of the height belongs to a neighbouring line or a rule; a quarter of the height stays at
    least, or all.
    """
    n, width = mask.shape
    left = round(start * width)
    rows = np.flatnonzero(mask[:, left : max(round(end * width), left + 1)].any(axis=1))
    if not len(rows):
        return 0.0, 1.0
    breaks = np.flatnonzero(rows[1:] - rows[:-1] > max(1, round(0.12 * n))) + 1
    run = min(np.split(rows, breaks), key=lambda run: max(run[0] - n / 2, n / 2 - run[-1])) if len(breaks) else rows
    if run[-1] + 1 - run[0] < 0.25 * n:
        return 0.0, 1.0
    return float(run[0]) / n, float(run[-1] + 1) / n


def _widest_gap(ink: Floats, left: float, right: float) -> float:
    """Fraction of the width at the middle of the longest run of least ink between two fractions."""
    n = len(ink)
    a, b = int(left * n), max(int(right * n), int(left * n) + 1)
    part = ink[a:b]
    if not len(part):
        return (left + right) / 2
    quiet = np.concatenate([[False], part <= part.min(), [False]])
    starts, ends = np.flatnonzero(quiet[1:] & ~quiet[:-1]), np.flatnonzero(quiet[:-1] & ~quiet[1:])
    widest = int((ends - starts).argmax())
    return float(a + (starts[widest] + ends[widest]) / 2) / n


def _horizontal_extent(ink: NDArray[np.bool_], start: float, end: float) -> tuple[float, float]:
    """An interval of fractions shrunk to the ink it holds, one column of paper kept on either side."""
    n = len(ink)
    a, b = round(start * n), max(round(end * n), round(start * n) + 1)
    inked = np.flatnonzero(ink[a:b])
    if not len(inked):
        return start, end
    return max(a + int(inked[0]) - 1, a) / n, min(a + int(inked[-1]) + 2, b) / n
