"""Lines that a tier's recogniser reads with doubt are read again by the default one, where that is there."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.errors import DownloadError
from inkline.formats.fonts import sized_font
from inkline.options import RecognizeOptions
from inkline.recognition import opened
from inkline.recognition.doubtful import read_doubtful_again
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.scripts import SCRIPTS
from inkline.types import Text

SMALL, TINY = "PP-OCRv6_small_rec", "PP-OCRv6_tiny_rec"
LINES = ("Invoice 20418 of 3 May", "今天天气很好，我们去公园", "Thank you for your order")


def text(read, score, **said):
    return Text(read, score, np.full(len(read), score, np.float32), np.zeros((len(read), 2), np.float32), **said)


def reread(texts, readings, thresh=0.5):
    """The texts after lines were read again as `readings` (line -> text), and which lines were asked for."""
    asked, out = [], list(texts)

    def read_again(lines):
        asked.extend(lines)
        return {i: readings[i] for i in lines if i in readings}

    read_doubtful_again(out, [np.zeros((30, 200, 3), np.uint8)] * len(out), "tiny", thresh, read_again)
    return [text.text for text in out], asked


def test_the_surer_reading_of_a_doubtful_line_counts():
    sure, doubtful, empty = text("Invoice", 0.999), text("lnvoiee", 0.6, reader="tiny"), text("", 0.0)
    of_another, unread = text("Счёт", 0.6, reader="cyrillic"), text("", 0.0, script="Khmr")
    texts = [sure, doubtful, empty, of_another, unread, doubtful]
    readings = {1: text("Invoice", 0.99), 2: text("Total", 0.9), 5: text("lnv", 0.3)}
    assert reread(texts, readings) == (["Invoice", "Invoice", "Total", "Счёт", "", "lnvoiee"], [1, 2, 5])


def test_without_the_larger_recogniser_or_a_threshold_lines_stay():
    doubtful = [text("lnvoiee", 0.6)]
    assert reread(doubtful, {}) == (["lnvoiee"], [0])
    assert reread(doubtful, {0: text("Invoice", 0.99)}, thresh=0) == (["lnvoiee"], [])


def test_others_are_asked_only_about_what_the_larger_recogniser_reads_badly_too():
    """Lines that may be in Cyrillic letters; the small recogniser reads all badly, the larger one those from 100 px."""
    latin_or_not = np.zeros((1, len(SCRIPTS)), np.float32)
    latin_or_not[0, [list(SCRIPTS).index(code) for code in ("Latn", "Cyrl")]] = 0.7, 0.3
    asked = []

    def reader(name, said, score, from_px=0):
        def read(crops, options, run=map):
            asked.extend([name] * len(crops))
            return [text(said, score if crop.shape[1] >= from_px else 0.4) for crop in crops]

        return Reader(name, read, RecognizeOptions())

    made = {name: reader(name, *said) for name, *said in (("larger", "Invoice", 0.99, 100), ("cyr", "Счёт", 0.95))}
    readers = Readers(reader("small", "lnvoiee", 0.5), lambda name: made[name])
    names = {"Latn": ("small",), "Hani": ("larger",), "Cyrl": ("cyr",)}
    by_script = ScriptReader(lambda crops, run=map: [latin_or_not] * len(crops), readers, names, again=("small", "larger"))
    crops = [np.full((30, width, 3), 255, np.uint8) for width in (200, 80)]
    found = by_script(crops, [1, 1], RecognizeOptions(reread_thresh=0.9))
    assert [(line.text, line.reader) for line in found] == [("Invoice", "larger"), ("Счёт", "cyr")]
    assert asked == ["small"] * 2 + ["larger"] * 2 + ["cyr"]


@pytest.fixture(scope="module")
def image():
    canvas = Image.new("RGB", (640, 320), "white")
    for i, line in enumerate(LINES):
        ImageDraw.Draw(canvas).text((40, 30 + 90 * i), line, fill="black", font=sized_font(line, 34))
    return np.asarray(canvas)[..., ::-1].copy()


def models(page):
    assert [line.text for line in page.lines] == list(LINES)
    return [line.model for line in page.lines]


@pytest.mark.parametrize(("lang", "of_chinese"), [("auto", SMALL), ("ch", TINY)])
def test_the_threshold_decides_which_recogniser_reads(image, lang, of_chinese):
    with Ocr(tier="fast", lang=lang, cpu_threads=1) as ocr:
        assert models(ocr(image)) == [TINY, of_chinese, TINY]
        again = ocr(image, text_rec_reread_thresh=1)
        assert models(again) == [SMALL, SMALL, SMALL]
        (streamed,) = ocr.stream([image], text_rec_reread_thresh=1)
        assert streamed.to_dict() == again.to_dict()


def test_where_the_default_recogniser_cannot_be_had_that_of_the_tier_reads_all_lines(image, monkeypatch, caplog):
    resolve = opened.resolve

    def unreachable(name, *place):
        if name == SMALL:
            raise DownloadError(f"{name}: no source gives it")
        return resolve(name, *place)

    monkeypatch.setattr(opened, "resolve", unreachable)
    with Ocr(tier="fast", cpu_threads=1) as ocr:
        assert models(ocr(image)) == models(ocr(image, text_rec_reread_thresh=1)) == [TINY, TINY, TINY]
    said = [record.getMessage() for record in caplog.records if SMALL in record.getMessage()]
    assert said == [f"{SMALL} cannot be had, so {TINY} alone reads what that would read better: {SMALL}: no source gives it"]
