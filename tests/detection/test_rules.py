"""The rules of tables: grids in the ink, and boxes that reach over a rule."""

import cv2
import numpy as np
import pytest

from inkline.detection.ink import page_ink
from inkline.detection.rules import cut_at_rules, find_grids
from inkline.layout.tables import Grid
from inkline.types import Detections

XS, YS = (50, 250, 450, 700), (60, 120, 180, 240)


def page(xs=XS, ys=YS):
    image = np.full((300, 800, 3), 255, np.uint8)
    for x in xs:
        cv2.line(image, (x, ys[0]), (x, ys[-1]), (0, 0, 0), 2)
    for y in ys:
        cv2.line(image, (xs[0], y), (xs[-1], y), (0, 0, 0), 2)
    return image


def found(*boxes):
    quads = [[[x0, y - 15], [x1, y - 15], [x1, y + 15], [x0, y + 15]] for x0, x1, y in boxes]
    return Detections(np.array(quads, np.float32).reshape(-1, 4, 2), np.ones(len(quads), np.float32))


def test_rules_that_cross_are_a_grid():
    boxes = found((60, 200, 90), (260, 400, 90))
    (grid,) = find_grids(boxes, page_ink(page()))
    np.testing.assert_allclose(grid.xs, XS, atol=2)
    np.testing.assert_allclose(grid.ys, YS, atol=2)


def test_a_frame_without_rules_inside_is_none():
    assert find_grids(found((60, 200, 90)), page_ink(page((50, 700), (60, 240)))) == []


def test_a_box_over_a_rule_is_cut_there():
    boxes = found((60, 430, 90), (60, 255, 150), (100, 600, 280))
    out = cut_at_rules(boxes, find_grids(boxes, page_ink(page())), page_ink(page()))
    spans = [(float(quad[:, 0].min()), float(quad[:, 0].max())) for quad in out.quads]
    assert len(spans) == 4  # the second ends at the rule, the third stands below the table
    assert spans[0][0] == 60 and abs(spans[0][1] - 250) <= 2 and spans[1][1] == 430
    assert cut_at_rules(boxes, [], page_ink(page())) is boxes


def test_a_grid_without_boxes_cuts_nothing():
    ink = page_ink(page())
    grids = find_grids(found((60, 200, 90)), ink)
    assert grids and not len(cut_at_rules(found(), grids, ink).quads)


def test_a_cell_over_two_columns_is_not_cut():
    image = page((50, 150, 250, 450, 700), (60, 120, 180, 240, 300, 360))
    image[62:119, 445:456] = 255  # the last rule inside begins under the first row
    ink, boxes = page_ink(image), found((280, 650, 90))
    grids = find_grids(boxes, ink)
    assert 450 in np.round(grids[0].xs)
    np.testing.assert_array_equal(cut_at_rules(boxes, grids, ink).quads, boxes.quads)


def written(image, text, x, y, height=20):
    """The image with a text whose letters stand on y, and the span from x to where it ends."""
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_DUPLEX, height, 2)
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, (0, 0, 0), 2, cv2.LINE_AA)
    return x, x + cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)[0][0]


def test_a_word_that_runs_over_a_rule_is_not_cut():
    image = page()
    spans = [written(image, text, 180, y) for text, y in (("Mamomamm", 100), ("wodobedo", 160))]  # over the rule at 250
    written(image, "abc", 270, 220)
    boxes = found(*((x0 - 4, x1 + 4, y) for (x0, x1), y in zip(spans, (90, 150), strict=True)), (266, 320, 210))
    ink = page_ink(image)
    assert all(x0 < 230 and x1 > 270 for x0, x1 in spans)
    grids = [Grid(XS, YS)]
    np.testing.assert_array_equal(cut_at_rules(boxes, grids, ink).quads, boxes.quads)


