"""Blanks to fill in: which rules they are, and boxes that had taken one in."""

import cv2
import numpy as np

from inkline.detection.blanks import with_blanks
from inkline.detection.ink import page_ink
from inkline.types import Detections


def page(*rules):
    """A white page with the words of a form's row at x = 20 to 100 and 420 to 500, 30 px high, and rules given as x0, y, x1."""
    image = np.full((200, 800, 3), 255, np.uint8)
    for x in (20, 420):
        for i in range(6):
            cv2.rectangle(image, (x + 14 * i, 80), (x + 14 * i + 8, 100), (0, 0, 0), -1)
    for x0, y, x1 in rules:
        cv2.line(image, (x0, y), (x1, y), (0, 0, 0), 2)
    return image


def found(*boxes):
    quads = [[[x0, 75], [x1, 75], [x1, 105], [x0, 105]] for x0, x1 in boxes]
    return Detections(np.array(quads, np.float32), np.ones(len(quads), np.float32))


def spans(detections):
    low, high = detections.quads.min(axis=1)[:, 0], detections.quads.max(axis=1)[:, 0]
    return [(round(float(a)), round(float(b)), float(s)) for a, b, s in zip(low, high, detections.scores, strict=True)]


def test_a_rule_behind_text_is_a_blank_as_high_as_the_text():
    out = with_blanks(found((18, 106), (418, 506)), page_ink(page((120, 101, 400))))
    assert spans(out)[:2] == [(18, 106, 1.0), (418, 506, 1.0)]
    ((x0, x1, score),) = spans(out)[2:]
    assert abs(x0 - 120) <= 2 and abs(x1 - 401) <= 2 and score == 0
    assert np.ptp(out.quads[2], axis=0)[1] == 30


def test_a_box_that_took_in_a_blank_and_what_follows_is_cut_at_it():
    out = with_blanks(found((18, 506)), page_ink(page((120, 101, 400))))
    ends = [(a, b) for a, b, _ in spans(out)]
    assert len(ends) == 3 and ends[0][1] <= 120 and ends[1][0] >= 400 and ends[2][0] >= 118


def test_no_blank_is_a_rule_under_text_or_far_from_any():
    for rule in ((20, 112, 100), (200, 101, 400), (120, 40, 400), (10, 101, 780)):
        boxes = found((18, 106), (418, 506))
        assert with_blanks(boxes, page_ink(page(rule))) is boxes, rule
