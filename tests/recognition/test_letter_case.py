"""The case of Cyrillic letters by their height, with blocks of ink in the place of characters."""

import numpy as np
import pytest

from inkline.recognition.letter_case import with_letter_case
from inkline.types import Text

HIGH, LOW, PITCH = 20, 14, 16  # of capitals and figures, of small letters, and from one character to the next, in pixels


def read(chars, drawn):
    """What is made of a line read as `chars`, drawn with the heights of the characters of `drawn`."""
    crop = np.full((32, PITCH * len(drawn) + 8, 3), 255, np.uint8)
    for i, c in enumerate(drawn):
        if not c.isspace():
            crop[26 - (LOW if c.islower() else HIGH) : 26, 4 + PITCH * i : 14 + PITCH * i] = 0
    spans = np.array([(4 + PITCH * i, 14 + PITCH * i) for i in range(len(chars))], np.float32) / crop.shape[1]
    return with_letter_case(Text(chars, 0.9, np.full(len(chars), 0.9, np.float32), spans), crop).text


@pytest.mark.parametrize(
    ("chars", "drawn"),
    [("Инн 77", "ИНН 77"), ("кВ 12", "кв 12"), ("гадамИ", "гадами"), ("Тел 12", "Тел 12"), ("Инн", "Инн"), ("", "")],
)
def test_letters_of_one_shape_are_in_the_case_of_their_height(chars, drawn):
    assert read(chars, drawn) == drawn


@pytest.mark.parametrize(("chars", "drawn"), [("пречи 25", "преЧи 25"), ("ООО 25", "Ооо 25"), ("навсякъде 80", "навсяКЪде 80")])
def test_a_word_in_one_case_is_not_torn_by_a_letter_that_looks_high_or_low(chars, drawn):
    assert read(chars, drawn) == chars


@pytest.mark.parametrize(
    ("chars", "drawn"),
    [
        ("для 25 дней", "Для 25 Дней"),
        ("вера от 12", "вера от аа"),
        ("10 Гц", "аа Гц"),
        ("кВ", "кв"),
        ("ВКонтакте", "ВКонтакте"),
    ],
)
def test_high_italics_figures_of_book_faces_and_letters_of_other_sizes_are_no_measure(chars, drawn):
    assert read(chars, drawn) == chars


def test_the_first_letter_of_a_word_stays_a_capital_and_without_figures_all_stays():
    assert read("Тел 12", "тел 12") == "Тел 12"
    assert read("Инн", "ИНН") == "Инн"  # nothing tells how high capitals are
