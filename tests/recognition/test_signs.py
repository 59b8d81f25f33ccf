"""One form of each sign, raised digits, zeros, and glyphs read with their rows."""

import cv2
import numpy as np
import pytest

from inkline.layout.in_row import lone_glyphs, measure, seen_in_row
from inkline.recognition.lone import is_bar, read_lone
from inkline.recognition.signs import one_form
from inkline.types import Text


def text(chars: str, score: float = 0.95, steps: list[int] | None = None) -> Text:
    """A text whose characters lie two steps of a net apart, or at the given steps."""
    at = np.array(steps or range(0, 2 * len(chars), 2), np.float32)
    spans = np.stack([at, at + 1], axis=1) / (2 * len(chars) + 2)
    return Text(chars, score, np.full(len(chars), score, np.float32), spans)


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        ("25 °℃", "25 °C"),
        ("25 ℃", "25 °C"),
        ("10 μm", "10 µm"),
        ("τιμολόγιο", "τιμολόγιο"),
        ("∆T", "ΔT"),
        ("￥ 980 （5）", "¥ 980 (5)"),
        ("价格￥980，含税", "价格￥980，含税"),
        ("before1²", "before¹²"),
        ("10²3 mol", "10²³ mol"),
        ("10⁻19", "10⁻¹⁹"),
        ("20 m²", "20 m²"),
        ("•®0®", "0000"),
        ("Acme® • 5", "Acme® • 5"),
        ("十", "+"),
        ("кӏэлъы", "кӀэлъы"),
    ],
)
def test_each_sign_has_one_form(read, wanted):
    out = one_form([text(read)])[0]
    assert out.text == wanted
    assert len(out.char_scores) == len(out.char_spans) == len(wanted)


def test_a_digit_read_plain_and_raised_in_one_place_is_one():
    assert one_form([text("102²³", steps=[0, 2, 4, 5, 7])])[0].text == "10²³"
    assert one_form([text("2²", steps=[0, 3])])[0].text == "2²"


def test_chinese_pages_keep_their_characters():
    texts = [text("项目"), text("十"), text("日日")]
    assert [t.text for t in one_form(texts)] == ["项目", "十", "日日"]


def test_chinese_characters_of_a_signs_shape_are_signs_on_a_page_without_chinese():
    def resolved(*lines, chinese=False):
        return [t.text for t in one_form([text(line) for line in lines], chinese)]

    assert resolved("a 十 b 二 c", "口 yes", "x 一 y") == ["a + b = c", "□ yes", "x — y"]
    assert resolved("Protein", "一", "〇", "ニ") == ["Protein", "-", "0", "="]
    assert resolved("a 十 b", "二十 年") == ["a 十 b", "二十 年"]
    assert resolved("二十") == ["二十"]
    assert resolved("a 十 b", chinese=True) == ["a 十 b"]


def page(glyph: tuple[int, int, int, int]) -> np.ndarray:
    image = np.full((60, 400, 3), 255, np.uint8)
    cv2.rectangle(image, (20, 20), (120, 40), (0, 0, 0), -1)
    cv2.rectangle(image, glyph[:2], glyph[2:], (0, 0, 0), -1)
    return image


QUADS = np.array([[[15, 15], [125, 15], [125, 45], [15, 45]], [[295, 22], [315, 22], [315, 38], [295, 38]]], np.float32)


def test_a_glyph_is_seen_behind_the_text_of_its_row_at_its_height():
    boxes = measure(QUADS)
    assert lone_glyphs(boxes) == {1: 0}
    view = seen_in_row(page((300, 29, 310, 31)), boxes, 1, 0)
    assert view is not None
    image, lead = view
    ink = np.flatnonzero(image[:, round(lead * image.shape[1]) + 6 :].min(axis=(1, 2)) < 128)
    assert 29 <= image.shape[0] <= 30
    assert 13 <= ink.mean() <= 17  # in the middle of the line


