"""Short words in Cyrillic and Greek that look like Latin letters: what the rest of their page tells."""

import numpy as np
import pytest

from inkline.recognition.page_alphabet import settle_alphabets
from inkline.types import Text


def text(words, score=0.95):
    spans = np.linspace([0, 1 / len(words)], [1 - 1 / len(words), 1], len(words)).astype(np.float32)
    return Text(words, score, np.full(len(words), score, np.float32), spans)


def settled(script, there, readings):
    texts = [text(*line) for line in there]
    names = {"Latn": ("base",), script: ("other",)}
    settle_alphabets([range(len(texts))], names, texts, lambda name, lines: {i: text(*readings[texts[i].text]) for i in lines})
    return [line.text for line in texts]


RUSSIAN = [("Сумма без скидки",), ("Товарный чек",)]


def test_words_that_look_latin_are_in_the_alphabet_of_their_page():
    there = [*RUSSIAN, ("Bcero", 0.97), ("MOCKBA", 0.99), ("HP LaserJet", 0.98)]
    readings = {"Bcero": ("Всего", 0.95), "MOCKBA": ("МОСКВА", 0.96), "HP LaserJet": ("НР ЬазегЗеt", 0.6)}
    assert settled("Cyrl", there, readings)[2:] == ["Всего", "МОСКВА", "HP LaserJet"]


@pytest.mark.parametrize("page", [[("Cap",), ("Good day",), ("Windows",)], [("Cap",), ("МОСКВА",)]])
def test_on_a_page_with_latin_words_or_without_sure_letters_they_stay(page):
    readings = {"Cap": ("Сар", 0.96), "Good day": ("Gооd dау", 0.7), "Windows": ("Шindоws", 0.6)}
    assert settled("Cyrl", [*(RUSSIAN if len(page) > 2 else []), *page], readings)[-len(page) :] == [line for (line,) in page]


def test_a_line_of_both_alphabets_stays_unless_the_other_reading_is_as_good():
    line = "Принтер Canon"
    assert settled("Cyrl", [*RUSSIAN, (line, 0.97)], {line: ("Принтер Сапоп", 0.95)})[2] == line
    assert settled("Cyrl", [*RUSSIAN, ("Товар: cx", 0.7)], {"Товар: cx": ("Товар: сахар", 0.9)})[2] == "Товар: сахар"


def test_greek_capitals_go_with_their_page():
    there = [("Τιμολόγιο",), ("Σύνολο χωρίς",), ("AOHNA", 0.9)]
    assert settled("Grek", there, {"AOHNA": ("ΑΘΗΝΑ", 0.9)})[2] == "ΑΘΗΝΑ"
