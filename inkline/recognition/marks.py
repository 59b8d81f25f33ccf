"""Marks over and beside letters that a net does not see, told by their ink: Turkish `İ` was `I`, `Ğ` `G`, Slovak `Ľ` `L`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkline.languages import Marks, marks_of
from inkline.options import AUTO
from inkline.recognition.letters import marks_of_page
from inkline.recognition.shapes import Pieces, piece_at, pieces_of
from inkline.recognition.signs import Char, rebuilt, rows_of
from inkline.recognition.words import ink_mask
from inkline.scripts import script_of
from inkline.types import Floats, Image, Text

LETTERS = re.compile(r"[^\W\d_]{2,}")
WORD = re.compile(r"\S+")
MAY_BE_CAPITALS = frozenset("çəğıöşüi")  # small letters that a net sees in words of capitals
TICKS = ("'", "’", "‘", "`", "´")
PLAIN_TALL = frozenset("ABCDEFGHKLMNPRSTUVXYZbdfhk0123456789")  # letters that reach as high as capitals, and no higher

# In heights of a line's capitals
RISE = 0.17  # by which the ink of a letter with a mark over it is higher than these, where small ones are by 0.1, too,
CAPITAL_RISES = {"I": 0.12, "G": 0.12, "D": 0.25, "T": 0.25, "N": 0.25, "L": 0.25}  # and where no letter of this kind is
MARK_APART = 0.4  # how far above the letter the foot of its mark is at most
MIN_MARK = 0.08  # its width and height at least, and how much higher its top is than capitals; less is a speck
MAX_MARK = 0.9  # its width at most
TICK_FOOT = 0.5  # how far above the base line the foot of a mark beside a letter is at least,
TICK_WIDTH = 0.3  # and its width at most
TICK_HEIGHT = 0.15  # its height at least
TICK_APART = 0.25  # how far behind the letter it begins at most
NARROW_LETTERS, NARROW, WIDE = frozenset("Iiíl"), 0.6, 1.3  # width of letters at most
BODY_LOSS = 0.1  # by which a capital is less high than others at most
LOW = 0.14  # by which a letter without a mark is lower than capitals
MIN_TALL_PX = 8  # height of capitals, from which a mark is seen


@dataclass(frozen=True, eq=False)
class _Line:
    """The ink of one line, in pixels: its pieces (N, 4), and bodies, those that are no marks; of each character its own piece
    (None where it has none) and the top of capitals near it; their height."""

    pieces: Pieces
    bodies: Pieces
    own: list[NDArray[np.int64] | None]
    tops: list[float]
    tall: float


def with_marks_of_language(texts: Sequence[Text], crops: Sequence[Image], lang: str) -> list[Text]:
    """The texts of a page with the marks that its language has, as the option `lang` says, or its letters if that is auto."""
    marks = marks_of_page([text.text for text in texts if script_of(text.text) == "Latn"]) if lang == AUTO else marks_of(lang)
    return [with_marks(text, crop, marks) for text, crop in zip(texts, crops, strict=True)] if marks else list(texts)


def with_marks(text: Text, crop: Image, marks: Marks) -> Text:
    """A line in a language with these marks, with letters that have ink over or beside them as those which that makes of them.

    crop: uint8 (H, W, 3) BGR. Words of capitals whose marked letters were read as small ones are in capitals.
    """
    mixed = [match.span() for match in LETTERS.finditer(text.text) if _is_mixed(match.group())]
    if marks.sources.isdisjoint(text.text) and not mixed:
        return text
    line, rows = _measured(text, crop), rows_of(text)
    for i in range(len(rows)):
        _set(rows, i, _letter(line, text.text, i, marks))
    ticks = _ticks(text.text, "".join(row[0] for row in rows), marks)
    for start, end in mixed:
        _set_capitals(rows, line, start, end, marks)
    return rebuilt(text, [row for i, row in enumerate(rows) if i not in ticks])


def _ticks(before: str, after: str, marks: Marks) -> set[int]:
    """Where the apostrophes are that the tick of the letter before them was read as."""
    changed = (i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new and old in marks.beside)
    return {i + 1 for i in changed if after[i + 1 : i + 2] in TICKS}


def _is_mixed(word: str) -> bool:
    """Whether a word is of capitals and such small letters as may be ones."""
    small = {c for c in word if not c.isupper()}
    return bool(small) and small <= MAY_BE_CAPITALS and any(map(str.isupper, word))


def _set(rows: list[Char], i: int, char: str) -> None:
    """Put a character in the place of another one."""
    if char != rows[i][0]:
        rows[i] = (char, char, *rows[i][2:])


def _letter(line: _Line, text: str, i: int, marks: Marks) -> str:
    """What a character of a text is by the ink over and beside it."""
    piece, char = line.own[i], text[i]
    meant = marks.instead.get(char, marks.over.get(char, char))
    if meant in marks.inner and not text[:i][-1:].isalpha():
        return char
    if char in marks.instead or piece is None or line.tall < MIN_TALL_PX:
        return marks.instead.get(char, char)
    if char in marks.bare and _is_bare(line, piece, line.tops[i]):
        return marks.bare[char]
    if char in marks.over and _is_under_mark(line, piece, line.tops[i], char):
        return meant
    return marks.beside.get(char, char) if _is_beside_tick(line, piece) else char


def _set_capitals(rows: list[Char], line: _Line, start: int, end: int, marks: Marks) -> None:
    """Put the small letters of a word in capitals where all of them are as high as these."""
    small = [i for i in range(start, end) if rows[i][0].islower()]
    if all(_is_tall(line, i) for i in small) and any(row[0].isupper() for row in rows[start:end]):
        for i in small:
            _set(rows, i, "İ" if rows[i][0] == "i" and "i" in marks.over else rows[i][0].upper())


def _is_tall(line: _Line, i: int) -> bool:
    """Whether a character is as high as capitals."""
    piece = line.own[i]
    return piece is not None and line.tall >= MIN_TALL_PX and bool(piece[1] <= line.tops[i] + BODY_LOSS * line.tall)


def _measured(text: Text, crop: Image) -> _Line:
    """The ink of a line, the pieces of its characters, and how high capitals are near each of them."""
    pieces = pieces_of(crop)
    own = _own_pieces(text, pieces, ink_mask(crop))
    known = [i for i, c in enumerate(text.text) if c in PLAIN_TALL and own[i] is not None]
    boxes = {i: piece for i in known if (piece := own[i]) is not None}
    tall = float(np.median([box[3] - box[1] for box in boxes.values()])) if boxes else 0.0
    tops = [_near_top(i, boxes) for i in range(len(own))]
    return _Line(pieces, _bodies(pieces), own, tops, tall)


def _near_top(i: int, boxes: Mapping[int, NDArray[np.int64]]) -> float:
    """The top in pixels of the three letters next to a character among those of known height; NaN without any."""
    near = sorted(boxes, key=lambda k: abs(k - i))[:3]
    return float(np.median([boxes[k][1] for k in near])) if near else np.nan


def _own_pieces(text: Text, pieces: Pieces, mask: NDArray[np.bool_]) -> list[NDArray[np.int64] | None]:
    """Of each character the piece of ink (4,) that is its body: by order where a word has as many as characters.

    mask: the ink of the line (H, W). Of a piece that several characters share each has its part.
    """
    out: list[NDArray[np.int64] | None] = [None] * len(text.text)
    if not len(pieces):
        return out
    width = mask.shape[1]
    centres = text.char_spans.mean(axis=1) * width
    bodies = _bodies(pieces)
    middles = (bodies[:, 0] + bodies[:, 2]) / 2
    spans = [match.span() for match in WORD.finditer(text.text)]
    for at, (start, end) in enumerate(spans):
        left = (centres[start] + centres[spans[at - 1][1] - 1]) / 2 if at else -1.0
        right = (centres[end - 1] + centres[spans[at + 1][0]]) / 2 if at + 1 < len(spans) else width + 1.0
        inside = bodies[(middles > left) & (middles <= right)]
        by_order = len(inside) == end - start
        others = np.array([i for i in range(start, end) if text.text[i] not in TICKS], np.int64)
        for i in range(start, end):
            piece = inside[i - start] if by_order else piece_at(text, i, pieces, width)
            out[i] = (
                piece
                if by_order or piece is None
                else _part(piece, centres[others[others < i]], centres[i], centres[others[others > i]], mask)
            )
    return out


def _part(
    piece: NDArray[np.int64], before: Floats, middle: np.float32, after: Floats, mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The part (4,) of a piece of ink that belongs to a character, by its middle and those of others of its word, in pixels."""
    x0, y0, x1, y1 = piece.tolist()
    is_shared = bool(np.any((before >= x0) & (before <= x1))) or bool(np.any((after >= x0) & (after <= x1)))
    left = max(x0, round(float(before[-1] + middle) / 2)) if len(before) else x0
    right = min(x1, round(float(middle + after[0]) / 2)) if len(after) else x1
    rows = np.flatnonzero(mask[y0:y1, left:right].any(axis=1)) if is_shared and left < right else np.zeros(0, np.int64)
    return np.array([left, y0 + rows[0], right, y0 + rows[-1] + 1]) if len(rows) else piece


