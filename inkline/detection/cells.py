"""Signs and figures that stand alone in a cell and that a detector overlooks: small pieces of ink in a row and a column."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from inkline.detection.ink import Ink
from inkline.layout.in_row import Boxes, measure, texts_beside
from inkline.types import Detections, Floats, empty_quads

MAX_FOUND = 0.7  # of the boxes at hand: more are specks, or the letters of a script that the detector does not see
MAX_GLYPHS = 200  # on a page; more are a pattern

# In heights of the row's text
MAX_NARROW = 1.5  # both sides of a box that may be a glyph's
MIN_SIZE = 0.12  # of the longer side of a glyph
MAX_WIDTH = 1.2
JOINED = 0.3  # pieces nearer than this are one figure
MAX_JOINED_HEIGHT = 1.2  # of that; figures of two tight rows are as near
FREE = 0.25  # around a glyph there is nothing but paper and specks
NEAR = 0.1  # beside a glyph, specks are of it
FREE_ABOVE = 0.35  # of a high glyph's own height, above and below it: rows may be tight
HIGH = 0.5  # from which a glyph is high
MAX_SPECKS = 0.25  # of the ink of a glyph, that the specks around it have together
MIN_ROOM = 0.5  # between a glyph and the text of its row
MAX_OFF = 0.3  # of a glyph's middle from the row's
RULE_THICKNESS, RULE_SIDE = 0.2, 8.0  # of a piece of a broken rule at most, and the width of a part that is looked at
RULE_STRIP, RULE_SHARE = 0.25, 0.5  # the height of such a part, and how much of its width the pieces cover
ROWS_APART = 4.0  # of a cell from the next of its column

Bounds = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


def with_lone_glyphs(found: Detections, ink: Ink) -> Detections:
    """The boxes, those of glyphs that stand alone in a row set around their ink, and boxes of glyphs that were overlooked.

    The latter come last, with a score of 0. A glyph is taken where it is in a row with text that was found, in a column with
    another box or glyph, and free.
    """
    if len(found) < 2 or found.polygons is not None:
        return found
    boxes = measure(found.quads)
    usual = float(np.median(boxes.height))
    ink = _without_broken_rules(ink, usual)
    alone = np.flatnonzero((boxes.width < MAX_NARROW * usual) & (boxes.height < MAX_NARROW * usual)).tolist()
    glyphs = np.array(list(_in_rows(ink, boxes, alone)), np.float32).reshape(-1, 5)
    # A detector's box of a dash is often too high, and beside it.
    quads, new = found.quads.copy(), np.ones(len(glyphs), bool)
    low, high = quads[alone].min(axis=1), quads[alone].max(axis=1)
    for number, glyph in enumerate(glyphs):
        touched = np.flatnonzero(((low <= glyph[2:4]) & (high >= glyph[:2])).all(axis=1))
        new[number] = not len(touched)
        if len(touched) == 1 and _is_all_ink(ink, glyph, low[touched[0]], high[touched[0]]):
            quads[alone[int(touched[0])]] = _framed(glyph)
    # What no box was at.
    glyphs = glyphs[new]
    glyphs = glyphs[_in_columns(glyphs, boxes)]
    if len(glyphs) > min(MAX_FOUND * len(found) + 4, MAX_GLYPHS):
        glyphs = glyphs[:0]
    more = np.stack([_framed(glyph) for glyph in glyphs]) if len(glyphs) else empty_quads()
    return Detections(np.concatenate([quads, more]), np.concatenate([found.scores, np.zeros(len(more), np.float32)]))


def _without_broken_rules(ink: Ink, usual: float) -> Ink:
    """The ink without rows of flat pieces, such as dashed or worn rules. usual: height of the page's boxes."""
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    flat = np.flatnonzero((sizes[:, 1] <= RULE_THICKNESS * usual) & (sizes[:, 0] <= RULE_SIDE * usual))
    if not len(flat):
        return ink
    # How much of the page's width such pieces cover, strip by strip; a rule may lie in two.
    of_rule = np.zeros(len(ink.boxes), bool)
    pitch, middle = RULE_STRIP * usual, (ink.boxes[flat, 1] + ink.boxes[flat, 3]) / 2
    for shift in (0.0, 0.5):
        strip = (middle / pitch + shift).astype(np.int64)
        part = strip * 1000 + (ink.boxes[flat, 0] / (RULE_SIDE * usual)).astype(np.int64)
        _, at = np.unique(part, return_inverse=True)
        of_rule[flat] |= np.bincount(at, sizes[flat, 0])[at] >= RULE_SHARE * RULE_SIDE * usual
    if not of_rule.any():
        return ink
    mask = ink.mask.copy()
    for x0, y0, x1, y1 in (ink.boxes[of_rule] * ink.scale).round().astype(np.int64).tolist():
        mask[y0:y1, x0:x1] = 0
    return replace(ink, mask=mask, boxes=ink.boxes[~of_rule], areas=ink.areas[~of_rule])


