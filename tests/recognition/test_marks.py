"""Marks over and beside letters that the net does not see, of drawn lines in several sizes."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline.formats.fonts import sized_font
from inkline.languages import marks_of
from inkline.recognition.letters import marks_of_page
from inkline.recognition.marks import with_marks, with_marks_of_language
from inkline.types import Text

SIZES = (22, 28, 34, 48)


def drawn(written, read, size):
    """A line that says `written`, and its reading; both of the same letters but for their marks."""
    font = sized_font(written, size)
    ends = [font.getlength(written[:i]) for i in range(len(written) + 1)]
    image = Image.new("L", (round(ends[-1]) + 20, 2 * size), 255)
    ImageDraw.Draw(image).text((10, size // 3), written, fill=0, font=font)
    crop = np.repeat(np.asarray(image)[..., None], 3, axis=2)
    spans = np.array([[a + 10, b + 10] for a, b in pairwise(ends)], np.float32) / image.width
    if len(read) > len(written):  # ticks that are read apart are where the letter before them is
        spans = spans[[i - sum(c in "'’" for c in read[: i + 1]) for i in range(len(read))]]
    scores = np.full(len(read), 0.9, np.float32)
    return Text(read, 0.9, scores, spans), crop


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("lang", "written", "read"),
    [
        ("tr", "İzmir DİKKAT DAĞ", "Izmir DIKKAT DAČ"),
        ("tr", "İL ÖĞRETMEN EĞİTİM", "iL ÖGRETMEN EğiTIM"),
        ("tr", "ÇIKIŞ ılık Kasım", "çIKIş ilik Kasim"),
        ("tr", "Iğdır ILIK Gelin iş", "Iğdır ILIK Gelin iş"),  # without a mark they stay
        ("az", "ƏHƏMİYYƏT Bakı", "ƏHəMIYYƏT Baki"),
        ("sk", "ĽUDIA bol hluk vĺk", "LUDIA bol hluk vík"),
        ("sk", "hoď ďeň dal boď li", "hod' deň dal bod’ li"),
        ("sk", "Líška Lída lipa dno Ťažká", "Líška Lída lipa dno Tažká"),
        ("cs", "KŮŇ Ďas Dnes", "KŮÑ Das Dnes"),
    ],
)
def test_letters_have_the_marks_of_their_ink(lang, written, read, size):
    text, crop = drawn(written, read, size)
    out = with_marks(text, crop, marks_of(lang))
    assert out.text == written and len(out.char_scores) == len(written)


def test_a_word_does_not_begin_with_a_letter_that_none_begins_with():
    text, crop = drawn("Ğapek ĞAN", "Čapek GAN", 34)
    assert with_marks(text, crop, marks_of("tr")).text == "Čapek GAN"


def test_marks_are_those_of_the_languages_that_are_named_or_seen():
    assert marks_of("tr+en") == marks_of("tr")
    assert marks_of("en") is marks_of("de+ru") is marks_of("auto") is None
    assert "Č" not in marks_of("tr+cs").instead and marks_of("tr+cs").over["I"] == "İ"
    assert marks_of_page(["Ağrı dağının karlı doruğu çok güzeldi"]) == marks_of("tr")
    assert marks_of_page(["Größe, Öl und Straße", "où ça, Noël"]) is None
    (same,) = with_marks_of_language([drawn("Maße IN", "Maße IN", 22)[0]], [drawn("Maße IN", "Maße IN", 22)[1]], "auto")
    assert same.text == "Maße IN"
