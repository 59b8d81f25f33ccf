"""What a net leaves out or takes for something else, told by the shapes of its ink: opening quotes, Œ and Æ, raised figures."""

import re
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.recognition.fractions import with_fractions
from inkline.recognition.signs import RAISED, rebuilt, rows_of
from inkline.recognition.words import ink_mask
from inkline.types import Image, Text

OPENS = re.compile(r"(?<![^\s(\[])[“”\"„]")
CLOSES = re.compile(r"(?<=[^\W\d])[.,!?…]*[“”\"](?!\w)")
SINGLE = re.compile(r"(?<!\S),(?=[^\W\d_][^‘’',]*([‘’'])(?!\w))")  # a low quote that is taken for a comma
LIGATURE = re.compile(r"(?<![^\W\d_])([CA]?E)(?=[^\W\d_A-Z])|(?<=[’'])([CA]?E)(?=[A-Z])")
POWER = re.compile(r"(?<![\d.,])10([-−–⁻]?)([0-9][0-9⁰¹²³⁴⁵⁶⁷⁸⁹]?)(?![\d.,])")
SIGN = re.compile(r"(?<![^\s(\[$€£¥])[-.·•_,](?=\d)")  # before a figure: a minus or the point of a fraction
QUOTED_LINES = 6  # of a page, within which a quote closes

# In heights of a line's tallest letters
LOW_SIZE = 0.1, 0.5  # of one half of an opening quote, its height
LOW_WIDTH = 0.8  # of both halves
LOW_TOP = 0.45  # of it above the base line at most,
LOW_BOTTOM = 0.02  # and below it at least
HALVES_APART = 0.35
LIGATURE_RATIO = 1.0  # width to height of Œ and Æ at least, where two letters were read,
LONE_LIGATURE_RATIO = 1.25  # and where an E alone was: that of a typewriter is as wide as high
RAISED_SIZE, RAISED_BY = 0.85, 0.12  # of a raised figure, and how far its foot is above that of the figure before it

# A sign before a figure, in heights of that figure
MINUS_WIDTH = 0.34  # of a minus at least: a point is blurred to 0.3 in small type
SIGN_SIZE, SIGN_BY = 0.45, 0.9  # its height at most, and how far from the figure it may begin
MINUS_RATIO, MINUS_FOOT = 1.6, 0.15  # width to height of a minus at least, and how far its foot is above the base line
HIGH_WIDTH, HIGH_RATIO, HIGH_FOOT = 0.28, 1.25, 0.18  # the same of a minus that smoothing has made round, and no point
POINT_RATIO, POINT_FOOT = 1.3, 0.08  # the same of a point, at most

Pieces = NDArray[np.int64]  # (N, 4) x0, y0, x1, y1 of the pieces of ink of a crop, from the left


def told_by_shape(texts: Sequence[Text], crops: Sequence[Image]) -> list[Text]:
    """The texts of a page with quotes, ligatures, powers of ten and signs of figures as their ink in the crops has them."""
    out = [
        with_fractions(_powers(_ligatures(_signed(text, crop), crop), crop), crop)
        for text, crop in zip(texts, crops, strict=True)
    ]
    # Quotes that are closed and were never opened: a net without „ says nothing where one stands, in that line or one before.
    missing = np.array([len(CLOSES.findall(text.text)) - len(OPENS.findall(text.text)) for text in out], np.int64)
    for i, crop in enumerate(crops):
        most = min(int(missing.sum()), int(missing[i : i + QUOTED_LINES].clip(0).sum()))
        if most > 0:
            out[i], count = _opened(out[i], crop, most)
            missing[i] -= count
    return [_single_quotes(text) for text in out]