def _in_rows(ink: Ink, boxes: Boxes, alone: list[int]) -> Iterator[tuple[float, ...]]:
    """Glyphs that stand free in a row of text: x0, y0, x1, y1, and the height of the text. alone: boxes of such glyphs."""
    # What is no part of another box, and has the size of a glyph.
    usual = float(np.median(boxes.height))
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    fits = (sizes.max(axis=1) >= MIN_SIZE * usual) & (sizes.max(axis=1) <= 2.5 * usual) & (sizes[:, 0] <= 2 * usual)
    pieces = ink.boxes[fits]
    others = np.delete(boxes.quads, alone, axis=0)
    low, high = others.min(axis=1), others.max(axis=1)
    x, y = ((pieces[:, :2] + pieces[:, 2:]) / 2).T[:, :, None]
    covered = (x >= low[:, 0]) & (x <= high[:, 0]) & (y >= low[:, 1]) & (y <= high[:, 1])
    pieces = pieces[~covered.any(axis=1)]
    glyphs = np.array(list(_joined(pieces, JOINED * usual, usual)), np.float64).reshape(-1, 4)
    middles, sizes = (glyphs[:, :2] + glyphs[:, 2:]) / 2, glyphs[:, 2:] - glyphs[:, :2]
    beside = texts_beside(boxes, middles.astype(np.float32), sizes.astype(np.float32))
    for (x0, y0, x1, y1), text in zip(glyphs[beside >= 0].tolist(), beside[beside >= 0].tolist(), strict=True):
        height = float(boxes.height[text])
        level = boxes.middle[text, 1] + boxes.slope[text] * ((x0 + x1) / 2 - boxes.middle[text, 0])
        room = max(boxes.middle[text, 0] - boxes.width[text] / 2 - x1, x0 - boxes.middle[text, 0] - boxes.width[text] / 2)
        off = abs((y0 + y1) / 2 - level)
        fits_row = x1 - x0 <= MAX_WIDTH * height and y1 - y0 <= height and off <= MAX_OFF * height
        fits_row = fits_row and room >= MIN_ROOM * height and max(x1 - x0, y1 - y0) >= MIN_SIZE * height
        if fits_row and _is_free(ink, (x0, y0, x1, y1), height):
            yield x0, y0, x1, y1, height


def _joined(pieces: Floats, gap: float, height: float) -> Iterator[Bounds]:
    """The bounds of pieces (N, 4), those nearer than a gap put together if that is no higher than a row of text."""
    waiting: list[Bounds] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in pieces[np.argsort(pieces[:, 0])].tolist()]
    while waiting:
        first = waiting.pop(0)
        end = bisect_right(waiting, first[2] + gap, key=itemgetter(0))  # all others stand further right
        low, high = first[1] - 2 * gap, first[3] + 2 * gap  # most others stand far above or below
        level = [k for k in range(end) if waiting[k][1] < high and waiting[k][3] > low]
        near = {k for k in level if _are_near(first, waiting[k], gap, height)}
        if near:
            joined = _around([first, *(waiting[k] for k in near)])
            waiting[:end] = [joined, *(waiting[k] for k in range(end) if k not in near)]
        else:
            yield first


def _are_near(first: Bounds, second: Bounds, gap: float, height: float) -> bool:
    """Whether two pieces are nearer than a gap, both across and down, and together as high as one glyph."""
    across = second[0] - first[2] < gap and first[0] - second[2] < gap
    highest = max(height, first[3] - first[1], second[3] - second[1])
    fits = max(first[3], second[3]) - min(first[1], second[1]) <= MAX_JOINED_HEIGHT * highest
    return across and second[1] - first[3] < gap and first[1] - second[3] < gap and fits


def _around(pieces: Iterable[Bounds]) -> Bounds:
    """The bounds of several pieces together."""
    x0, y0, x1, y1 = zip(*pieces, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _is_free(ink: Ink, box: Bounds, height: float) -> bool:
    """Whether there is no ink but specks around a box in a row of text of this height."""
    x0, y0, x1, y1 = box
    a, b = FREE * height, max(NEAR * height, 1.0)
    up = FREE_ABOVE * (y1 - y0) if y1 - y0 >= HIGH * height else a
    around = (
        (x0 - a, y0 - up, x0 - b, y1 + up),
        (x1 + b, y0 - up, x1 + a, y1 + up),
        (x0, y0 - up, x1, y0 - 1),
        (x0, y1 + 1, x1, y1 + up),
    )
    return sum(_ink_in(ink, side) for side in around) <= MAX_SPECKS * _ink_in(ink, box)


def _is_all_ink(ink: Ink, glyph: Floats, low: Floats, high: Floats) -> bool:
    """Whether a box with these corners holds no ink but specks beside a glyph (5,): 4.1 is more than the 1 alone."""
    x0, y0, x1, y1 = glyph[:4].tolist()
    whole = min(float(low[0]), x0), y0, max(float(high[0]), x1), y1
    return _ink_in(ink, whole) <= (1 + MAX_SPECKS) * _ink_in(ink, (x0, y0, x1, y1)) + 1


def _ink_in(ink: Ink, part: Bounds) -> float:
    """How many pixels of a part of a page are ink."""
    x0, y0, x1, y1 = part
    return ink.share(*part) * max(x1 - x0, 0) * max(y1 - y0, 0)


def _in_columns(glyphs: Floats, boxes: Boxes) -> NDArray[np.bool_]:
    """Which glyphs (N, 5) have another cell above or below: a box or a glyph that it shares a part of its width with."""
    bounds = np.concatenate([boxes.quads.min(axis=1), boxes.quads.max(axis=1)], axis=1)
    cells = np.concatenate([bounds, glyphs[:, :4]])
    x0, y0, x1, y1, height = glyphs.T[:, :, None]
    shared = np.minimum(x1, cells[:, 2]) - np.maximum(x0, cells[:, 0]) > 0
    gap = np.maximum(y0 - cells[:, 3], cells[:, 1] - y1)
    return np.asarray((shared & (gap > 0) & (gap < ROWS_APART * height)).any(axis=1))


def _framed(glyph: Floats) -> Floats:
    """The quad (4, 2) of a glyph with the margin that a detector leaves."""
    x0, y0, x1, y1, height = glyph.tolist()
    a = 0.15 * height
    return np.array([[x0 - a, y0 - a], [x1 + a, y0 - a], [x1 + a, y1 + a], [x0 - a, y1 + a]], np.float32)