def test_a_dash_is_read_with_its_row_and_what_stays_unread_goes():
    image = page((300, 29, 310, 31))
    asked = []

    def read(crops):
        asked.extend(crops)
        return [text("Text -", steps=[0, 1, 2, 3, 4, 12])]

    texts, kept = read_lone([text("Text"), text("", 0.0)], image, QUADS, [1], read)
    assert [t.text for t in texts] == ["Text", "-"]
    assert kept == [0, 1]
    assert len(asked) == 1
    texts, kept = read_lone([text("Text"), text("", 0.0)], page((300, 25, 305, 35)), QUADS, [1], lambda _: [text("Text")])
    assert kept == [0]


def test_a_bar_is_told_from_a_square():
    assert is_bar(page((300, 29, 310, 31))[20:40, 290:320])
    assert not is_bar(page((300, 25, 310, 35))[20:40, 290:320])
    assert not is_bar(None)


def test_a_doubtful_digit_that_both_readings_agree_on_is_kept():
    again = [text("Text 0", 0.65, steps=[0, 1, 2, 3, 4, 12])]
    texts, _ = read_lone([text("Text"), text("0", 0.7)], page((300, 25, 305, 35)), QUADS, [], lambda _: again)
    assert (texts[1].text, texts[1].score_thresh) == ("0", 0.5)
    other = [text("Text 8", 0.65, steps=[0, 1, 2, 3, 4, 12])]
    texts, _ = read_lone([text("Text"), text("0", 0.7)], page((300, 25, 305, 35)), QUADS, [], lambda _: other)
    assert texts[1].score_thresh is None


def test_a_wide_zero_in_a_column_of_figures_is_no_letter():
    """A table of zeros as wide as a letter O came out as O, O, 0, O."""
    column, tops = ["O", "12", "O", "O", "1,300", "7"], range(0, 240, 40)
    boxes = [(x0, x1, y) for x0, x1 in ((20, 90), (300, 310)) for y in tops]
    quads = np.array([[[x0, y], [x1, y], [x1, y + 10], [x0, y + 10]] for x0, x1, y in boxes], np.float32)
    image = np.full((260, 400, 3), 255, np.uint8)
    for y in tops:
        image[y + 1 : y + 9, 301:309] = 0
    read = [text("O", steps=[30])] * 6
    texts, _ = read_lone([*[text("Text")] * 6, *map(text, column)], image, quads, [], lambda views: read[: len(views)])
    assert [one.text for one in texts[6:]] == ["0", "12", "0", "0", "1,300", "7"]


@pytest.mark.parametrize(
    ("neighbour", "score", "in_row", "stays"),
    [("2", 0.97, "i", True), ("2", 0.85, "i", False), ("2", 0.85, "1", True), ("b", 0.97, "i", False), ("b", 0.85, "1", False)],
)
def test_a_digit_among_figures_that_is_surely_read_alone_stays_though_not_with_its_row(neighbour, score, in_row, stays):
    boxes = [(x0, x1, y) for x0, x1 in ((20, 90), (300, 310)) for y in (0, 40, 80)]
    quads = np.array([[[x0, y], [x1, y], [x1, y + 10], [x0, y + 10]] for x0, x1, y in boxes], np.float32)
    image = np.full((100, 400, 3), 255, np.uint8)
    image[41:49, 303:306] = 0
    read = [*[text("Text")] * 3, text(neighbour), text("1", score), text(neighbour)]
    quads[4] += [[0, -2], [0, -2], [0, 2], [0, 2]]
    quads[[3, 5]] += np.array([[[0, 31]], [[0, -31]]], np.float32)  # tight rows, whose boxes overlap
    again = [text(f"Text {in_row}", 0.6, steps=[0, 1, 2, 3, 4, 12])]
    _, kept = read_lone(read, image, quads, [4], lambda views: again * len(views))
    assert (4 in kept) == stays


def test_a_box_beside_a_blank_loses_the_rest_of_it():
    blank = page((150, 44, 250, 46))  # a rule at the foot of its box
    quads = np.array([[[x0, 20], [x1, 20], [x1, 50], [x0, 50]] for x0, x1 in ((150, 250), (248, 300), (340, 380))], np.float32)
    read = [text("", 0.0), text("_@b"), text("_x")]
    texts, kept = read_lone(read, blank, quads, [0], lambda crops: [text("") for _ in crops])
    assert [t.text for t in texts] == ["____", "@b", "_x"]  # the last is far from it
    assert kept == [0, 1, 2]
