"""CTC decoding and the restoring of spaces."""

import numpy as np
import pytest

from inkline.recognition.corrections import plain_classes, remove_doubtful_accents, resolve_accents, restore_spaces
from inkline.recognition.ctc import CtcPath, ctc_decode, join_paths
from inkline.types import Text

CHARSET = ("a", "b", "ch", " ")


def path(*classes, prob=0.9):
    return np.array(classes), np.full(len(classes), prob, np.float32)


def decode(best, prob, used=1.0):
    return ctc_decode(CtcPath(best, prob, best, used=used), CHARSET)


def test_repeats_merge_and_blanks_part_them():
    best, prob = path(0, 1, 1, 0, 1, 2, 2, 0)
    text = decode(best, prob)
    assert text.text == "aab" and text.score == pytest.approx(0.9)
    np.testing.assert_allclose(text.char_spans, np.array([[1, 2], [4, 5], [5, 6]]) / 8)


def test_scores_are_those_of_the_first_step_of_each_run():
    best = np.array([1, 1, 0, 2])
    text = decode(best, np.array([0.5, 0.9, 0.99, 0.7], np.float32))
    np.testing.assert_allclose(text.char_scores, [0.5, 0.7])
    assert text.score == pytest.approx(0.6)


def test_tokens_of_several_characters_share_their_step():
    text = decode(*path(3, 0, 1))
    assert text.text == "cha" and len(text.char_scores) == len(text.char_spans) == 3
    np.testing.assert_array_equal(text.char_spans[0], text.char_spans[1])


def test_nothing_but_blanks_is_an_empty_text():
    text = decode(*path(0, 0, 0))
    assert (text.text, text.score, text.char_spans.shape) == ("", 0.0, (0, 2))


def test_spans_are_fractions_of_the_line_not_of_its_padding():
    text = decode(*path(0, 1, 0, 0, 0, 0, 0, 0), used=0.5)
    np.testing.assert_allclose(text.char_spans, [[0.25, 0.5]])


def test_a_weak_space_between_letters_is_read():
    best, prob = path(1, 0, 0, 2)
    space = np.array([0, 0.05, 0.3, 0], np.float32)
    mended = restore_spaces(best, prob, space, 4, 0.15)
    assert decode(*mended).text == "a b"
    assert decode(best, prob).text == "ab"  # the inputs stay as they were
    assert decode(*restore_spaces(best, prob, space, 4, 0.4)).text == "ab"


def test_no_second_space_and_none_at_the_ends():
    best, prob = path(0, 1, 4, 0, 2, 0)
    space = np.array([0.5, 0, 0.9, 0.5, 0, 0.5], np.float32)
    assert decode(*restore_spaces(best, prob, space, 4, 0.15)).text == "a b"


def test_every_gap_gets_one_space_where_it_is_most_probable():
    best, prob = path(1, 0, 0, 2, 0, 3, 0, 0, 1)
    space = np.array([0, 0.2, 0.4, 0, 0.1, 0, 0.3, 0.2, 0], np.float32)
    mended, _ = restore_spaces(best, prob, space, 4, 0.15)
    assert mended.tolist() == [1, 0, 4, 2, 0, 3, 4, 0, 1]


def test_windows_meet_where_both_see_a_gap():
    whole = np.array([0, 1, 0, 2, 0, 0, 1, 1, 0, 2, 0, 3])
    prob = np.linspace(0.5, 0.9, 12).astype(np.float32)
    left = CtcPath(whole[:8], prob[:8], whole[:8], width=64)
    right_best = whole[4:].copy()
    right_best[0] = 2  # at its edge a window may see half a letter as another
    right = CtcPath(np.append(right_best, [0, 0]), np.append(prob[4:], [0, 0]).astype(np.float32), right_best, 64, 0.8)
    right = CtcPath(right.best, right.prob, right.best, 64, 0.8)
    joined = join_paths([(0, left), (32, right)])
    assert ctc_decode(joined, CHARSET).text == "aba" + "bch"
    np.testing.assert_allclose(joined.prob, prob)
    assert ctc_decode(joined, CHARSET).char_spans[-1, 1] == pytest.approx(1)


def test_accents_in_doubt_fall_on_a_page_without_accents():
    charset = ("e", "é", "x", "ß", "ø", "年")
    base = plain_classes(charset)
    assert base.tolist() == [0, 0, 1, 0, 0, 0, 0]
    probability = np.zeros((3, 7), np.float32)
    probability[0, [1, 2]], probability[1, 3], probability[2, [1, 2]] = (0.3, 0.6), 0.9, (0.01, 0.9)
    best = probability.argmax(axis=1)
    plain = remove_doubtful_accents(best, probability, base, 0.1)
    assert plain.tolist() == [1, 3, 2] and best.tolist() == [2, 3, 2]
    text = ctc_decode(CtcPath(best, probability.max(axis=1), plain), charset)
    assert (text.text, text.plain) == ("éxé", "exé")


@pytest.mark.parametrize(("others", "expected"), [("plain words " * 20, "Apendix"), ("été à côté", "Apéndix")])
def test_what_a_page_has_of_accents_decides(others, expected):
    doubt = Text("Apéndix", 0.9, np.ones(7), np.ones((7, 2)), "Apendix")
    sure = Text(others, 0.9, np.ones(len(others)), np.ones((len(others), 2)), others)
    settled = resolve_accents([doubt, sure])
    assert [text.text for text in settled] == [expected, others]
    assert resolve_accents([]) == []
