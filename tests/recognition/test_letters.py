"""The letters of a page tell its language: which recogniser reads it, and which of two twins is meant."""

import unicodedata

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.formats.fonts import sized_font
from inkline.languages import twins_of
from inkline.options import RecognizeOptions
from inkline.recognition.letters import other_readers, twins_of_page
from inkline.recognition.opened import reader_names
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.scripts import SCRIPTS
from inkline.types import Text

FRENCH = "Noël à l'œuvre : les êtres humains naissent libres, maïs ça où"
# As the default recogniser reads them: the letters that it lacks are gone.
VIETNAMESE = ("Tt c mi ngưi sinh ra đu đưc t do", "và bình đng v nhân phm và quyn li", "Mi con ngưi đu đưc to hóa")
PERSIAN = ("تمام افراد بشر آزاد به دنيا می آيند و از لحاظ", "پژوهش گچ چاپ يکديگر")


def latin():
    return other_readers(reader_names("auto", "PP-OCRv6_small_rec"))["Latn"]["latin_PP-OCRv6_small_rec"]


def test_only_letters_of_no_language_that_the_first_recogniser_knows_are_looked_at_again():
    def probes(texts, confidence=0.9):
        return latin().probes(texts, lambda i: confidence)

    assert probes(VIETNAMESE) == [1, 2]
    for texts in ([FRENCH], ["Größe, Öl und Straße"], ["Všichni lidé rodí se svobodní a sobě rovní"], ["rađaju se jednaka"]):
        assert probes(texts) == []
    assert probes(["All human beings are born free and equal; a fiancée, an ångström, a noël " * 3]) == []


def test_one_line_among_lines_of_other_languages_is_looked_at_again_where_its_letters_or_its_confidence_say_so():
    page = ["Größe, Öl und Straße sind Wörter", "Kêu chôn thy", "Mt con ba", "SDN BHD, LTD. https://b-brst.com"]
    assert latin().probes(page, lambda i: [0.95, 0.7, 0.9, 0.7][i]) == [1, 2]
    assert latin().probes(page, lambda i: 0.99) == []
    assert latin().probes(["Das ist ein Satz", "đưc"], lambda i: 0.99) == [1]


def test_pages_in_languages_whose_letters_are_read_as_others_are_looked_at_again():
    arabic = other_readers(reader_names("auto", "PP-OCRv6_small_rec"))["Arab"]["perso_arabic_PP-OCRv6_small_rec"]
    assert arabic.probes(["يولد جميع", "الناس أحرارا متساوين", "في الكرامة"], lambda i: 0.99) == [0, 1]
    assert arabic.speak_for_other(["ئۇلار ئەقىلگە ۋە ۋىجدانغا ئىگە"])
    assert arabic.speak_for_other(["که همه چيز خوب است"])
    assert not arabic.speak_for_other(["كل شیء جمیل في ەذا البیت"])  # letters that look like the ends of others


def test_another_recogniser_has_to_read_letters_of_its_own():
    assert latin().speak_for_other(["Tất cả mọi người sinh ra"])
    assert not latin().speak_for_other([FRENCH])
    assert not latin().speak_for_other(["A line of plain English with one speck ạ in all of its many letters, and then some"])


def test_twins_are_those_of_the_language_that_explains_the_letters():
    assert twins_of_page(PERSIAN, "Arab") == twins_of("fa")
    assert twins_of_page(("يولد جميع الناس أحرارا متساوين في الكرامة على",), "Arab") == ()
    assert twins_of_page(("Toate fiinţele umane se nasc libere şi egale în demnitate, bună",), "Latn") == twins_of("ro")
    assert twins_of_page((FRENCH,), "Latn") == twins_of_page(("Größe",), "Latn") == ()
    assert twins_of_page(("Привет",), "Cyrl") == ()


def test_twins_of_several_languages_are_those_that_none_of_them_has():
    assert twins_of("fa+en") == twins_of("fa")
    assert [twin[0] for twin in twins_of("fa+ar")] == []
    assert twins_of("auto") == twins_of("en") == twins_of("en+ru") == ()


def text(read):
    return Text(read, 0.9, np.full(len(read), 0.9, np.float32), np.zeros((len(read), 2), np.float32))


@pytest.fixture(scope="module")
def auto():
    with Ocr(cpu_threads=1) as ocr:
        yield ocr


def page(lines):
    image = Image.new("RGB", (900, 40 + 80 * len(lines)), "white")
    for i, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 40 + 80 * i), line, fill="black", font=sized_font(line, 34))
    return np.asarray(image)[..., ::-1].copy()


def test_a_page_in_vietnamese_keeps_its_letters_without_being_told_the_language(auto):
    lines = ["Tất cả mọi người sinh ra đều được tự do", "và bình đẳng về nhân phẩm và quyền lợi"]
    lines = [unicodedata.normalize("NFC", line) for line in lines]
    read = auto(page(lines)).lines
    assert [line.text for line in read] == lines
    assert {line.model for line in read} == {"latin_PP-OCRv6_small_rec"}
    assert {line.model for line in auto(page(["Noël à l'œuvre, où ça ?", "Les êtres naissent égaux"])).lines} == {
        "PP-OCRv6_small_rec"
    }


def test_a_page_in_azerbaijani_keeps_its_schwa_without_being_told_the_language(auto):
    lines = ["Əsas səhifənin tarixçələri", "Yenisini səhifənin sonuna əlavə et"]
    assert [line.text for line in auto(page(lines)).lines] == lines


def test_lines_with_letters_of_another_language_are_read_again_with_the_twins_of_theirs():
    class Net:
        def __init__(self, twins=()):
            self.twins = twins

        def with_twins(self, twins):
            return Net(twins)

        def __call__(self, crops, options, run=map):
            return [text(PERSIAN[1].replace("ي", "ی") if self.twins else PERSIAN[1]) for _ in crops]

    arabic = np.zeros((1, len(SCRIPTS)), np.float32)
    arabic[0, list(SCRIPTS).index("Arab")] = 1
    net = lambda crops, run=map: [arabic for _ in crops]  # noqa: E731
    readers = Readers(Reader("arabic", Net(), RecognizeOptions()), lambda name: None)
    by_script = ScriptReader(net, readers, {"Arab": ("arabic",)}, {})
    (read,) = by_script([np.full((20, 100, 3), 255, np.uint8)], [1], RecognizeOptions())
    assert "ي" not in read.text and "ی" in read.text