def pieces_of(crop: Image) -> Pieces:
    """The pieces of ink of a crop, BGR uint8 (H, W, 3)."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink_mask(crop).astype(np.uint8), connectivity=8)
    boxes = stats[1:, :4].astype(np.int64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes[np.argsort(boxes[:, 0], kind="stable")]


def piece_at(text: Text, i: int, pieces: Pieces, width: int) -> NDArray[np.int64] | None:
    """The piece of ink (4,) that a character stands at, the highest of those around its middle."""
    x = float(text.char_spans[i].mean()) * width
    apart = np.maximum(np.maximum(pieces[:, 0] - x, x - pieces[:, 2]), 0)
    if not len(pieces):
        return None
    near = pieces[apart <= apart.min()]
    return np.asarray(near[int((near[:, 3] - near[:, 1]).argmax())])


def _powers(text: Text, crop: Image) -> Text:
    """The text with powers of ten raised whose figures stand higher, and are smaller, than those before them."""
    found = list(POWER.finditer(text.text))
    if not found:
        return text
    pieces, rows = pieces_of(crop), rows_of(text)
    for match in found:
        base, first = (
            piece_at(text, match.start() + 1, pieces, crop.shape[1]),
            piece_at(text, match.start(2), pieces, crop.shape[1]),
        )
        if base is None or first is None:
            continue
        height = base[3] - base[1]
        if first[3] - first[1] < RAISED_SIZE * height and first[3] < base[3] - RAISED_BY * height:
            for i in range(match.start(1), match.end()):
                char = "⁻" if i < match.start(2) else rows[i][0].translate(RAISED)
                rows[i] = (char, char, *rows[i][2:])
    return rebuilt(text, rows)


def _signed(text: Text, crop: Image) -> Text:
    """The text with a minus before figures where that is wider than tall and above the base line, a point where neither."""
    found = list(SIGN.finditer(text.text))
    if not found:
        return text
    pieces, rows = pieces_of(crop), rows_of(text)
    for match in found:
        figure = piece_at(text, match.end(), pieces, crop.shape[1])
        sign = None if figure is None else _sign_before(figure, pieces)
        if figure is None or sign is None:
            continue
        char, shape = rows[match.start()][0], _sign_of(sign, figure)
        if shape == "-" or (shape and char == "-"):
            rows[match.start()] = (shape, shape, *rows[match.start()][2:])
    return rebuilt(text, rows)


def _sign_of(sign: NDArray[np.int64], figure: NDArray[np.int64]) -> str:
    """What a piece of ink before a figure is by its shape, a minus or a point; empty where that does not tell."""
    height, (width, tall) = figure[3] - figure[1], sign[2:] - sign[:2]
    above = figure[3] - sign[3]
    if width >= max(MINUS_RATIO * tall, MINUS_WIDTH * height) and above >= MINUS_FOOT * height:
        return "-"
    if width >= max(HIGH_RATIO * tall, HIGH_WIDTH * height) and above >= HIGH_FOOT * height:
        return "-"
    return "." if width <= POINT_RATIO * tall and above <= POINT_FOOT * height else ""


def _sign_before(figure: NDArray[np.int64], pieces: Pieces) -> NDArray[np.int64] | None:
    """The piece of ink (4,) that is the sign before a figure (4,): the largest low one just left of it."""
    x0, y0, _, y1 = figure.tolist()
    height, (widths, heights) = y1 - y0, (pieces[:, 2:] - pieces[:, :2]).T
    near = (pieces[:, 2] <= x0 + 1) & (pieces[:, 0] >= x0 - SIGN_BY * height) & (heights <= SIGN_SIZE * height)
    near &= (pieces[:, 1] >= y0) & (pieces[:, 3] <= y1 + SIGN_SIZE * height)
    return pieces[near][int((widths * heights)[near].argmax())] if near.any() else None


def _ligatures(text: Text, crop: Image) -> Text:
    """The text with Œ or Æ for CE, AE or E where that is one piece of ink as wide as it is high."""
    found = list(LIGATURE.finditer(text.text))
    if not found:
        return text
    pieces, rows = pieces_of(crop), rows_of(text)
    mask, centres = ink_mask(crop), text.char_spans.mean(axis=1) * crop.shape[1]
    tall = float(np.quantile(pieces[:, 3] - pieces[:, 1], 0.9)) if len(pieces) else 0.0
    # From the right, so that places before stay as they are.
    for match in reversed(found):
        start, end = match.span()
        piece = piece_at(text, end - 1, pieces, crop.shape[1])
        # Of an E alone only part of the ink may hang together.
        wide = LIGATURE_RATIO if end - start > 1 else LONE_LIGATURE_RATIO
        if piece is None or piece[2] - piece[0] < wide * max(piece[3] - piece[1], tall if end - start == 1 else 0):
            continue
        within = (centres > piece[0]) & (centres < piece[2])
        if within[:start].any() or within[end:].any():
            continue
        letter = {"C": "Œ", "A": "Æ"}.get(text.text[start]) or ("Œ" if _is_round(mask, piece) else "Æ")
        rows[start:end] = [(letter, letter, *rows[end - 1][2:])]
    return rebuilt(text, rows)


def _is_round(mask: NDArray[np.bool_], piece: NDArray[np.int64]) -> bool:
    """Whether the left of a piece of ink is as that of an O, and not the foot of an A."""
    x0, y0, x1, y1 = piece.tolist()
    left = mask[y0:y1, x0 : x0 + max((x1 - x0) // 5, 1)]
    third = max(len(left) * 2 // 5, 1)
    return bool(2 * left[:third].sum() > left[-third:].sum())


def _opened(text: Text, crop: Image, most: int) -> tuple[Text, int]:
    """The text with „ before words at whose foot its two halves stand, and how many there are; `most` at most."""
    if not text.text:
        return text, 0
    pieces, centres = pieces_of(crop), text.char_spans.mean(axis=1) * crop.shape[1]
    rows, count = rows_of(text), 0
    for x0, x1 in _low_pairs(pieces)[::-1]:
        at = int((centres < (x0 + x1) / 2).sum())
        is_start = _may_be_quoted("".join(row[0] for row in rows), at)
        if count < most and is_start and not ((centres >= x0) & (centres <= x1)).any():
            span = np.array([x0, x1], np.float32) / crop.shape[1]
            rows.insert(at, ("„", "„", rows[at][2], span, rows[at][4]))
            count += 1
            # What closes it is the same quote turned.
            close = next((i for i in range(at, len(rows)) if rows[i][0] in '“”"'), at)
            rows[close] = ("“", "“", *rows[close][2:]) if close > at else rows[close]
    return rebuilt(text, rows), count


def _may_be_quoted(shown: str, at: int) -> bool:
    """Whether a quote may open at a place in a line: before a word, and before a number where one closes behind it."""
    if at >= len(shown) or shown[at].isspace() or (at > 0 and shown[at - 1].isalnum()):
        return False
    return not shown[at].isdigit() or any(char in '“”"' for char in shown[at:])


def _low_pairs(pieces: Pieces) -> list[tuple[int, int]]:
    """Left and right ends of what may be opening low quotes: two small pieces side by side at the foot of the letters."""
    heights = pieces[:, 3] - pieces[:, 1]
    if not len(pieces):
        return []
    tall = float(np.quantile(heights, 0.9))
    base = float(np.median(pieces[heights > 0.5 * tall, 3]))
    low, high = LOW_SIZE[0] * tall, LOW_SIZE[1] * tall
    fits = (heights >= low) & (heights <= high) & (pieces[:, 2] - pieces[:, 0] <= LOW_WIDTH * tall)
    fits &= (pieces[:, 1] >= base - LOW_TOP * tall) & (pieces[:, 3] >= base + LOW_BOTTOM * tall)
    small = pieces[fits]
    out = []
    for first, second in pairwise(small):
        apart, alike = second[0] - first[2], abs(first[1] - second[1]) <= max(0.1 * tall, 1)
        if -1 <= apart <= HALVES_APART * tall and alike and second[2] - first[0] <= LOW_WIDTH * tall:
            out.append((int(first[0]), int(second[2])))
    # Halves that touch are one piece, wider than a comma.
    widths = small[:, 2] - small[:, 0]
    out += [
        (int(piece[0]), int(piece[2])) for piece in small[widths > np.maximum(0.25 * tall, 0.9 * (small[:, 3] - small[:, 1]))]
    ]
    return sorted(out)


def _single_quotes(text: Text) -> Text:
    """The text with ‚ for a comma that a closing single quote answers."""
    rows, found = rows_of(text), list(SINGLE.finditer(text.text))
    for match in found:
        rows[match.start()] = ("‚", "‚", *rows[match.start()][2:])
        rows[match.start(1)] = ("‘", "‘", *rows[match.start(1)][2:])
    return rebuilt(text, rows) if found else text
