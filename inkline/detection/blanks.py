"""Blanks to fill in, as in `Name: ________`: rules on the base line of the text before them, over which nothing is written."""

import numpy as np

from inkline.detection.ink import Ink
from inkline.types import Detections, Floats

# In heights of the text before a blank
MIN_WIDTH = 1.5
MAX_THICKNESS = 0.16
MAX_GAP = 1.5  # from the text to the blank
MAX_OVER = 0.2  # by which a box may reach over the start of a blank that it does not take in
FOOT = 0.55, 1.1  # where in the text's box, from its top, the blank lies
ROOM_ABOVE = 0.7  # over a blank, which is empty
MAX_INK_ABOVE = 0.004
MAX_BLANKS = 100  # on a page; more are the rules of a table, or of ruled paper


def with_blanks(found: Detections, ink: Ink) -> Detections:
    """The boxes, those that took in a blank cut at it, and those of blanks, which come last and have a score of 0.

    A blank's box is as high as the text before it, so that it stands in its row.
    """
    if not len(found) or found.polygons is not None:
        return found
    boxes = np.concatenate([found.quads.min(axis=1), found.quads.max(axis=1)], axis=1)
    usual = float(np.median(boxes[:, 3] - boxes[:, 1]))
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    rules = ink.boxes[(sizes[:, 0] >= MIN_WIDTH * usual) & (sizes[:, 1] <= np.maximum(MAX_THICKNESS * usual, 3))]
    before = [(rule, _text_before(rule, boxes, ink)) for rule in rules[np.argsort(rules[:, 0])]]
    blanks = [(rule, text) for rule, text in before if text is not None]
    if not blanks or len(blanks) > MAX_BLANKS:
        return found
    # Boxes end where a blank begins, and what they hold behind it is a box of its own.
    quads, scores, more = found.quads.copy(), found.scores, []
    for rule, text in blanks:
        x0, y0, x1, y1 = boxes[text]
        if x1 > rule[0]:
            quads[text] = _upright(x0, y0, rule[0] - 1, y1)
            height = y1 - y0
            if x1 > rule[2] + 0.4 * height and ink.share(rule[2] + 0.1 * height, y0, x1, y1) > 0:
                boxes = np.concatenate([boxes, [[rule[2] + 1, y0, x1, y1]]])
                quads = np.concatenate([quads, _upright(*boxes[-1])[None]])
                scores = np.append(scores, scores[text])
            boxes[text, 2] = rule[0] - 1
        more.append(_upright(rule[0], y0, rule[2], y1))
    return Detections(np.concatenate([quads, np.stack(more)]), np.concatenate([scores, np.zeros(len(more), np.float32)]))


def _text_before(rule: Floats, boxes: Floats, ink: Ink) -> int | None:
    """The box of the text that a rule (4,) is a blank behind, or None."""
    x0, y0, x1, y1 = rule
    height = boxes[:, 3] - boxes[:, 1]
    level = ((y0 + y1) / 2 - boxes[:, 1]) / np.maximum(height, 1)
    is_before = (boxes[:, 0] < x0 - 0.5 * height) & (x0 - boxes[:, 2] <= MAX_GAP * height)
    near = np.flatnonzero(is_before & (level > FOOT[0]) & (level < FOOT[1]) & (x1 - x0 >= MIN_WIDTH * height))
    if not len(near):
        return None
    text = int(near[boxes[near, 0].argmax()])
    room = ROOM_ABOVE * float(height[text])
    if ink.share(x0, y0 - room, x1, y0 - 1.5) > MAX_INK_ABOVE or y1 - y0 > max(MAX_THICKNESS * height[text], 2):
        return None
    return text


def _upright(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
