"""Columns of Chinese and Japanese: characters that a net does not see in a line lying on its side, read upright.

A recogniser reads a column turned by 90 degrees. It was taught so, but drops what looks other then than in a line: the bar ー,
small kana, and the marks 。 and 、, which stand at the top right of their square. The squares that it left empty although
they hold ink are set side by side as in a line and read again.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import turn
from inkline.recognition.words import ink_mask
from inkline.types import Floats, Image, Text

MIN_CHARACTERS = 3  # fewer do not tell how far squares are apart
SMALL_RATIO = 0.55  # of a square: both sides of a mark are smaller
BAR_RATIO = 0.3, 0.5  # of a square: a bar is narrower and higher


def is_wide(char: str) -> bool:
    """Whether a character fills a square: Han, kana, and the marks that go with them."""
    return unicodedata.east_asian_width(char) in ("W", "F")


def complete_columns(
    texts: Sequence[Text], crops: Sequence[Image], columns: Sequence[int], read: Callable[[list[Image]], list[Text]]
) -> list[Text]:
    """The texts of lines, with what was missing in those of `columns`, which were turned to be read; `read` reads lines."""
    out = list(texts)
    wide = [i for i in columns if len(out[i].text) >= MIN_CHARACTERS and all(map(is_wide, out[i].text))]
    squares = {i: found for i in wide if (found := _squares(crops[i], out[i])) is not None}
    lines = [_as_line(crops[i], edges) for i, (edges, _) in squares.items()]
    for (i, (edges, places)), line in zip(squares.items(), read(lines) if lines else [], strict=True):
        out[i] = _filled(out[i], line, places, edges / crops[i].shape[1])
    return out


def _squares(crop: Image, text: Text) -> tuple[Floats, NDArray[np.int64]] | None:
    """The edges of the squares of a turned column in pixels, and the square of each character; None if none is empty."""
    # How far squares are apart: as the characters seen are, and so that ink does not cross their edges.
    ink = ink_mask(crop).sum(axis=0)
    inked = np.flatnonzero(ink)
    centres = text.char_spans.mean(axis=1) * crop.shape[1]
    steps = np.diff(centres)
    near = steps[(steps > 0.5 * crop.shape[0]) & (steps < 1.3 * crop.shape[0])]
    if not len(near) or not len(inked):
        return None
    numbers = np.concatenate([[0], np.cumsum(np.rint(steps / np.median(near)))])
    pitch = float(np.polyfit(numbers, centres, 1)[0])
    best = (np.inf, 0.0, pitch)
    for wanted in np.linspace(0.985, 1.015, 13) * pitch:
        for start in inked[0] - np.arange(0, 0.5, 0.02) * wanted:
            edges = np.arange(start, inked[-1] + wanted, wanted)
            crossed = float(ink[np.clip(np.rint(edges), 0, len(ink) - 1).astype(np.int64)].mean())
            best = min(best, (crossed, float(start), float(wanted)))
    _, start, pitch = best
    count = max(round((inked[-1] - start) / pitch + 0.3), 1)
    edges = start + pitch * np.arange(count + 1)
    # Which squares the characters stand in, and whether another one holds ink.
    places = np.clip(np.floor((centres - start) / pitch), 0, count - 1).astype(np.int64)
    bounds = np.clip(np.rint(edges), 0, len(ink)).astype(np.int64)
    empty = set(range(count)) - set(places.tolist())
    if len(set(places.tolist())) < len(places) or not any(ink[bounds[k] : bounds[k + 1]].any() for k in empty):
        return None
    return edges.astype(np.float32), places


def _as_line(crop: Image, edges: Floats) -> Image:
    """The squares of a turned column, upright and side by side, marks and bars put as a line has them."""
    side = max(int(np.ceil(edges[1] - edges[0])), crop.shape[0])
    paper = tuple(int(v) for v in np.median(crop.reshape(-1, 3), axis=0))
    bounds = np.clip(np.rint(edges), 0, crop.shape[1]).astype(np.int64)
    squares = []
    for a, b in pairwise(bounds.tolist()):
        square = turn(crop[:, a:b], 270) if b > a else np.full((1, 1, 3), paper, np.uint8)
        above, left = side - square.shape[0], side - square.shape[1]
        borders = above // 2, above - above // 2, left // 2, left - left // 2
        whole = cv2.copyMakeBorder(square, *borders, cv2.BORDER_CONSTANT, value=paper)
        squares.append(_as_in_a_line(np.asarray(whole, np.uint8), paper))
    return np.hstack(squares)


def _as_in_a_line(square: Image, paper: tuple[int, ...]) -> Image:
    """A square of a column as it would be in a line: a mark goes from the top right to the bottom left, a bar lies down."""
    side = len(square)
    rows, columns = np.nonzero(ink_mask(square))
    if not len(rows):
        return square
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if width < BAR_RATIO[0] * side and height > BAR_RATIO[1] * side:
        return turn(square, 90)
    if max(height, width) < SMALL_RATIO * side and rows.mean() < side / 2 < columns.mean():
        out = np.full_like(square, paper)
        part = square[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        top, left = side - side // 8 - height, side // 10
        out[top : top + height, left : left + width] = part
        return out
    return square


def _filled(text: Text, line: Text, places: NDArray[np.int64], edges: Floats) -> Text:
    """The text with those characters of the line of squares that stand where it has none. edges: as fractions of the column."""
    count = len(edges) - 1
    squares = np.clip((line.char_spans.mean(axis=1) * count).astype(np.int64), 0, count - 1) if line.text else np.zeros(0, int)
    columns = text.plain or text.text, text.char_scores, text.char_spans, text.evidence
    rows: list[tuple[int, str, str, float, Floats, Floats]] = list(zip(places.tolist(), text.text, *columns, strict=True))
    taken = set(places.tolist())
    for k, char, score, evidence in zip(squares.tolist(), line.text, line.char_scores, line.evidence, strict=True):
        if k not in taken and is_wide(char):
            taken.add(k)
            rows.append((k, char, char, score, edges[k : k + 2], evidence))
    rows.sort(key=lambda row: row[0])
    scores = np.array([row[3] for row in rows], np.float32)
    spans = np.array([row[4] for row in rows], np.float32)
    evidence = np.array([row[5] for row in rows], np.float32)
    chars, plain = "".join(row[1] for row in rows), "".join(row[2] for row in rows)
    known = replace(text, text=chars, score=float(scores.mean()), char_scores=scores, char_spans=spans, plain=plain)
    return replace(known, evidence=evidence)
