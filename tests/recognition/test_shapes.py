"""What the ink of a line tells that a net does not know: low quotes, ligatures, powers of ten."""

import cv2
import numpy as np
import pytest

from inkline.recognition.shapes import told_by_shape
from inkline.types import Text


def line(*pieces):
    """A line 48 px high with pieces of ink (x0, y0, x1, y1), and letters of full height behind them."""
    crop = np.full((48, 400, 3), 255, np.uint8)
    for x0, y0, x1, y1 in pieces:
        cv2.rectangle(crop, (x0, y0), (x1, y1), (0, 0, 0), -1)
    return crop


def read(text, *middles):
    at = np.array(middles, np.float32) / 400
    scores = np.full(len(text), 0.9, np.float32)
    return Text(text, 0.9, scores, np.stack([at - 0.01, at + 0.01], axis=1))


LETTERS = [(x, 8, x + 14, 36) for x in (60, 90, 120)]


def test_a_quote_that_was_closed_is_opened_where_its_halves_stand():
    halves = [(36, 33, 41, 42), (46, 33, 51, 42)]
    text = read("Abc“", 67, 97, 127, 150)
    (out,) = told_by_shape([text], [line(*halves, *LETTERS, (146, 8, 150, 16))])
    assert out.text == "„Abc“" and len(out.char_spans) == 5
    (same,) = told_by_shape([text], [line(*LETTERS, (146, 8, 150, 16))])
    assert same is text


@pytest.mark.parametrize(("read_as", "written"), [("CEb", "Œb"), ("AEb", "Æb")])
def test_two_letters_of_one_piece_are_one(read_as, written):
    wide, after = (60, 8, 100, 36), (110, 16, 124, 36)
    (out,) = told_by_shape([read(read_as, 70, 90, 117)], [line(wide, after)])
    assert out.text == written
    apart = told_by_shape([read(read_as, 66, 90, 117)], [line((60, 8, 74, 36), (84, 8, 98, 36), after)])
    assert apart[0].text == read_as


def test_figures_that_stand_higher_are_a_power_of_ten():
    ten, minus, low = [(60, 8, 66, 36), (74, 8, 90, 36)], (96, 16, 106, 18), (112, 8, 120, 36)
    raised = [(112, 4, 118, 18), (122, 4, 128, 18)]
    text = read("10-19", 63, 82, 101, 115, 125)
    assert told_by_shape([text], [line(*ten, minus, *raised)])[0].text == "10⁻¹⁹"
    assert told_by_shape([text], [line(*ten, minus, low, (124, 8, 132, 36))])[0].text == "10-19"


def test_a_comma_before_a_word_that_a_single_quote_ends_opens_it():
    blank = np.full((48, 400, 3), 255, np.uint8)
    (out,) = told_by_shape([read(",ab‘ x", 10, 30, 50, 70, 90, 110)], [blank])
    assert out.text == "‚ab‘ x"
    assert told_by_shape([read("a, b‘", 10, 30, 50, 70, 90)], [blank])[0].text == "a, b‘"


def test_the_e_of_a_typewriter_is_no_ligature():
    image = np.full((60, 200, 3), 255, np.uint8)
    image[10:50, 10:56] = 0  # as wide as high, and a little more
    image[10:50, 80:90] = image[10:50, 110:120] = 0
    text = Text("Ein", 0.9, np.full(3, 0.9, np.float32), np.array([[0.05, 0.28], [0.4, 0.45], [0.55, 0.6]], np.float32))
    assert told_by_shape([text], [image])[0].text == "Ein"


@pytest.mark.parametrize(
    ("read_as", "piece", "written"),
    [
        (".1", (40, 22, 50, 26), "-1"),  # wider than tall, above the base line
        ("·1", (40, 22, 50, 26), "-1"),
        ("-1", (48, 32, 52, 36), ".1"),  # a dot on the base line
        ("-1", (40, 22, 50, 26), "-1"),
        (".1", (48, 32, 52, 36), ".1"),
        (".1", (40, 33, 50, 36), ".1"),  # wide, but on the base line
        (".1", (45, 22, 54, 28), "-1"),  # a minus that smoothing has made round
        ("·1", (45, 22, 52, 29), "·1"),  # as wide as tall
    ],
)
def test_a_sign_before_a_figure_is_what_its_shape_is(read_as, piece, written):
    specks = [(x, y, x + 2, y + 2) for x in (4, 30, 80) for y in (4, 44)]  # of a screened ground
    (out,) = told_by_shape([read(read_as, 46, 67)], [line(*specks, piece, (60, 8, 74, 36))])
    assert out.text == written


def test_a_point_after_a_figure_stays():
    text = read("1.5", 67, 86, 100)
    assert told_by_shape([text], [line((60, 8, 74, 36), (80, 20, 92, 24), (96, 8, 110, 36))])[0] is text


def test_a_number_is_quoted_only_where_the_quote_closes_behind_it():
    halves = [(36, 33, 41, 42), (46, 33, 51, 42)]
    closed = read("Xyz“", 67, 97, 127, 150)  # a quote of the page that nothing opens
    bare, quoted = read("406", 67, 97, 127), read("406“", 67, 97, 127, 150)
    blank = np.full((48, 400, 3), 255, np.uint8)
    assert told_by_shape([bare, closed], [line(*halves, *LETTERS), blank])[0].text == "406"
    assert told_by_shape([quoted, closed], [line(*halves, *LETTERS), blank])[0].text == "„406“"


def test_no_quote_opens_far_from_where_one_closes():
    halves, blank = [(36, 33, 41, 42), (46, 33, 51, 42)], np.full((48, 400, 3), 255, np.uint8)
    opened, closed, other = read("Abc", 67, 97, 127), read("Xyz“", 67, 97, 127, 150), read("Xyz", 67, 97, 127)
    crops = [line(*halves, *LETTERS), *[blank] * 7]
    assert told_by_shape([opened, closed, *[other] * 6], crops)[0].text == "„Abc"
    assert told_by_shape([opened, *[other] * 6, closed], crops)[0].text == "Abc"
