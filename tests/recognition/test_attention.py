import numpy as np
import pytest

from inkline.recognition.attention import SPECIAL_TOKENS, attention_decode, class_count

CHARSET = ("a", "b", "ch")


def read(decoder, *classes):
    prob = np.linspace(0.9, 0.5, len(classes), dtype=np.float32)
    return attention_decode(decoder, np.array(classes, np.int64), prob, CHARSET)


@pytest.mark.parametrize(
    ("decoder", "classes"),
    [
        ("attention", (1, 2, 4, 1, 1)),  # 4 ends; what follows is not read
        ("srn", (0, 1, 4, 4, 4)),
        ("nrtr", (4, 5, 3, 4, 0)),
        ("sar", (0, 1, 4, 0, 0)),
    ],
)
def test_text_up_to_the_end_mark(decoder, classes):
    text = read(decoder, *classes)
    assert text.text == "ab"
    assert text.score == pytest.approx((0.9 + 0.8) / 2)
    np.testing.assert_allclose(text.char_scores, [0.9, 0.8])
    np.testing.assert_allclose(text.char_spans, [[0, 0.5], [0.5, 1]])


def test_marks_inside_a_text_are_left_out():
    assert read("attention", 1, 0, 2).text == "ab"  # a start mark
    assert read("nrtr", 2, 4, 1, 5, 3).text == "ab"  # start, unknown
    assert read("srn", 0, 4, 1).text == "ab"  # SRN reads all places at once: an end mark is not the end
    assert read("sar", 0, 3, 1).text == "ab"  # unknown


def test_repeats_are_kept():
    assert read("attention", 1, 1, 2, 2, 4).text == "aabb"


def test_an_entry_of_two_characters_has_two_scores_and_spans():
    text = read("attention", 3, 1, 4)
    assert text.text == "cha"
    assert text.char_scores.shape == (3,) and text.char_spans.shape == (3, 2)


@pytest.mark.parametrize("decoder", SPECIAL_TOKENS)
def test_nothing_read(decoder):
    text = read(decoder)
    assert (text.text, text.score) == ("", 0.0)
    assert text.char_spans.shape == (0, 2)


def test_class_counts_of_the_published_nets():
    assert class_count("attention", 36) == class_count("srn", 36) == 38
    assert class_count("nrtr", 6624) == 6629  # PP-OCRv4: 6,623 characters and the space
    assert class_count("sar", 6624) == 6626


def test_a_class_beyond_the_charset_is_an_error():
    with pytest.raises(ValueError, match="class 9 is beyond"):
        read("attention", 9)