def _bodies(pieces: Pieces) -> Pieces:
    """The pieces of ink without those that stand over or under a higher one."""
    heights, middles = pieces[:, 3] - pieces[:, 1], (pieces[:, 0] + pieces[:, 2]) / 2
    within = (pieces[:, None, 0] <= middles[None, :]) & (middles[None, :] < pieces[:, None, 2])
    within &= heights[:, None] > heights[None, :]
    return np.asarray(pieces[~within.any(axis=0)])


def _is_under_mark(line: _Line, piece: NDArray[np.int64], top: float, char: str) -> bool:
    """Whether a letter's ink, or a piece of its own above it, is clearly higher than capitals beside it."""
    x0, y0, x1, _ = piece.tolist()
    limit = top - CAPITAL_RISES.get(char, RISE) * line.tall
    if x1 - x0 > (NARROW if char in NARROW_LETTERS else WIDE) * line.tall or np.isnan(limit):
        return False
    if y0 <= limit:  # the mark touches the letter
        return bool(y0 > 0)
    limit = top - MIN_MARK * line.tall if char in CAPITAL_RISES else limit  # over these, any mark counts
    widths, heights = (line.pieces[:, 2:] - line.pieces[:, :2]).T
    middles = (line.pieces[:, 0] + line.pieces[:, 2]) / 2
    over = (middles >= x0 - 1) & (middles <= x1 + 1) & (line.pieces[:, 1] <= limit) & (line.pieces[:, 3] <= y0 + 1)
    over &= (line.pieces[:, 3] >= y0 - MARK_APART * line.tall) & (heights >= MIN_MARK * line.tall)
    over &= (widths >= MIN_MARK * line.tall) & (widths <= MAX_MARK * line.tall)
    return bool(over.any())


