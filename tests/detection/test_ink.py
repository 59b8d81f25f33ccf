"""Leaders and lone glyphs, found by their ink on pages of rectangles."""

import time

import cv2
import numpy as np
import pytest

from inkline.detection.cells import with_lone_glyphs
from inkline.detection.ink import page_ink
from inkline.detection.leaders import erase_leaders, leaders
from inkline.types import Detections


def paper(width=600, height=200):
    return np.full((height, width, 3), 255, np.uint8)


def dots(image, y, start, count, pitch=10, size=3):
    for i in range(count):
        cv2.rectangle(image, (start + pitch * i, y), (start + pitch * i + size - 1, y + size - 1), (20, 20, 20), -1)


def bar(image, x0, y0, x1, y1):
    cv2.rectangle(image, (x0, y0), (x1, y1), (20, 20, 20), -1)


def title_and_number(image, y):
    bar(image, 20, y - 16, 120, y)
    bar(image, 560, y - 16, 570, y)


def test_dots_between_title_and_number_are_erased_and_nothing_else():
    image = paper()
    title_and_number(image, 60)
    clean = image.copy()
    dots(image, 58, 140, 40)
    assert [len(run) for run in leaders(page_ink(image))] == [40]
    assert np.array_equal(erase_leaders(image, page_ink(image)), clean)


@pytest.mark.parametrize("number", [None, "far"])
def test_dots_that_lead_nowhere_stay(number):
    image = paper()
    bar(image, 20, 44, 120, 60)
    dots(image, 58, 140, 20)
    if number:
        bar(image, 560, 44, 570, 60)
    assert erase_leaders(image, page_ink(image)) is image


def test_dots_under_text_and_three_dots_stay():
    image = paper()
    title_and_number(image, 60)
    bar(image, 200, 40, 400, 52)  # what somebody wrote on the dots
    dots(image, 58, 140, 40)
    title_and_number(image, 160)
    dots(image, 158, 526, 3)
    assert erase_leaders(image, page_ink(image)) is image


def boxes(*bounds):
    quads = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in bounds]
    return Detections(np.array(quads, np.float32), np.full(len(bounds), 0.9, np.float32))


def test_dashes_in_rows_and_a_column_are_found():
    image = paper()
    for y in (50, 100, 150):
        bar(image, 20, y - 10, 120, y + 10)
        bar(image, 300, y - 1, 309, y + 1)
    bar(image, 500, 99, 509, 101)  # in no column
    bar(image, 400, 125, 409, 127)  # in no row
    rows = boxes(*((15, y - 15, 125, y + 15) for y in (50, 100, 150)))
    found = with_lone_glyphs(rows, page_ink(image))
    new = found.quads[found.scores == 0]
    assert sorted(new.mean(axis=1).round().astype(int).tolist()) == [[305, 50], [305, 100], [305, 150]]


def test_the_box_of_a_dash_is_set_around_it():
    image = paper()
    bar(image, 20, 40, 120, 60)
    bar(image, 300, 49, 309, 51)
    found = with_lone_glyphs(boxes((15, 35, 125, 65), (302, 46, 314, 70)), page_ink(image))
    low, high = found.quads[1].min(axis=0), found.quads[1].max(axis=0)
    assert (low < [300, 49]).all() and (high > [309, 51]).all() and high[1] < 60
    assert len(found) == 2


