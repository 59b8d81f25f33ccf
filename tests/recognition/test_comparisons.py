"""Signs beside figures that another recogniser knows, with blocks of ink in the place of words and given second readings."""

import numpy as np
import pytest

from inkline.recognition.comparisons import with_comparisons
from inkline.types import Text

HEIGHT, PITCH = 30, 14  # of a line, and from one character to the next, in pixels


def line(chars, score=0.99):
    """A line read as `chars`, and its crop with a block of ink for every one that is no space."""
    crop = np.full((HEIGHT, PITCH * len(chars) + 8, 3), 255, np.uint8)
    for i, c in enumerate(chars):
        if not c.isspace():
            crop[6:24, 4 + PITCH * i : 4 + PITCH * i + 11] = 0
    spans = np.array([(4 + PITCH * i, 15 + PITCH * i) for i in range(len(chars))], np.float32).reshape(-1, 2) / crop.shape[1]
    return Text(chars, score, np.full(len(chars), score, np.float32), spans), crop


def read(chars, *other, score=0.99):
    """What a line becomes when the cuts of it are read as `other`, and how many were read."""
    (text, crop), asked = line(chars), []

    def again(crops):
        asked.extend(crops)
        return [line(chars, score)[0] for chars in other]

    return with_comparisons([text], [crop], again)[0].text, len(asked)


@pytest.mark.parametrize(
    ("chars", "other", "text"),
    [
        ("Возраст 2 18 лет", ["≥ 18"], "Возраст ≥ 18 лет"),
        ("вес < 80 кг, 10 Q2,", ["≤80", "10 Ω,"], "вес ≤ 80 кг, 10 Ω,"),
        ("Возраст 2 18 лет", ["2 18"], "Возраст 2 18 лет"),
        ("Возраст 2 18 лет", ["≥ 19"], "Возраст 2 18 лет"),
    ],
)
def test_a_sign_is_read_where_the_figures_are_the_same(chars, other, text):
    assert read(chars, *other) == (text, len(other))


def test_a_sign_in_doubt_changes_nothing_and_figures_alone_are_not_asked_for():
    assert read("Возраст 2 18 лет", "≥ 18", score=0.5) == ("Возраст 2 18 лет", 1)
    assert read("Итого 12 500,00", "≥ 12") == ("Итого 12 500,00", 0)
