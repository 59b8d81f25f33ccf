"""The rules of tables: grids in the ink, and boxes that reach over a rule."""

import cv2
import numpy as np

from inkline.detection.ink import page_ink
from inkline.detection.rules import cut_at_rules, find_grids
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
