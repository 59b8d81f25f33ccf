"""Blanks to fill in: which rules they are, and boxes that had taken one in."""

import cv2
import numpy as np
import pytest

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


def test_a_box_that_took_in_several_blanks_is_cut_at_each():
    """The second stands in what the cut at the first has left."""
    out = with_blanks(found((18, 640)), page_ink(page((120, 101, 400), (520, 101, 640))))
    ends = sorted((a, b) for a, b, score in spans(out) if score)
    assert len(out) == 4 and ends[0][1] <= 120 and ends[1][0] >= 400 and ends[1][1] <= 520


def test_no_blank_is_a_rule_under_text_or_far_from_any():
    for rule in ((20, 112, 100), (200, 101, 400), (120, 40, 400), (10, 101, 780)):
        boxes = found((18, 106), (418, 506))
        assert with_blanks(boxes, page_ink(page(rule))) is boxes, rule


@pytest.mark.parametrize("y", [86, 90, 94, 115])
def test_no_blank_is_a_rule_above_the_base_line_or_far_below_it(y):
    boxes = found((18, 106), (418, 506))  # whose letters stand on 100: lines of a legend, fraction bars, rules beside a title
    assert with_blanks(boxes, page_ink(page((120, y, 400)))) is boxes


def test_a_long_rule_behind_a_heading_is_no_blank():
    image = page((120, 101, 400))
    lines = [[[420, y], [700, y], [700, y + 16], [420, y + 16]] for y in (120, 140, 160)]
    boxes = found((18, 106))
    quads = np.concatenate([boxes.quads, np.array(lines, np.float32)])
    assert len(with_blanks(Detections(quads, np.ones(4, np.float32)), page_ink(image))) == 4


def test_a_blank_before_text_that_touches_it_is_one_and_the_text_begins_behind_it():
    out = with_blanks(found((390, 506)), page_ink(page((300, 101, 415))))
    (text, blank) = spans(out)
    assert abs(text[0] - 416) <= 2 and abs(blank[0] - 300) <= 2 and abs(blank[1] - 416) <= 2
    (text, blank) = spans(with_blanks(found((412, 506)), page_ink(page((300, 101, 415)))))
    assert text[0] == 412 and blank[1] == 412  # what reaches over by little may be a sign


def test_no_blank_of_a_page_with_hundreds_is_lost():
    image = np.full((2600, 800, 3), 255, np.uint8)
    boxes = []
    for y in range(40, 2560, 20):
        cv2.putText(image, "Name", (20, y), cv2.FONT_HERSHEY_DUPLEX, 0.4, (0, 0, 0), 1)
        cv2.line(image, (80, y + 1), (300, y + 1), (0, 0, 0), 1)
        boxes.append([[18, y - 10], [62, y - 10], [62, y + 3], [18, y + 3]])
    out = with_blanks(Detections(np.array(boxes, np.float32), np.ones(len(boxes), np.float32)), page_ink(image))
    assert len(boxes) == 126 and int((out.scores == 0).sum()) == 126


def test_a_page_with_thousands_of_rules_is_left_as_it_is_and_says_so(caplog, monkeypatch):
    monkeypatch.setattr("inkline.detection.blanks.MAX_RULES", 1)
    boxes = found((18, 106), (418, 506))
    assert with_blanks(boxes, page_ink(page((120, 101, 400), (520, 101, 700)))) is boxes
    assert "2 rules" in caplog.text
