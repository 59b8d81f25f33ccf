"""Signs of money beside figures, with blocks of ink in the place of characters and given second readings."""

import numpy as np
import pytest

from inkline.options import RecognizeOptions
from inkline.recognition.amounts import with_barred_signs, with_money
from inkline.recognition.confidence import confidences
from inkline.recognition.letters import Alphabets
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.scripts import SCRIPTS
from inkline.types import Text

HEIGHT, PITCH = 30, 14  # of a line, and from one character to the next, in pixels


def drawn(line):
    """A line with a block of ink for every character that is no space."""
    crop = np.full((HEIGHT, PITCH * len(line) + 8, 3), 255, np.uint8)
    for i, c in enumerate(line):
        if not c.isspace():
            crop[6:24, 4 + PITCH * i : 4 + PITCH * i + 9] = 0
    return crop


def reading(chars, width, score=0.99, doubtful="", reader=""):
    """What is read of a line or word: a `_` in `chars` is not read. doubtful: characters with the score 0.9."""
    at = [i for i, c in enumerate(chars) if c != "_"]
    spans = np.array([(4 + PITCH * i, 13 + PITCH * i) for i in at], np.float32).reshape(-1, 2) / width
    scores = np.array([0.9 if chars[i] in doubtful else score for i in at], np.float32)
    return Text("".join(chars[i] for i in at), score, scores, spans, reader=reader)


def read(line, chars, other, doubtful="", score=0.99):
    """The line as it is read with the other reading of its amount, and how many words were asked for."""
    asked, crop = [], drawn(line)

    def again(crops):
        asked.extend(crops)
        return [reading(other, crop.shape[1], score) for crop in crops]

    text = with_money([reading(chars, crop.shape[1], doubtful=doubtful)], [crop], again)[0]
    return text, len(asked)


LEFT_OUT = [("Rent ₹500", "Rent _500", "₹500", "Rent ₹500"), ("75 ₴", "75 _", "75 ₴", "75 ₴"), ("₦500", "N500", "₦500", "₦500")]
OTHERS = [("#500", "#500", "#500", "#500"), ("A500", "A500", "₦501", "A500"), ("Rent ₹500", "Rent _500", "Z500", "Rent 500")]


@pytest.mark.parametrize(("line", "chars", "other", "text"), LEFT_OUT + OTHERS)
def test_a_sign_is_read_where_the_figures_are_the_same(line, chars, other, text):
    found, asked = read(line, chars, other)
    assert (found.text, asked) == (text, 1)


def test_a_figure_gives_way_to_a_sign_only_where_it_is_in_doubt():
    assert read("₴500", "2500", "₴500", doubtful="2")[0].text == "₴500"
    assert read("₴500", "2500", "₴500")[1] == 0
    assert read("₴500", "2500", "₴500", doubtful="2", score=0.5)[0].text == "2500"


@pytest.mark.parametrize(
    ("chars", "bars", "text"),
    [
        *(("2500", {0: 2}, "₴500"), ("W1,200", {0: 1}, "₩1,200"), ("N12.50", {0: 2}, "₦12.50")),
        *(("2500", {0: 1}, "2500"), ("2500", {0: 2, 1: 2, 2: 2, 3: 2}, "2500"), ("2801", {0: 2, 1: 2}, "2801")),
        *(("2024", {0: 2}, "2024"), ("N95", {0: 2}, "N95"), ("W", {0: 2}, "W")),
    ],
)
def test_bars_that_cross_a_sign_and_not_the_figures_behind_it_tell_it_from_a_figure(chars, bars, text):
    crop = drawn(chars)
    for i in range(len(chars)):
        crop[10:20, 6 + PITCH * i : 13 + PITCH * i] = 255  # only the stem is left of what is no sign
    for i, count in bars.items():
        for y in (12, 16)[:count]:
            crop[y : y + 2, 4 + PITCH * i : 13 + PITCH * i] = 0
    assert with_barred_signs(reading(chars, crop.shape[1]), crop).text == text


@pytest.mark.parametrize("line", ["Rent $500", "Total 1,250.00", "12 (5)", "50%", "a word", ""])
def test_plain_amounts_are_not_read_again(line):
    assert read(line, line, "")[1] == 0


def test_ink_beside_an_amount_that_nothing_reads_is_doubted():
    crop = drawn("Rent ₺500")
    whole, lost = reading("Rent ₺500", crop.shape[1]), read("Rent ₺500", "Rent _500", "500")[0]
    sure, doubted = confidences([whole, lost], [crop.shape] * 2, "")
    assert doubted.line < 0.5 * sure.line


@pytest.mark.parametrize(
    ("chars", "other", "is_doubted"),
    [("500 B", "500 $", True), ("500 B", "500 B", False), ("500 A", "5004", False), ("500 ×", "500 x", False)],
)
def test_what_may_be_a_sign_that_no_recogniser_knows_is_doubted(chars, other, is_doubted):
    crop = drawn("500 ₺")
    plain, seen = reading(chars, crop.shape[1]), read("500 ₺", chars, other, score=0.5)[0]
    sure, now = confidences([plain, seen], [crop.shape] * 2, "")
    assert seen.text == chars and (now.line < 0.5 * sure.line) == is_doubted


def test_the_recogniser_of_all_latin_letters_is_asked_on_a_page_of_any_language():
    crop = drawn("Rent ₹500")
    base = Reader("base", lambda crops, *_: [reading("Rent _500", crops[0].shape[1])], RecognizeOptions())
    latin = Reader("latin", lambda crops, *_: [reading("₹500", crop.shape[1]) for crop in crops], RecognizeOptions())
    seen = np.full((1, len(SCRIPTS)), 1e-5, np.float32)
    seen[0, list(SCRIPTS).index("Latn")] = 0.999
    readers = Readers(base, lambda name: latin)
    letters = {"Latn": {"latin": Alphabets((frozenset("abc"),), (frozenset("abcđ"),))}}
    by_script = ScriptReader(lambda crops, run=map: [seen] * len(crops), readers, {"Latn": ("base",)}, letters)
    assert [text.text for text in by_script([crop], [1], RecognizeOptions())] == ["Rent ₹500"]
