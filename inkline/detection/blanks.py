"""Blanks to fill in, as in `Name: ________`: rules on the base line of the text beside them, over which nothing is written."""

import logging

import numpy as np
from numpy.typing import NDArray

from inkline.detection.ink import Ink
from inkline.types import Detections, Floats

log = logging.getLogger(__name__)

# In heights of the text beside a blank
MIN_WIDTH = 1.5
MAX_THICKNESS = 0.16
MAX_GAP = 1.5  # from the text before it to the blank
MAX_GAP_BEHIND = 0.5  # from the blank to the text behind it, where there is none before
LEVEL = 0.5, 1.2  # where in the text's box, from its top, the blank lies,
FOOT = -0.15, 0.3  # and how far below the text's base line: lines of a legend and fraction bars lie higher
MAX_OVER = 0.3  # by which a box may reach over the end of a blank and still begin there
FRAME = 0.05  # that a blank's box reaches below it at least
ROOM_ABOVE = 0.7  # over a blank, which is empty
MAX_INK_ABOVE = 0.004
HEADING, HEADING_RULE = 1.25, 6.0  # times as high as usual, and how long a rule behind it is at least that is no blank

MAX_RULES = 5000  # on a page, each of which is held against all boxes; more are a pattern


def with_blanks(found: Detections, ink: Ink) -> Detections:
    """The boxes, those that took in a blank cut at it, and those of blanks, which come last and have a score of 0.

    A blank's box is as high as the text beside it, so that it stands in its row.
    """
    if not len(found) or found.polygons is not None:
        return found
    boxes = np.concatenate([found.quads.min(axis=1), found.quads.max(axis=1)], axis=1)
    usual = float(np.median(boxes[:, 3] - boxes[:, 1]))
    blanks = _blanks(boxes, ink, usual)
    if not blanks:
        return found
    quads, scores, more = found.quads.copy(), found.scores, []
    for rule, beside in blanks:
        before = _texts_before(rule, boxes)  # of what the blanks left of it have cut
        text = int(before[boxes[before, 0].argmax()]) if len(before) else beside
        x0, y0, x1, y1 = boxes[text].tolist()
        height = y1 - y0
        # A box ends where a blank begins, and what it holds behind it is a box of its own.
        if x0 < rule[0] < x1:
            boxes[text, 2] = rule[0] - 1
            quads[text] = _upright(*boxes[text])
            if x1 > rule[2] + 0.4 * height and ink.share(rule[2] + 0.1 * height, y0, x1, y1) > 0:
                boxes = np.concatenate([boxes, [[rule[2] + 1, y0, x1, y1]]])
                quads = np.concatenate([quads, _upright(*boxes[-1])[None]])
                scores = np.append(scores, scores[text])
        # One that begins on a blank begins behind it.
        begun = _begins_within(rule, boxes)
        far = begun[rule[2] - boxes[begun, 0] > MAX_OVER * height]
        boxes[far, 0] = rule[2]
        for i in far:
            quads[i] = _upright(*boxes[i])
        # Where one reaches over by little, a sign may be there, and the blank is shorter.
        end = max(float(boxes[begun, 0].min(initial=rule[2])), float(rule[0]) + 1)
        more.append(_upright(rule[0], y0, end, max(y1, float(rule[3]) + FRAME * height)))
    return Detections(np.concatenate([quads, np.stack(more)]), np.concatenate([scores, np.zeros(len(more), np.float32)]))


def _blanks(boxes: Floats, ink: Ink, usual: float) -> list[tuple[Floats, int]]:
    """The rules (4,) that are blanks, from the left, each with its text's box (N, 4). usual: height of the page's boxes."""
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    rules = ink.boxes[(sizes[:, 0] >= MIN_WIDTH * usual) & (sizes[:, 1] <= np.maximum(MAX_THICKNESS * usual, 3))]
    if len(rules) > MAX_RULES:
        log.warning("no blanks to fill in are looked for on a page with %d rules; at most %d", len(rules), MAX_RULES)
        return []
    beside = [(rule, _text_beside(rule, boxes, ink, usual)) for rule in rules[np.argsort(rules[:, 0])]]
    return [(rule, text) for rule, text in beside if text is not None]