@pytest.mark.parametrize(("pitch", "height"), [(19, 14), (26, 19), (38, 28)])
def test_ones_in_tight_rows_with_specks_around_are_found_one_by_one(pitch, height):
    image = paper(height=8 * pitch)
    tops = [round((row + 0.5) * pitch) for row in range(6)]
    for y in tops:
        bar(image, 100, y, 300, y + height)
        bar(image, 40, y, 40 + height // 5, y + height - 1)
        image[y + 2, 40 + height // 5 + 4] = 0  # a speck
    rows = boxes(*((95, y - 3, 305, y + height + 3) for y in tops))
    found = with_lone_glyphs(rows, page_ink(image))
    new = found.quads[found.scores == 0]
    assert len(new) == 6 and (new[:, 2, 1] - new[:, 0, 1] < 1.5 * height).all()


@pytest.mark.parametrize("height", [12, 18, 30])
def test_worn_ones_below_a_rule_in_pieces_are_found(height):
    """The rule was taken for a part of the first, and a serif in pieces for the next letter."""
    image, stroke = paper(height=8 * height), max(height // 9, 1)
    tops = [round(height * (1 + 1.3 * row)) for row in range(4)]
    for x in range(30, 310, 12):
        bar(image, x, tops[0] - height // 2, x + 9, tops[0] - height // 2 + 2)
    for y in tops:
        bar(image, 100, y, 300, y + height)
        bar(image, 40, y, 40 + stroke, y + height - 1)
        for k in range(3):
            image[y + 2 * k, 40 + stroke + 2] = 0
    rows = boxes(*((95, y - 3, 305, y + height + 3) for y in tops))
    found = with_lone_glyphs(rows, page_ink(image))
    assert len(found.quads[found.scores == 0]) == 4


def test_a_box_of_more_than_a_glyph_stays_as_it_is():
    image = paper()
    bar(image, 20, 40, 120, 60)
    bar(image, 290, 44, 296, 56)
    bar(image, 306, 44, 308, 56)
    given = boxes((15, 35, 125, 65), (286, 40, 312, 60))
    assert np.array_equal(with_lone_glyphs(given, page_ink(image)).quads[1], given.quads[1])


def test_a_rule_in_pieces_is_no_glyph():
    image = paper()
    for y in (50, 100, 150):
        bar(image, 20, y - 10, 120, y + 10)
    for y in range(30, 170, 20):
        bar(image, 300, y, 302, y + 16)
    rows = boxes(*((15, y - 15, 125, y + 15) for y in (50, 100, 150)))
    assert len(with_lone_glyphs(rows, page_ink(image))) == 3


@pytest.mark.parametrize("shape", [(1, 9000, 3), (9000, 1, 3)])
def test_very_thin_images_have_no_ink(shape):
    assert len(page_ink(np.full(shape, 255, np.uint8)).boxes) == 0


def test_pieces_of_ink_are_those_of_opencvs_statistics():
    noise = np.where(np.random.default_rng(3).random((90, 130)) < 0.35, 0, 255).astype(np.uint8)
    ink = page_ink(cv2.merge([noise] * 3))
    stats = cv2.connectedComponentsWithStats(ink.mask, connectivity=8)[2][1:]
    assert len(stats) > 20
    assert np.array_equal(ink.boxes, np.concatenate([stats[:, :2], stats[:, :2] + stats[:, 2:4]], axis=1))
    assert np.array_equal(ink.areas, stats[:, 4])


def test_a_page_of_thousands_of_squares_is_searched_for_glyphs_in_no_time():
    image = paper(2000, 2000)
    for y in range(100, 1980, 16):
        for x in range(10, 1980, 16):
            image[y : y + 8, x : x + 8] = 0
    rows = boxes(*[(20, 20 + 40 * i, 700, 40 + 40 * i) for i in range(40)])
    start = time.thread_time()
    assert len(with_lone_glyphs(rows, page_ink(image))) == 40
    assert time.thread_time() - start < 3  # half of one; six where each square was held against all others


@pytest.mark.parametrize("pitch", [20, 32, 44])
def test_the_dots_of_small_i_are_no_leader(pitch):
    """As in `invoice is within`, where they are evenly spaced: the heads of the letters between them were painted over."""
    image = np.full((80, 360, 3), 255, np.uint8)
    for x in range(20, 20 + 5 * pitch, pitch):
        image[30:33, x : x + 3] = 0
        image[36:46, x : x + 3] = 0
    image[26:46, 20 + 5 * pitch : 26 + 5 * pitch] = 0
    assert erase_leaders(image, page_ink(image)) is image
