"""Signs on pages in Cyrillic, told by blocks of ink in the place of letters."""

import numpy as np
import pytest

from inkline.recognition.cyrillic_page import with_cyrillic_signs
from inkline.types import Text

PAGE = "Договор на поставку"
HEIGHT = 30  # of a line, its capitals reaching from 5 to 25 px
LETTER, SIGN = [(0, 14, 5, 25)], [(0, 16, 5, 25), (18, 27, 9, 19), (18, 27, 21, 23)]  # x0, x1, y0, y1: № is N, o, and a bar
WIDE, BARRED = [(0, 20, 5, 25)], [(0, 4, 5, 25), (4, 14, 5, 16), (4, 14, 19, 21)]
STEMMED = [(0, 4, 5, 25), (4, 14, 5, 16)]
LOW_O = [(0, 16, 5, 25), (18, 29, 11, 25)]


def line(*glyphs):
    """A reading, and its crop. glyphs: (characters, what is drawn); a space has nothing drawn."""
    x, places, marks = 4, [], []
    for chars, blocks in glyphs:
        width = max((block[1] for block in blocks), default=8)
        places += [(x + width * i / max(len(chars), 1), x + width * (i + 1) / max(len(chars), 1)) for i in range(len(chars))]
        marks += [(x + x0, x + x1, y0, y1) for x0, x1, y0, y1 in blocks]
        x += width + 5
    crop = np.full((HEIGHT, x, 3), 255, np.uint8)
    for x0, x1, y0, y1 in marks:
        crop[y0:y1, x0:x1] = 0
    shown = "".join(chars for chars, _ in glyphs)
    scores = np.full(len(shown), 0.9, np.float32)
    return Text(shown, 0.9, scores, np.array(places, np.float32) / x), crop


def letters(word):
    return [(c, [] if c == " " else LETTER) for c in word]


def read(*glyphs, page=PAGE):
    lines = [line(*letters(page)), line(*glyphs)]
    return with_cyrillic_signs(*zip(*lines, strict=True))[1].text


NUMBERS = [("No", SIGN, "№ 12"), ("N", SIGN, "№ 12"), ("N&", SIGN, "№ 12"), ("N2", SIGN, "№ 12"), ("N", LETTER, "N 12")]


@pytest.mark.parametrize(
    ("chars", "drawn", "text"), [*NUMBERS, ("No", LOW_O, "No 12"), ("N°", SIGN, "N° 12"), ("Ne", LETTER, "№ 12")]
)
def test_the_sign_of_a_number_is_an_n_with_a_small_o(chars, drawn, text):
    assert read((chars, drawn), *letters(" 12")) == text
    assert read((chars, drawn), *letters(" 12"), page="An English page") == f"{chars} 12"


def test_a_figure_behind_an_n_stays():
    assert read(("N2", SIGN), *letters(" и")) == "N2 и"
    assert read(*letters("N2 12")) == "N2 12"
    assert read(("No", SIGN), ("No", SIGN), *letters(" 5")) == "№№ 5"


@pytest.mark.parametrize(("drawn", "sign"), [(BARRED, "₽"), (STEMMED, "Р")])
def test_a_rouble_has_a_bar_below_its_bowl(drawn, sign):
    assert read(*letters("100 "), ("Р", drawn)) == f"100 {sign}"


def test_three_letters_o_are_no_figure():
    zeros, ohs = [("0", LETTER)] * 3, [("0", WIDE)] * 3
    assert read(*zeros) == "000" and read(*ohs) == "ООО"
    assert read(*zeros, *letters(" «МИР»")) == "000 «МИР»" and read(*ohs, *letters(" «МИР»")) == "ООО «МИР»"
    assert read(("0", LETTER), ("O", LETTER), ("0", LETTER)) == "ООО"
    assert read(*letters("1 "), *ohs) == "1 000" and read(*letters("5,"), *ohs) == "5,000"


def test_words_of_two_readings_are_in_one_alphabet():
    text, crop = line(*letters("роду ee"))
    page = [line(*letters(PAGE)), (Text(text.text, 0.9, text.char_scores, text.char_spans, reader="cyr+base"), crop)]
    assert with_cyrillic_signs(*zip(*page, strict=True))[1].text == "роду ее"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("12.03.2024 r.", "12.03.2024 г."),
        ("250,00 РУ6.", "250,00 РУБ."),
        ("РУ60", "РУ60"),
        ("Ду50 Ру6, РУ6", "Ду50 Ру6, РУ6"),
        ("НапэкІуэцІымкІ, ХІХ, БІ, Іван", "НапэкӀуэцӀымкӀ, ХІХ, БІ, Іван"),
    ],
)
def test_short_words_behind_figures_are_in_the_alphabet_of_the_page(shown, text):
    assert read(*letters(shown)) == text
