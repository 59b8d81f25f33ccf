"""Vowel signs left of their letter: the order in which nets are taught them, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkline.options import RecognizeOptions
from inkline.recognition.recognizer import Recognizer
from inkline.recognition.vowel_order import seen_order, stored_vowels
from inkline.types import Text

WORDS = {  # code points, as fonts hide the order
    "09AC 09BF 09B6 09CD 09AC": "09BF 09AC 09B6 09CD 09AC",  # Bengali: world
    "09B8 09CD 09A5 09BF 09A4 09BF": "09BF 09B8 09CD 09A5 09BF 09A4",
    "0995 09CB 0995 09CC": "09C7 0995 09BE 09C7 0995 09D7",
    "0A15 0A3F 0A24 0A3E 0A2C": "0A3F 0A15 0A24 0A3E 0A2C",  # Gurmukhi: book
    "0AB5 0ABF 0AB6 0ACD 0AB5": "0ABF 0AB5 0AB6 0ACD 0AB5",  # Gujarati: world
    "0D15 0D4A 0D1F 0D4D 0D1F 0D3E 0D30 0D02": "0D46 0D15 0D3E 0D1F 0D4D 0D1F 0D3E 0D30 0D02",  # Malayalam: palace
    "0D12 0D28 0D4D 0D28 0D47": "0D12 0D47 0D28 0D4D 0D28",
    "0D9A 0DDA 0D9A 0DDD": "0DD9 0D9A 0DCA 0DD9 0D9A 0DCF 0DCA",  # Sinhala, each part a sign of its own
    "0DB4 0DCA 200D 0DBB 0DD9": "0DD9 0DB4 0DCA 200D 0DBB",
    "1019 103C 1031 102C 1000 103A": "1031 1019 103C 102C 1000 103A",  # Burmese
    "179F 17D2 179A 17C4 1785": "17C1 179F 17D2 179A 17B6 1785",  # Khmer
    "1787 17C0 1784": "17C1 1787 17C0 1784",  # what is right of the letter has no sign of its own
    "0E40 0E81 0EB2": "0E40 0E81 0EB2",  # Lao is stored as it is seen
    "0915 093F": "0915 093F",  # published nets read Devanagari as it is stored
    "0063 0061 0074": "0063 0061 0074",
}


def line(text: str) -> Text:
    """A text whose characters have rising scores and places."""
    steps = np.arange(len(text), dtype=np.float32)
    return Text(text, 0.5, steps / 100, np.stack([steps, steps + 1], axis=1) / max(len(text), 1), text)


@pytest.mark.parametrize(("stored", "seen"), WORDS.items())
def test_signs_stand_where_they_are_seen_and_come_back(stored: str, seen: str) -> None:
    stored, seen = ("".join(chr(int(code, 16)) for code in codes.split()) for codes in (stored, seen))
    assert seen_order(stored) == seen
    back = stored_vowels(line(seen))
    assert back.text == back.plain == stored
    assert len(back.char_scores) == len(back.char_spans) == len(back.evidence) == len(stored)


def test_places_and_scores_go_with_their_characters() -> None:
    back = stored_vowels(line("a \u09c7\u0995\u09be b"))
    assert back.text == "a \u0995\u09cb b"
    assert back.char_scores.tolist() == pytest.approx([0, 0.01, 0.03, 0.02, 0.05, 0.06])
    less_sure = line("\u09c7\u0995\u09be")
    less_sure.char_scores[:] = 0.9, 0.8, 0.1
    assert stored_vowels(less_sure).char_scores.tolist() == pytest.approx([0.8, 0.1])


def test_a_sign_without_its_letter_stays() -> None:
    for text in ("\u09c7", "\u09c7 \u0995", "\u09bf\u09be", "\u0dd9\u0dca"):
        assert stored_vowels(line(text)).text == text


@given(st.text(alphabet="কখ্িোে়াৗ ക്െൊറ කේෞ\u200d ကြေ်္ ក្ើេះ", max_size=20))
def test_what_is_seen_keeps_its_characters_in_step(text: str) -> None:
    back = stored_vowels(line(seen_order(text)))
    assert len(back.text) == len(back.char_scores) == len(back.char_spans) == len(back.evidence)
    assert sorted(seen_order(back.text)) == sorted(seen_order(text))


def test_a_net_says_in_its_file_that_it_was_taught_what_is_seen() -> None:
    def engine(x: np.ndarray) -> list[np.ndarray]:
        out = np.full((len(x), 4, 3), 0.05, np.float32)
        for step, of in enumerate((1, 0, 2, 0)):
            out[:, step, of] = 0.9
        return [out]

    crop = np.full((48, 64, 3), 255, np.uint8)
    for order, text in (("stored", "\u09bf\u0995"), ("seen", "\u0995\u09bf")):
        recognizer = Recognizer(engine, ["\u09bf", "\u0995"], {"inkline.label_order": order})
        assert recognizer([crop], RecognizeOptions())[0].text == text
