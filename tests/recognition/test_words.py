"""Words from character steps and ink."""

import cv2
import numpy as np

from inkline.recognition.bidi import stored_order
from inkline.recognition.words import doubt_marks, ink_quad, split_words, stroke_pitch
from inkline.types import Text

QUAD = np.array([[100, 50], [500, 50], [500, 90], [100, 90]], np.float32)


def drawn(text, at, width=400, height=40):
    """A line whose characters are black bars at given x, and the text a recogniser would give."""
    crop = np.full((height, width, 3), 255, np.uint8)
    spans = []
    for x in at:
        cv2.rectangle(crop, (x, 8), (x + 14, 32), (0, 0, 0), -1)
        spans.append((x / width, (x + 15) / width))
    filled, it = [], iter(spans)
    for i, char in enumerate(text):
        filled.append(next(it) if char != " " else (filled[i - 1][1], filled[i - 1][1] + 0.01))
    return crop, Text(text, 0.9, np.full(len(text), 0.9, np.float32), np.array(filled, np.float32))


def test_words_are_parted_at_the_widest_gap_and_fit_their_ink():
    crop, text = drawn("ab cd", [20, 40, 200, 220])
    words = split_words(text, crop, QUAD)
    assert [word.text for word in words] == ["ab", "cd"]
    np.testing.assert_allclose(words[0].quad[:2, 0], [120, 155], atol=2)
    np.testing.assert_allclose(words[1].quad[:2, 0], [300, 335], atol=2)
    np.testing.assert_allclose(words[0].quad[[0, 2], 1], [58 - 3.2, 83 + 3.2], atol=0.1)


def test_ink_of_a_rule_or_a_neighbouring_line_is_not_the_words():
    crop, text = drawn("ab cd", [20, 40, 200, 220])
    crop[38:] = 0
    for word in split_words(text, crop, QUAD):
        np.testing.assert_allclose(word.quad[[0, 2], 1], [58 - 3.2, 83 + 3.2], atol=0.1)


def test_white_on_black_is_the_same():
    crop, text = drawn("ab cd", [20, 40, 200, 220])
    for a, b in zip(split_words(text, crop, QUAD), split_words(text, 255 - crop, QUAD), strict=True):
        np.testing.assert_array_equal(a.quad, b.quad)


def test_han_characters_are_words_of_their_own():
    crop, text = drawn("中文ab", [20, 120, 220, 240])
    assert [word.text for word in split_words(text, crop, QUAD)] == ["中", "文", "ab"]


def test_words_from_right_to_left_lie_where_they_were_seen():
    """Seen from the left: a number, then two words of which the right one is read first."""
    crop, seen = drawn("12 דג בא", [20, 40, 140, 160, 260, 280])
    text = stored_order(seen)
    assert text.text == "אב גד 12"
    words = split_words(text, crop, QUAD)
    assert [word.text for word in words] == ["אב", "גד", "12"]
    for word, left in zip(words, (260, 140, 20), strict=True):
        np.testing.assert_allclose(word.quad[:2, 0], [100 + left, 100 + left + 35], atol=2)


def test_a_turned_line_gives_turned_words():
    crop, text = drawn("ab cd", [20, 40, 200, 220])
    upwards = np.array([[0, 400], [0, 0], [40, 0], [40, 400]], np.float32)  # text runs from bottom to top
    first, second = split_words(text, crop, upwards)
    assert first.quad[0, 1] > first.quad[1, 1] > second.quad[0, 1]


def test_no_words_in_white_space():
    assert (
        split_words(Text("", 0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32)), np.zeros((4, 4, 3), np.uint8), QUAD)
        == ()
    )


def test_a_lines_box_is_drawn_in_to_its_ink():
    crop = np.full((40, 200, 3), 255, np.uint8)
    crop[15:25, 50:150] = 0
    quad = np.array([[100, 100], [300, 100], [300, 140], [100, 140]], np.float32)
    tight = ink_quad(crop, quad)
    assert np.allclose(tight, [[148, 113], [252, 113], [252, 127], [148, 127]], atol=0.5)  # 2 px above, 1 beside
    turned = np.array([[140, 100], [140, 300], [100, 300], [100, 100]], np.float32)  # a quarter turn clockwise
    assert np.allclose(ink_quad(crop, turned), [[127, 148], [127, 252], [113, 252], [113, 148]], atol=0.5)


def test_without_clear_ink_a_lines_box_stays():
    quad = np.array([[0, 0], [200, 4], [200, 44], [0, 40]], np.float32)
    assert np.array_equal(ink_quad(np.full((40, 200, 3), 255, np.uint8), quad), quad)
    noise = np.random.default_rng(0).integers(0, 255, (40, 200, 3), np.uint8)
    assert np.abs(ink_quad(noise, quad) - quad).max() <= 1


def test_strokes_that_stand_close_are_told_from_wide_ones():
    bars = np.full((40, 400, 3), 255, np.uint8)
    bars[8:32, 10:390:20] = bars[8:32, 11:390:20] = 0  # 19 bars, 20 px apart
    assert stroke_pitch(bars, 40) == stroke_pitch(255 - bars, 40) == 400 / 19
    assert abs(stroke_pitch(bars, 20) - 200 / 19) < 0.1
    assert stroke_pitch(bars[:, ::2], 40) == 200 / 19
    assert stroke_pitch(np.full((40, 400, 3), 255, np.uint8), 40) == 400


def test_marks_over_a_line_of_ink_are_doubted_and_letters_and_rules_are_not() -> None:
    line = np.full((40, 400, 3), 255, np.uint8)
    line[8:32, 20:380:6] = 0  # strokes all along
    spans = np.array([[0.05, 0.06], [0.5, 0.51], [0.9, 0.91]], np.float32)

    def read(text: str, crop: np.ndarray) -> float:
        return doubt_marks(Text(text, 0.98, np.full(3, 0.98, np.float32), spans), crop).score

    assert read("' ,", line) < 0.3 and read("   ", line) == 0.0
    assert read("a ,", line) == read("1.5", line) == 0.98
    dots = np.full((40, 400, 3), 255, np.uint8)
    for start, end in spans:
        dots[26:32, round(start * 400) : round(end * 400) + 4] = 0
    assert read("...", dots) > 0.97
