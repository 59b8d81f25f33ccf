"""Words and directions of lines, for every format that places words: given boxes, or fair shares of the line's box."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

import numpy as np

from inkline.layout.geometry import quad_part
from inkline.recognition.bidi import Direction, base_direction, visual_indices
from inkline.types import Floats, Line, Page, Word

NARROW, SLIM, PLAIN, BROAD, FULL = 250, 350, 520, 800, 1000  # advance widths in thousandths of the font size

_CLASSES = (
    dict.fromkeys("iljI.,:;'|!`·’‘", NARROW)
    | dict.fromkeys('ftr()[]{}/\\-"*“”°1', SLIM)
    | dict.fromkeys("mwMWOQG@%&—…", BROAD)
)

ZWJ = "\u200d"
JOINERS = ZWJ + "\u200c"

# A box is written from top to bottom when it is this many times higher than wide (the rule by which crops are turned).
VERTICAL_RATIO = 1.5


@dataclass(frozen=True, eq=False)
class Placed:
    """A word at its place, and whether a space stands between it and the next word of its line."""

    word: Word
    space_after: bool


@lru_cache(maxsize=65536)
def advance(char: str) -> int:
    """The width of a character in an average font, in thousandths of the font size; 0 for a combining mark."""
    if char in _CLASSES:
        return _CLASSES[char]
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(char) in ("W", "F"):
        return FULL
    if char.isspace():
        return NARROW
    return SLIM if category.startswith("P") else 650 if char.isupper() else PLAIN


def text_width(text: str) -> int:
    """The sum of advances, at least 1."""
    return max(1, sum(map(advance, text)))


def visual_clusters(text: str, base: Direction) -> list[str]:
    """The letters from left to right, each with the combining marks and joiners that follow it."""
    parts: list[str] = []
    for c in text:
        if parts and (c in JOINERS or parts[-1][-1] == ZWJ or unicodedata.category(c).startswith("M")):
            parts[-1] += c
        else:
            parts.append(c)
    return [parts[i] for i in visual_indices("".join(part[0] for part in parts), base)]


def is_sideways(line: Line) -> bool:
    """Whether the line runs along the sides of its box that stand on the page: as it was read, or by its shape."""
    return line.angle in (90, 270) or _is_column(line)


def is_vertical(line: Line) -> bool:
    """Whether the line is vertical writing: wide characters one below the other."""
    wide = sum(advance(c) == FULL for c in line.text)
    return is_sideways(line) and wide * 2 >= len(line.text.replace(" ", ""))


def reading_quad(line: Line) -> Floats:
    """The quad (4, 2) in source pixels with its corners in reading order, also for lines that do not state their turn."""
    return np.roll(line.quad, -1, axis=0) if _is_column(line) else line.reading_quad


def direction(line: Line) -> Direction:
    """The base direction of the line's text; text from top to bottom counts as left to right."""
    return "ltr" if is_vertical(line) else base_direction(line.text)


def angle(line: Line) -> float:
    """Degrees, above -180 to 180, by which the line is turned counter-clockwise against upright text; 0 if vertical."""
    if is_vertical(line):
        return 0.0
    quad = np.asarray(reading_quad(line), np.float64)
    dx, dy = (quad[1] - quad[0]) + (quad[2] - quad[3])
    turn = float(np.degrees(np.arctan2(-dy, dx))) + 0.0
    return 180.0 if turn == -180 else turn


def thickness(line: Line) -> float:
    """The line's mean size across its direction of writing, in pixels."""
    return _sides(reading_quad(line))[1]


def place_words(line: Line) -> tuple[Placed, ...]:
    """The line's words in logical order with their boxes; nothing for a line without visible text.

    Given words are taken when together they spell the line; otherwise the box is shared out by the characters' advance
    widths, from the right for text that runs to the left.
    """
    texts = line.text.split()
    if not texts:
        return ()
    return _given(line) or _shared(line, texts)


def paragraphs(page: Page) -> list[list[Line]]:
    """The page's lines in reading order, parted where the paragraph changes; lines without visible text left out."""
    lines = [line for line in page.lines if line.text.strip()]
    return [list(group) for _, group in groupby(lines, key=lambda line: line.paragraph)]


def bounds(quads: Sequence[Floats]) -> tuple[int, int, int, int]:
    """Axis-parallel bounds (x_min, y_min, x_max, y_max) of quads, in whole pixels."""
    points = np.concatenate([np.asarray(quad, np.float64).reshape(-1, 2) for quad in quads])
    (x0, y0), (x1, y1) = (
        np.rint(points.min(axis=0)).astype(int).tolist(),
        np.rint(points.max(axis=0)).astype(int).tolist(),
    )
    return x0, y0, x1, y1


def is_upright(quad: Floats) -> bool:
    """Whether the quad's sides are parallel to the page's within a pixel, with its first corner top left."""
    x0, y0, x1, y1 = bounds([quad])
    return bool(np.abs(quad - np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])).max() <= 1)


def _sides(quad: Floats) -> tuple[float, float]:
    """Mean lengths of a quad's sides: the first and third, the second and fourth."""
    q = np.asarray(quad, np.float64)
    across = np.linalg.norm(q[1] - q[0]) + np.linalg.norm(q[2] - q[3])
    down = np.linalg.norm(q[3] - q[0]) + np.linalg.norm(q[2] - q[1])
    return float(across / 2), float(down / 2)


def _is_column(line: Line) -> bool:
    """Whether a box without a stated turn is a column: so high that its characters must stand below each other."""
    count = len(line.text.strip())
    if line.angle != 0 or count < 2:
        return False
    across, down = _sides(line.quad)
    # Characters side by side make a box of 1 : width in ems, below each other one of their number : 1.
    return down > VERTICAL_RATIO * across and down**2 * text_width(line.text) > across**2 * count * FULL


def _given(line: Line) -> tuple[Placed, ...]:
    """The line's own words, or nothing when they do not spell its text."""
    out: list[Placed] = []
    at = 0
    for word in line.words:
        text = word.text.strip()
        if not text:
            continue
        start = at + len(line.text[at:]) - len(line.text[at:].lstrip())
        if not line.text.startswith(text, start):
            return ()
        if out and start > at:
            out[-1] = replace(out[-1], space_after=True)
        out.append(Placed(word if text == word.text else replace(word, text=text), False))
        at = start + len(text)
    return () if line.text[at:].strip() else tuple(out)


def _shared(line: Line, texts: list[str]) -> tuple[Placed, ...]:
    """Cuts of the line's box, one a word, wide as their characters and in the order a reader sees them."""
    text = " ".join(texts)
    widths = np.array([advance(c) for c in text], np.float64)
    if not widths.any():
        widths[:] = 1
    order = visual_indices(text, direction(line))
    left = np.empty(len(text))
    left[order] = np.concatenate([[0.0], np.cumsum(widths[order])[:-1]])
    right = left + widths
    total, frame = float(widths.sum()), reading_quad(line)
    out, at = [], 0
    for i, word in enumerate(texts):
        span = slice(at, at + len(word))
        quad = quad_part(frame, float(left[span].min()) / total, float(right[span].max()) / total)
        out.append(Placed(Word(word, line.score, quad), i + 1 < len(texts)))
        at += len(word) + 1
    return tuple(out)
