"""Fractions of one sign that nets read as figures, told by their ink: `2¼` was `214` or `2½4`, `¾` `3/4`."""

import re

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.signs import rebuilt, rows_of
from inkline.recognition.words import ink_mask
from inkline.types import Floats, Image, Text

RUN = re.compile(r"(?<![.,:\w/-])[\d½¹³]{0,3}[1-3½/¹³][1-4½/¹³]*[24⁴](?![\d.,:/-]*\d)(?!\w)")
PLAIN = str.maketrans("¹³⁴½", "1341")  # what figures of a fraction are read as
FIGURES = 4  # of a run, which a fraction may be read as, at most
HALF = re.compile(r"½/?[24⁴]")  # which nothing else is read as
# Of the width and the height of a fraction, where it has no ink at the upper right and the lower left
BARE_CORNER, CORNER, HALF_CORNER = (0.18, 0.36), (0.12, 0.3), (0.1, 0.25)  # read as figures, with a bar, and with a ½
DOUBTFUL, DOUBTFUL_BAR = 0.9, 0.97  # score of a figure, below which two may be a fraction, without a bar and with one
MIN_RATIO, MAX_RATIO = 0.6, 1.7  # its width to its height
MIN_HEIGHT_RATIO = 0.45  # of the line's, how high it is at least
SIGNS = {("1", "4"): "¼", ("3", "4"): "¾", ("1", "2"): "½"}


def with_fractions(text: Text, crop: Image) -> Text:
    """The text with ¼, ½ and ¾ where the ink of figures has their shape: small ones at the upper left and the lower right.

    crop: uint8 (H, W, 3) BGR. Full figures fill the corners that a fraction leaves empty.
    """
    found = list(RUN.finditer(text.text))
    if not found:
        return text
    mask, rows = ink_mask(crop), rows_of(text)
    centres = text.char_spans.mean(axis=1) * crop.shape[1]
    # From the right, so that places before stay as they are.
    for match in reversed(found):
        start = _start(text, match.end(), max(match.start(), match.end() - FIGURES), mask, centres)
        if start < match.end():
            sign = _sign(text.text[start : match.end()])
            least = min(rows[start : match.end()], key=lambda row: float(row[2]))
            span = np.array([text.char_spans[start, 0], text.char_spans[match.end() - 1, 1]], np.float32)
            rows[start : match.end()] = [(sign, sign, least[2], span, least[4])]
    return rebuilt(text, rows)


def _start(text: Text, end: int, first: int, mask: NDArray[np.bool_], centres: Floats) -> int:
    """Where the fraction begins that ends at a place of a text, at `first` at the earliest; that place where none does."""
    half = end
    for start in range(first, end - 1):
        read = text.text[start:end]
        if not _sign(read):
            continue
        half = start if HALF.fullmatch(read) else half
        corner = _corner(read)
        doubtful = {BARE_CORNER: DOUBTFUL, CORNER: DOUBTFUL_BAR}.get(corner, 1.1)
        if text.char_scores[start:end].min() < doubtful and _is_fraction(mask, centres, start, end, corner):
            return start
    return half


def _sign(read: str) -> str:
    """The fraction that was read as these figures; empty where they do not tell its upper one."""
    plain = read.translate(PLAIN)
    upper = set(plain[:-1]) & {"1", "3"}
    return SIGNS.get((upper.pop(), plain[-1]), "") if len(upper) == 1 else ""


def _corner(read: str) -> tuple[float, float]:
    """How large the corners are at least that a fraction read as this leaves empty."""
    if HALF.search(read):
        return BARE_CORNER if read[0] in "13" else HALF_CORNER
    return BARE_CORNER if read.isdecimal() else CORNER


def _is_fraction(mask: NDArray[np.bool_], centres: Floats, start: int, end: int, corner: tuple[float, float]) -> bool:
    """Whether the ink of some characters of a line (H, W) has the shape of a fraction of one sign."""
    height, width = mask.shape
    filled = np.asarray(mask.any(axis=0))
    left = _border(filled, float(centres[start - 1]), float(centres[start]), -1) if start else 0
    right = _border(filled, float(centres[end - 1]), float(centres[end]), 0) if end < len(centres) else width
    x0, x1 = _inked(
        filled, max(left, round(float(centres[start])) - height), min(right, round(float(centres[end - 1])) + height)
    )
    y0, y1 = _inked(np.asarray(mask[:, x0:x1].any(axis=1)), 0, height)
    tall, wide = y1 - y0, x1 - x0
    if tall < MIN_HEIGHT_RATIO * height or not MIN_RATIO * tall <= wide <= MAX_RATIO * tall:
        return False
    at_side, at_top = max(int(corner[0] * wide), 1), max(int(corner[1] * tall), 1)
    ink = mask[y0:y1, x0:x1]
    return not bool(ink[:at_top, -at_side:].any() or ink[-at_top:, :at_side].any())


def _border(filled: NDArray[np.bool_], before: float, after: float, which: int) -> int:
    """Where ink ends between the middles of two characters: the first (0) or the last (-1) empty column, else halfway."""
    empty = np.flatnonzero(~filled[round(before) : round(after)])
    return round(before) + int(empty[which]) if len(empty) else round((before + after) / 2)


def _inked(filled: NDArray[np.bool_], start: int, end: int) -> tuple[int, int]:
    """The first and the end of what is filled between two places; both the first place without any."""
    start = max(start, 0)
    places = np.flatnonzero(filled[start:end])
    return (start + int(places[0]), start + int(places[-1]) + 1) if len(places) else (start, start)
