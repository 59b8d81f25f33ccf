"""Geometry of lines for the formats that place words: directions, turns, and word boxes, given or estimated."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Literal

import numpy as np

from inkline.layout.geometry import quad_part
from inkline.recognition.bidi import Direction, base_direction, visual_indices
from inkline.types import Floats, Line, Page, Word

# Advance widths of classes of characters in an average font, in thousandths of the font size
NARROW, PUNCTUATION, LOWER_CASE, CAPITAL, BROAD, FULL_WIDTH = 250, 350, 520, 650, 800, 1000
SPECIAL_WIDTHS = {
    **dict.fromkeys("iljI.,:;'|!`·’‘", NARROW),
    **dict.fromkeys('ftr()[]{}/\\-"*“”°1', PUNCTUATION),
    **dict.fromkeys("mwMWOQG@%&—…", BROAD),
}

ZERO_WIDTH_JOINER = "\u200d"
JOINERS = ZERO_WIDTH_JOINER + "\u200c"

VERTICAL_RATIO = 1.5  # a box this many times as high as wide is written from top to bottom, as when crops are turned


@dataclass(frozen=True, eq=False)
class PlacedWord:
    """A word with its box, and whether a space stands between it and the next word of its line."""

    word: Word
    space_after: bool


@lru_cache(maxsize=65536)
def advance_width(char: str) -> int:
    """The width of a character in an average font, in thousandths of the font size; 0 for a combining mark."""
    if char in SPECIAL_WIDTHS:
        return SPECIAL_WIDTHS[char]
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(char) in ("W", "F"):
        return FULL_WIDTH
    if char.isspace():
        return NARROW
    if category.startswith("P"):
        return PUNCTUATION
    return CAPITAL if char.isupper() else LOWER_CASE


def text_width(text: str) -> int:
    """The sum of advance widths, at least 1."""
    return max(1, sum(map(advance_width, text)))


def visual_clusters(text: str, base: Direction) -> list[str]:
    """The letters from left to right, each with the combining marks and joiners that follow it."""
    clusters: list[str] = []
    for c in text:
        joined = c in JOINERS or unicodedata.category(c).startswith("M")
        if clusters and (joined or clusters[-1][-1] == ZERO_WIDTH_JOINER):
            clusters[-1] += c
        else:
            clusters.append(c)
    return [clusters[i] for i in visual_indices("".join(cluster[0] for cluster in clusters), base)]


def is_sideways(line: Line) -> bool:
    """Whether the line runs up or down the page: as it was read, or by the shape of its box."""
    return line.angle in (90, 270) or _is_column(line)


def is_vertical(line: Line) -> bool:
    """Whether the line is vertical writing: wide characters one below the other."""
    wide = sum(advance_width(c) == FULL_WIDTH for c in line.text)
    return is_sideways(line) and wide * 2 >= len(line.text.replace(" ", ""))


def reading_quad(line: Line) -> Floats:
    """The quad (4, 2) in source pixels with its corners in reading order, also for lines that do not state their turn."""
    return np.roll(line.quad, -1, axis=0) if _is_column(line) else line.reading_quad


def writing_direction(line: Line) -> Literal["ltr", "rtl", "ttb"]:
    """How the line's text runs: from left to right, from right to left, or from top to bottom."""
    return "ttb" if is_vertical(line) else base_direction(line.text)


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


def line_height(line: Line) -> float:
    """The line's mean size across its direction of writing, in pixels."""
    return _mean_sides(reading_quad(line))[1]


def place_words(line: Line) -> tuple[PlacedWord, ...]:
    """The line's words in logical order with their boxes; nothing for a line without visible text.

    Given words are taken when together they spell the line; otherwise the box is divided by the characters' advance
    widths, from the right for text that runs to the left.
    """
    texts = line.text.split()
    if not texts:
        return ()
    return _given_words(line) or _estimated_words(line, texts)


def lines_by_paragraph(page: Page, unread: bool = False) -> list[list[Line]]:
    """The page's lines in reading order, grouped by paragraph; lines without visible text only where they are `unread`."""
    lines = [line for line in page.lines if line.text.strip() or (unread and line.unread)]
    return [list(group) for _, group in groupby(lines, key=lambda line: line.paragraph)]


def bounds(quads: Sequence[Floats]) -> tuple[int, int, int, int]:
    """Axis-parallel bounds (x_min, y_min, x_max, y_max) of quads, in whole pixels."""
    points = np.rint(np.concatenate([np.reshape(quad, (-1, 2)) for quad in quads])).astype(int)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _mean_sides(quad: Floats) -> tuple[float, float]:
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
    across, down = _mean_sides(line.quad)
    # Characters side by side make a box of 1 : width in ems, below each other one of their number : 1.
    return down > VERTICAL_RATIO * across and down**2 * text_width(line.text) > across**2 * count * FULL_WIDTH


def _given_words(line: Line) -> tuple[PlacedWord, ...]:
    """The line's own words, or nothing when they do not spell its text."""
    out: list[PlacedWord] = []
    end = 0  # of the text that the words have spelled so far
    for word in line.words:
        text = word.text.strip()
        if not text:
            continue
        start = len(line.text) - len(line.text[end:].lstrip())
        if not line.text.startswith(text, start):
            return ()
        if out and start > end:
            out[-1] = replace(out[-1], space_after=True)
        out.append(PlacedWord(word if text == word.text else replace(word, text=text), False))
        end = start + len(text)
    return () if line.text[end:].strip() else tuple(out)


def _estimated_words(line: Line, texts: list[str]) -> tuple[PlacedWord, ...]:
    """Parts of the line's box, one per word, as wide as their characters and in the order a reader sees them."""
    text = " ".join(texts)
    widths = np.array([advance_width(c) for c in text], np.float64)
    if not widths.any():
        widths[:] = 1
    # Where each character begins and ends, counted from the left of the line.
    order = visual_indices(text, direction(line))
    left = np.empty(len(text))
    left[order] = np.concatenate([[0.0], np.cumsum(widths[order])[:-1]])
    right = left + widths
    # A word reaches from its leftmost to its rightmost character.
    total, line_quad = float(widths.sum()), reading_quad(line)
    out, at = [], 0
    for i, word in enumerate(texts):
        span = slice(at, at + len(word))
        quad = quad_part(line_quad, float(left[span].min()) / total, float(right[span].max()) / total)
        # As if its characters were as doubtful as the line's others, each for itself.
        chance = None if line.confidence is None else line.confidence ** (len(word) / max(len("".join(texts)), 1))
        out.append(PlacedWord(Word(word, line.score, quad, chance), i + 1 < len(texts)))
        at += len(word) + 1
    return tuple(out)


def certainty(item: Line | Word) -> float:
    """How far a line or word can be trusted, 0..1: its confidence, its score where that is not known."""
    return item.score if item.confidence is None else item.confidence