def _is_bare(line: _Line, piece: NDArray[np.int64], top: float) -> bool:
    """Whether a letter that is as low as small ones without a mark has no ink above it."""
    x0, y0, x1, _ = piece.tolist()
    if x1 - x0 > NARROW * line.tall or not y0 >= top + LOW * line.tall:
        return False
    middles = (line.pieces[:, 0] + line.pieces[:, 2]) / 2
    over = (middles >= x0 - 1 - MARK_APART * line.tall / 2) & (middles <= x1 + 1 + MARK_APART * line.tall / 2)
    return not bool(np.any(over & (line.pieces[:, 3] <= y0 + 1)))


def _is_beside_tick(line: _Line, piece: NDArray[np.int64]) -> bool:
    """Whether a small piece of ink stands at the head of a letter, over its foot or just behind it."""
    x0, y0, x1, y1 = piece.tolist()
    widths, middles = line.pieces[:, 2] - line.pieces[:, 0], (line.pieces[:, 0] + line.pieces[:, 2]) / 2
    near = (middles > (x0 + x1) / 2) & (line.pieces[:, 0] <= x1 + TICK_APART * line.tall)
    near &= (line.pieces[:, 3] <= y1 - TICK_FOOT * line.tall) & (line.pieces[:, 1] <= y0 + TICK_FOOT * line.tall)
    heights = line.pieces[:, 3] - line.pieces[:, 1]
    near &= (widths <= TICK_WIDTH * line.tall) & (widths >= MIN_MARK * line.tall) & (heights >= TICK_HEIGHT * line.tall)
    # What stands over another letter is the mark of that one.
    bodies: Pieces = line.bodies[(line.bodies[:, 0] != x0) & (line.bodies[:, 3] > y1 - TICK_FOOT * line.tall)]
    others = (bodies[:, None, 0] <= middles[None, :]) & (middles[None, :] <= bodies[:, None, 2])
    return bool(np.any(near & ~np.logical_or.reduce(others, axis=0)))
