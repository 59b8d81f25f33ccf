"""Single glyphs that stand in a row with text: which boxes they are, and how they are seen with a part of that text."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import crop_quad, quad_part
from inkline.types import Floats, Image

# In heights of the text beside a glyph
MAX_GLYPH_WIDTH = 1.3
MAX_GLYPH_HEIGHT = 1.5
MIN_TEXT_WIDTH = 1.5  # of the text itself
MIN_GAP = 0.1  # between the glyph and the text
CONTEXT_LENGTH = 4.0  # of the text that is seen with the glyph
GLYPH_MARGIN = 0.15  # beside a glyph

GLYPHS_AT_ONCE = 256  # held against all texts of a page: bounds the memory


@dataclass(frozen=True, eq=False)
class Boxes:
    """Quads (N, 4, 2) and what rows go by: middles (N, 2), widths and heights (N,) px, and how much each falls per pixel."""

    quads: Floats
    middle: Floats
    width: Floats
    height: Floats
    slope: Floats


def measure(quads: Floats) -> Boxes:
    """The measures of quads (N, 4, 2)."""
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    width, height = np.linalg.norm(along, axis=1), np.linalg.norm(down, axis=1)
    slope = np.where(width >= MIN_TEXT_WIDTH * height, along[:, 1] / np.maximum(along[:, 0], 1e-3), 0.0)
    return Boxes(quads, quads.mean(axis=1), width, height, np.asarray(slope, np.float32))


def is_text(boxes: Boxes) -> NDArray[np.bool_]:
    """Which boxes (N,) are lines of text that a row can go by: longer than high, and not steep."""
    return (boxes.width >= MIN_TEXT_WIDTH * boxes.height) & (np.abs(boxes.slope) < 0.2)


def texts_beside(boxes: Boxes, middles: Floats, sizes: Floats) -> NDArray[np.int64]:
    """For glyphs of these middles (M, 2), widths and heights (M, 2), px: the index of the nearest text in whose row each
    stands alone, -1 where there is none: (M,)."""
    found = np.full(len(middles), -1, np.int64)
    texts = np.flatnonzero(is_text(boxes))
    if not len(texts):
        return found
    middle, height, slope = boxes.middle[texts], boxes.height[texts], boxes.slope[texts]
    for at in range(0, len(middles), GLYPHS_AT_ONCE):
        glyphs = slice(at, at + GLYPHS_AT_ONCE)
        (x, y), (wide, high) = middles[glyphs].T[:, :, None], sizes[glyphs].T[:, :, None]
        apart = np.abs(middle[:, 0] - x) - (boxes.width[texts] + wide) / 2
        off = np.abs(middle[:, 1] + slope * (x - middle[:, 0]) - y)
        fits = (wide <= MAX_GLYPH_WIDTH * height) & (high <= MAX_GLYPH_HEIGHT * height)
        beside = fits & (off < 0.4 * height) & (apart > MIN_GAP * height)
        nearest = np.where(beside, apart, np.inf).argmin(axis=1)
        found[glyphs] = np.where(beside.any(axis=1), texts[nearest], -1)
    return found


def lone_glyphs(boxes: Boxes) -> dict[int, int]:
    """Box of a glyph, or two, that stand alone in a row -> the box of the text beside it."""
    if not len(boxes.quads):
        return {}
    narrow = np.flatnonzero(boxes.width < MIN_TEXT_WIDTH * np.median(boxes.height))
    beside = texts_beside(boxes, boxes.middle[narrow], np.stack([boxes.width[narrow], boxes.height[narrow]], axis=1))
    return {int(i): int(text) for i, text in zip(narrow, beside, strict=True) if text >= 0}


def seen_in_row(image: Image, boxes: Boxes, glyph: int, text: int) -> tuple[Image, float] | None:
    """A glyph behind the end of the text beside it, as in one line, and the share of that image's width that is text.

    image: the page, BGR uint8 (H, W, 3). The glyph is cut out at the height of the text, so that a dash stays in the middle.
    None where either is empty.
    """
    # The part of the text that lies next to the glyph.
    length = min(CONTEXT_LENGTH * boxes.height[text] / max(boxes.width[text], 1), 1.0)
    is_left = boxes.middle[text, 0] < boxes.middle[glyph, 0]
    part = quad_part(boxes.quads[text], *((1 - length, 1.0) if is_left else (0.0, length)))
    # The glyph, between the lines that bound the text.
    height, slope = float(boxes.height[text]), float(boxes.slope[text])
    half = float(boxes.width[glyph]) / 2 + GLYPH_MARGIN * height
    x = boxes.middle[glyph, 0] + np.array([-half, half, half, -half], np.float32)
    y = boxes.middle[text, 1] + slope * (x - boxes.middle[text, 0]) + height / 2 * np.array([-1, -1, 1, 1], np.float32)
    crops = crop_quad(image, part), crop_quad(image, np.stack([x, y], axis=1).astype(np.float32))
    if crops[0] is None or crops[1] is None:
        return None
    rows = crops[0].shape[0]
    columns = max(round(crops[1].shape[1] * rows / crops[1].shape[0]), 1)
    beside = np.asarray(cv2.resize(crops[1], (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.hstack([crops[0], beside]), crops[0].shape[1] / (crops[0].shape[1] + columns)