def _text_beside(rule: Floats, boxes: Floats, ink: Ink, usual: float) -> int | None:
    """The box of the text that a rule (4,) is a blank behind, or just before; or None. usual: height of the page's boxes."""
    x0, y0, x1, y1 = rule
    height = boxes[:, 3] - boxes[:, 1]
    in_row = _in_row(rule, boxes) & (x1 - x0 >= MIN_WIDTH * height)
    before = _texts_before(rule, boxes)
    begins = (boxes[:, 0] > x0) & (boxes[:, 0] - x1 <= MAX_GAP_BEHIND * height)
    after = np.flatnonzero(in_row & begins & (boxes[:, 2] > x1 + 0.3 * height))
    if not len(before) and not len(after):
        return None
    text = int(before[boxes[before, 0].argmax()] if len(before) else after[boxes[after, 0].argmin()])
    # What of it stands beside the rule, and where the rule is to that.
    left, top, right, bottom = boxes[text].tolist()
    part = (left, top, min(right, float(x0) - 2), bottom) if len(before) else (max(left, float(x1) + 2), top, right, bottom)
    high = bottom - top
    foot = ((y0 + y1) / 2 - _base_line(ink, *part)) / high
    if not FOOT[0] < foot < FOOT[1] or (high > HEADING * usual and x1 - x0 > HEADING_RULE * high):
        return None
    is_written_on = ink.share(x0, y0 - ROOM_ABOVE * high, x1, y0 - 1.5) > MAX_INK_ABOVE
    return None if is_written_on or y1 - y0 > max(MAX_THICKNESS * high, 2) else text


def _texts_before(rule: Floats, boxes: Floats) -> NDArray[np.int64]:
    """The boxes (N, 4) in whose row a rule (4,) lies that begin before it and end near it, or behind."""
    height = boxes[:, 3] - boxes[:, 1]
    in_row = _in_row(rule, boxes) & (rule[2] - rule[0] >= MIN_WIDTH * height)
    return np.flatnonzero(in_row & (boxes[:, 0] < rule[0] - 0.5 * height) & (rule[0] - boxes[:, 2] <= MAX_GAP * height))


def _in_row(rule: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """At the foot of which boxes (N, 4) a rule (4,) lies, or just below, wherever it begins."""
    level = ((rule[1] + rule[3]) / 2 - boxes[:, 1]) / np.maximum(boxes[:, 3] - boxes[:, 1], 1)
    return np.asarray((level > LEVEL[0]) & (level < LEVEL[1]))


def _begins_within(rule: Floats, boxes: Floats) -> NDArray[np.int64]:
    """The boxes (N, 4) that begin on a blank (4,) and go on behind it."""
    goes_on = boxes[:, 2] > rule[2] + 0.3 * (boxes[:, 3] - boxes[:, 1])
    return np.flatnonzero(_in_row(rule, boxes) & (boxes[:, 0] > rule[0]) & (boxes[:, 0] <= rule[2]) & goes_on)


def _base_line(ink: Ink, x0: float, y0: float, x1: float, y1: float) -> float:
    """Where the letters of a text stand, in pixels of the page: below that row its ink falls off most."""
    left, top, right, bottom = (max(round(v * ink.scale), 0) for v in (x0, y0, x1, y1))
    count = ink.mask[top:bottom, left : max(right, left + 1)].sum(axis=1, dtype=np.int64)
    if len(count) < 3:
        return y1
    # Of each two rows, those below; in the lower half, where no arms of letters are.
    two = np.append(count[:-1] + count[1:], [count[-1], 0, 0])
    fall = two[:-2] - two[2:]
    half = len(count) // 2
    return float((top + half + int(fall[half:].argmax()) + 2) / ink.scale)


def _upright(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
