"""Chinese words that a head of Latin characters leaves out of a line."""

import numpy as np
import pytest

from inkline.options import RecognizeOptions
from inkline.recognition.left_out import leaves_out, with_left_out
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.scripts import SCRIPTS
from inkline.types import Text

WORD, HIDDEN, WIDTH = (0, 60), (80, 130), 240  # pixels: what is read, what may be left out, of a line 40 px high
AFTER = (150, 210)


def crop(*ink, top=8, bottom=34):
    image = np.full((40, WIDTH, 3), 255, np.uint8)
    for start, end in ink:
        image[top:bottom, start:end:2] = 0
    return image


def text(chars, *places, score=0.99, han_score=0.99):
    """A reading with its characters spread evenly over each of some places in pixels."""
    spans = [[(a + (b - a) * i / n) / WIDTH, (a + (b - a) * (i + 1) / n) / WIDTH] for a, b, n in places for i in range(n)]
    scores = np.array([score if c.isascii() else han_score for c in chars], np.float32)
    return Text(chars, score, scores, np.array(spans, np.float32))


LATIN = text("wordword", (*WORD, 4), (*AFTER, 4))


def test_ink_of_the_size_of_a_character_is_left_out():
    assert leaves_out(LATIN, crop(WORD, HIDDEN, AFTER))
    assert leaves_out(text("word", (*AFTER, 4)), crop(WORD, AFTER))  # at the line's beginning
    assert not leaves_out(LATIN, crop(WORD, AFTER))
    assert not leaves_out(text("", (0, 0, 0)), crop(WORD, AFTER))
    # A rule to fill in is low, a bar of a form is narrow.
    low = crop(WORD, AFTER)
    low[34:36, slice(*HIDDEN)] = 0
    assert not leaves_out(LATIN, low) and not leaves_out(LATIN, crop(WORD, (100, 106), AFTER))


WHOLE = [("word北京word", 0.99, 0.99, True), ("word北京word", 0.99, 0.4, False), ("word北京word", 0.9, 0.99, False)]


@pytest.mark.parametrize(("chars", "score", "han", "counts"), [*WHOLE, ("word口word", 0.99, 0.99, False)])
def test_the_whole_head_counts_where_it_surely_reads_chinese(chars, score, han, counts):
    whole = text(chars, (*WORD, 4), (*HIDDEN, len(chars) - 8), (*AFTER, 4), score=score, han_score=han)
    lines = [crop(WORD, AFTER), crop(WORD, HIDDEN, AFTER)]
    asked = []
    found = with_left_out([LATIN, LATIN], lines, lambda crops: asked.append(len(crops)) or [whole])
    assert asked == [1]
    assert found == [LATIN, whole if counts else LATIN]


def test_a_line_of_a_latin_page_keeps_its_chinese_word():
    whole = text("word北京word", (*WORD, 4), (*HIDDEN, 2), (*AFTER, 4))
    seen = np.full((1, len(SCRIPTS)), 1e-5, np.float32)
    seen[0, list(SCRIPTS).index("Latn")] = 0.999
    base = Reader(
        "base",
        lambda crops, options, run: [whole] * len(crops),
        RecognizeOptions(),
        lambda crops, options, run: [LATIN] * len(crops),
    )
    names = {"Latn": ("base",), "Hani": ("base",), "Cyrl": ("cyr",)}
    read = ScriptReader(lambda crops, run=map: [seen] * len(crops), Readers(base, lambda name: base), names)
    lines = [crop(WORD, AFTER), crop(WORD, HIDDEN, AFTER)]
    assert [line.text for line in read(lines, [2], RecognizeOptions())] == ["wordword", "word北京word"]