def test_texts_close_to_a_rule_are_cut_there_also_in_the_first_row():
    image = page((50, 250, 450, 700), (60, 95, 130, 165))
    (_, end), (start, last) = written(image, "Mamo", 0, 290), written(image, "Momo", 256, 88)
    image[265:] = 255
    first, _ = written(image, "Mamo", 250 - 6 - end, 88)
    boxes = found((first - 3, last + 3, 78))
    ink = page_ink(image)
    out = cut_at_rules(boxes, find_grids(boxes, ink), ink)
    assert len(out) == 2 and abs(out.quads[0, 1, 0] - 250) <= 2 and start > 250


def set_at(image, text, x, y, at_right, height):
    """The image with a text above y whose ink ends before x or begins at it."""
    paper = np.full((60, 300, 3), 255, np.uint8)
    written(paper, text, 20, 40, height)
    columns = np.flatnonzero((paper < 128).any(axis=(0, 2)))
    ink = paper[:, columns[0] : columns[-1] + 1]
    start = x - ink.shape[1] if at_right else x
    part = image[y - 40 : y + 20, start : start + ink.shape[1]]
    np.minimum(part, ink, out=part)
    return start, start + ink.shape[1]


@pytest.mark.parametrize(("padding", "height", "blur"), [(1, 9, 0), (1, 14, 0.7), (2, 24, 0.7)])
def test_figures_a_pixel_or_two_from_a_rule_are_parted_there(padding, height, blur):
    image = page((50, 250, 450, 700), (60, 120, 180, 240))
    boxes = []
    for y, left, right in ((100, "13.7", "04711-1"), (160, "1130.25", "00815-2"), (220, "7.01", "31100-9")):
        start, _ = set_at(image, left, 249 - padding, y, True, height)  # the rule's pixels are 249 to 251
        _, end = set_at(image, right, 252 + padding, y, False, height)
        boxes.append((start - 3, end + 3, y - height // 2))
    image = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
    quads = [[[x0, y - height], [x1, y - height], [x1, y + height], [x0, y + height]] for x0, x1, y in boxes]
    lines, ink = Detections(np.array(quads, np.float32), np.ones(3, np.float32)), page_ink(image)
    grids = find_grids(lines, ink)
    assert [round(x) for x in grids[0].xs] == [50, 250, 450, 700]
    out = cut_at_rules(lines, grids, ink)
    assert len(out) == 6 and all(abs(quad[1, 0] - 250) <= 2 for quad in out.quads[::2])


def test_boxes_end_beside_rules_and_leave_what_is_behind_one_to_their_neighbours():
    """Nothing is left out: where no other box holds what is behind the rule, the box stays as it is."""
    image = page()
    set_at(image, "13.7", 244, 100, True, 20)
    start, end = set_at(image, "04711", 256, 100, False, 20)
    ink, grids = page_ink(image), [Grid(XS, YS)]
    (left, right) = cut_at_rules(found((180, 262, 90), (246, end + 3, 90)), grids, ink).quads
    assert 248 <= left[1, 0] <= 250 and 251 <= right[0, 0] <= start and right[1, 0] == end + 3
    assert cut_at_rules(found((180, 262, 90)), grids, ink).quads[0, 1, 0] == 262
    assert cut_at_rules(found((180, 254, 90)), grids, ink).quads[0, 1, 0] == left[1, 0]


def test_a_cross_over_running_text_is_no_grid():
    image = page((50, 360, 700), (60, 150, 240))
    texts = {100: "Mom amonmem omo memom amomem", 140: "memomom amo memom ammomo", 190: "amomam omem ammo momemomo"}
    lines = [(*written(image, text, 60, y), y) for y, text in texts.items()]
    boxes = found(*((x0 - 4, x1 + 4, y - 10) for x0, x1, y in lines))
    assert all(x1 > 400 for _, x1, _ in lines)
    assert find_grids(boxes, page_ink(image)) == []
    apart = found((60, 340, 90), (380, 600, 90), (60, 340, 190), (380, 600, 190))
    assert len(find_grids(apart, page_ink(page((50, 360, 700), (60, 150, 240))))) == 1
