"""Lines go to the recogniser of their script: the router's decisions with given probabilities, and pages with the real net."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.errors import DownloadError, UsageError
from inkline.formats.fonts import sized_font
from inkline.options import RecognizeOptions
from inkline.recognition.opened import reader_names
from inkline.recognition.pieces import joined, mixes_scripts, part_between, share_read, whole_score, word_spans
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.recognition.router import LETTERED, line_parts, net_input
from inkline.registry import options_for
from inkline.scripts import NO_LETTERS, SCRIPTS, script_of
from inkline.types import Text

NAMES = {"Latn": ("base",), "Cyrl": ("cyr",), "Grek": ("greek",), "Khmr": ()}


def seen(**shares):
    """What the net says of a line of one part; the rest of the probability goes to all classes evenly."""
    row = np.full(len(SCRIPTS), (1 - sum(shares.values())) / len(SCRIPTS), np.float32)
    for code, share in shares.items():
        row[list(SCRIPTS).index(code)] += share
    return row[None]


def recogniser(text, score):
    def read(crops, options, run=map):
        return [Text(text, score, np.full(len(text), score, np.float32), np.zeros((len(text), 2), np.float32)) for _ in crops]

    return read


def reader(lines, missing=(), names=NAMES, **recognisers):
    """A `ScriptReader` for lines of which the net says `lines`; recognisers: name -> (text, score). And what it opened."""
    opened = []
    made = {name: Reader(name, recogniser(*said), RecognizeOptions(score_thresh=0.3)) for name, said in recognisers.items()}

    def open_reader(name):
        opened.append(name)
        if name in missing:
            raise DownloadError(f"{name} is not here")
        return made[name]

    answers = list(lines)
    net = lambda crops, run=map: [answers[int(crop[0, 0, 0])] if crop.shape[1] == 100 else answers[0] for crop in crops]  # noqa: E731
    return ScriptReader(net, Readers(made["base"], open_reader), names), opened


def crops(count):
    return [np.full((20, 100, 3), i, np.uint8) for i in range(count)]


def read(script_reader, count, pages=None):
    return script_reader(crops(count), pages or [count], RecognizeOptions(score_thresh=0.3))


def test_script_of_text():
    texts = ("12.5 %", "Ink", "漢字かな", "한국어", "Привет", "नमस्ते", "٣٤٥", "ភាសា", "የአማርኛ", "")
    assert [script_of(t) for t in texts] == [
        NO_LETTERS,
        "Latn",
        "Hani",
        "Hang",
        "Cyrl",
        "Deva",
        "Arab",
        "Khmr",
        "Ethi",
        NO_LETTERS,
    ]


def test_each_line_goes_to_the_recogniser_of_its_script_which_is_opened_when_met():
    said = {"base": ("a", 0.9), "cyr": ("я", 0.95), "greek": ("ω", 0.99)}
    by_script, opened = reader([seen(Latn=0.99), seen(Cyrl=0.99)], **said)
    assert [t.text for t in read(by_script, 1)] == ["a"]
    assert opened == []
    assert [(t.text, t.reader) for t in read(by_script, 2)] == [("a", "base"), ("я", "cyr")]
    read(by_script, 2)
    assert opened == ["cyr"]


def test_a_head_of_latin_characters_reads_what_surely_is_latin():
    """Not a line with a part that may be Chinese, nor one of digits on a page that says nothing; the recogniser is one."""
    likely, mixed = seen(Latn=0.9, Hani=0.09), np.concatenate([seen(Latn=0.999)] * 2 + [seen(Latn=0.5, Hani=0.49)])
    lines = [seen(Latn=0.999), likely, mixed, seen(Hani=0.999), seen(Zyyy=0.999)]
    base = Reader("base", recogniser("漢", 0.9), RecognizeOptions(), recogniser("a", 0.9))
    net = lambda crops, run=map: [lines[int(crop[0, 0, 0])] for crop in crops]  # noqa: E731
    names = {"Latn": ("base",), "Hani": ("base",), "Cyrl": ("cyr",)}
    by_script = ScriptReader(net, Readers(base, lambda name: base), names)
    found = by_script(crops(5), [1] * 5, RecognizeOptions())
    assert [text.text for text in found] == ["a", "漢", "漢", "漢", "漢"]
    assert {text.reader for text in found} == {"base"}
    latin_page = [*crops(1) * 20, crops(5)[4]]
    assert {text.text for text in by_script(latin_page, [21], RecognizeOptions())} == {"a"}


def test_the_page_is_a_prior_and_digits_belong_to_it():
    """Nineteen Russian lines decide a line of capitals that might be either, and one of digits; alone they are Latin."""
    said = {"base": ("a", 0.9), "cyr": ("я", 0.9)}
    russian, doubtful, digits = seen(Cyrl=0.999), seen(Latn=0.6, Cyrl=0.4), seen(Zyyy=0.999)
    by_script, _ = reader([russian] * 19 + [doubtful, digits], **said)
    assert [t.reader for t in read(by_script, 21)] == ["cyr"] * 21
    by_script, _ = reader([doubtful, digits], **said)
    assert next(t.reader for t in read(by_script, 2, [1, 1])) == "base"


def test_in_doubt_the_better_score_decides():
    by_script, _ = reader([seen(Latn=0.5, Cyrl=0.45)], base=("a", 0.7), cyr=("я", 0.95))
    assert [t.text for t in read(by_script, 1)] == ["я"]


STRANGERS = [
    ("ядро", 0.7, 4, "Latin"),
    ("ядро", 0.9, 4, "ядро"),
    ("ядро", 0.7, 1, "ядро"),
    ("Tar", 0.7, 4, "Tar"),
    ("ядро", 0.8, 4, "Latin"),
    ("ядерный", 0.8, 4, "ядерный"),
]


@pytest.mark.parametrize(("other", "score", "latin", "expected"), STRANGERS)
def test_what_is_read_badly_in_a_script_that_the_page_does_not_have_goes_back_to_the_page(other, score, latin, expected):
    """On a page of Latin lines; not where it is read well, much better or as Latin, nor where little tells of the page."""
    lines = [*[seen(Latn=0.999)] * latin, seen(Cyrl=0.9999)]

    def base(crops, options, run=map):  # reads the other line badly, too
        return [recogniser("Latin", 0.6 if crop[0, 0, 0] == latin else 0.9)([crop], options)[0] for crop in crops]

    said = {"base": base, "cyr": recogniser(other, score)}
    made = {name: Reader(name, way, RecognizeOptions(score_thresh=0.3)) for name, way in said.items()}
    net = lambda crops, run=map: [lines[int(crop[0, 0, 0])] for crop in crops]  # noqa: E731
    by_script = ScriptReader(net, Readers(made["base"], made.get), NAMES, {})
    assert read(by_script, latin + 1)[-1].text == expected


def test_spaces_over_ink_are_no_reading():
    by_script, _ = reader([seen(Latn=0.6, Cyrl=0.35)], base=("   ", 0.98), cyr=("я", 0.86))
    assert [t.text for t in read(by_script, 1)] == ["я"]


@pytest.mark.parametrize(("own", "other", "expected"), [("12", "Сума12", "Сума12"), ("S12", "Suma12", "S12")])
def test_a_reading_that_leaves_out_a_word_gives_way_to_one_in_its_script(own, other, expected):
    """`: 120,00` was surer than `Сума: 120,00`; what another recogniser sees in the rest of a line is no reason alone."""
    crop = np.full((20, 200, 3), 255, np.uint8)
    crop[4:16, 4:80], crop[4:16, 120:160] = 0, 0

    def reads(text, score, start):
        spans = np.repeat(np.linspace(start, 0.75, len(text))[:, None], 2, axis=1).astype(np.float32)
        found = Text(text, score, np.full(len(text), score, np.float32), spans)
        return Reader("", lambda crops, options, run=map: [found] * len(crops), RecognizeOptions())

    made = {"base": reads(own, 0.99, 0.65), "cyr": reads(other, 0.92, 0.05)}
    readers = Readers(replace(made["base"], name="base"), made.__getitem__)
    net = lambda crops, run=map: [seen(Latn=0.97, Cyrl=0.02)] * len(crops)  # noqa: E731
    by_script = ScriptReader(net, readers, {"Latn": ("base",), "Cyrl": ("cyr",)})
    assert by_script([crop], [1], RecognizeOptions())[0].text == expected


def test_what_nothing_reads_is_kept_empty_with_its_script():
    by_script, _ = reader([seen(Khmr=0.99)], base=("x", 0.6))
    (text,) = read(by_script, 1)
    assert (text.text, text.script) == ("", "Khmr")
    by_script, _ = reader([seen(Khmr=0.99)], base=("x", 0.97))  # read too well to be Khmer
    assert [t.text for t in read(by_script, 1)] == ["x"]


def test_a_recogniser_that_cannot_be_had_loses_its_lines_alone(caplog):
    by_script, opened = reader([seen(Latn=0.99), seen(Cyrl=0.999)], missing=("cyr",), base=("a", 0.9))
    for _ in range(2):
        assert [(t.text, t.script) for t in read(by_script, 2)] == [("a", ""), ("", "Cyrl")]
    assert opened == ["cyr"]
    assert "cyr cannot be had" in caplog.text


def test_a_line_that_may_be_of_a_recogniser_that_cannot_be_had_is_not_read_in_part():
    """Where ink is left out: `125` of `Договор 125` looked like the whole line."""
    by_script, _ = reader([seen(Cyrl=0.999), seen(Latn=0.97, Cyrl=0.02)], missing=("cyr",), base=("125", 0.97))
    full, inked = crops(2)[1], crops(2)[1]
    inked[2:18, 40:80] = 255
    found = by_script([crops(1)[0], full, inked], [3], RecognizeOptions(score_thresh=0.3))
    assert [(text.text, text.script) for text in found[1:]] == [("125", ""), ("", "Cyrl")]


@pytest.mark.parametrize(("score", "akin", "text"), [(0.7, "ΩΣΠ", "ΩΣΠ"), (0.95, "ΩΣΠ", "ЖЖ"), (0.7, "Ω", "ЖЖ")])
def test_what_is_read_badly_in_a_script_beside_latin_is_read_by_those_akin_to_it(score, akin, text):
    by_script, _ = reader([seen(Cyrl=0.999, Grek=0.0005)], base=("a", 0.5), cyr=("ЖЖ", score), greek=(akin, 0.97))
    assert [t.text for t in read(by_script, 1)] == [text]


@pytest.mark.parametrize(("score", "text"), [(0.86, "กขค"), (0.96, "ກຂຄ")])
def test_thai_is_asked_where_lao_is_not_sure_however_unlikely_it_is(score, text):
    nets = {"base": ("a", 0.5), "lao": ("ກຂຄ", score), "thai": ("กขค", 0.99)}
    names = {"Latn": ("base",), "Laoo": ("lao",), "Thai": ("thai",)}
    by_script, _ = reader([seen(Laoo=0.999)], names=names, **nets)
    assert [t.text for t in read(by_script, 1)] == [text]


def test_asked_options_go_before_those_a_recogniser_was_tuned_with():
    base = Reader("base", recogniser("", 0), RecognizeOptions(score_thresh=0.75, width_scale=0.7))
    other = Reader("other", recogniser("", 0), RecognizeOptions(score_thresh=0.5, width_scale=1.2))
    readers = Readers(base, lambda name: other)
    asked = readers.options(other, RecognizeOptions(score_thresh=0.75, width_scale=0.9))
    assert (asked.score_thresh, asked.width_scale) == (0.5, 0.9)


def test_languages_limit_the_recognisers():
    v6 = "PP-OCRv6_small_rec"
    auto = reader_names("auto", v6)
    assert (auto["Latn"], auto["Hani"], auto["Khmr"]) == ((v6,), (v6,), ("southeast_asian_PP-OCRv6_small_rec",))
    assert auto["Cyrl"] == ("cyrillic_PP-OCRv6_small_rec",)
    assert set(auto) <= set(LETTERED) | {script for script in auto if script not in LETTERED}
    # The fast tier's recogniser has no kana: Chinese and Japanese lines go to the default one, unless it was named by the user.
    tiny = "PP-OCRv6_tiny_rec"
    assert [reader_names("auto", tiny, tier)["Hani"] for tier in ("fast", "balanced")] == [(v6,), (tiny,)]
    # Where the default one cannot be had, it reads them as well as it can.
    assert reader_names("auto", tiny, "fast", larger=False)["Hani"] == (tiny,)
    assert [set(reader_names("en+ja", tiny, "fast", larger)["Hani"]) for larger in (True, False)] == [{v6}, {tiny}]
    assert reader_names("en+ru", v6) == {"Latn": (v6,), "Cyrl": ("cyrillic_PP-OCRv6_small_rec",)}
    assert reader_names("en", v6) == {}
    assert [options_for(lang=lang).lang for lang in (["en", "ru"], "en+ru", "eng,rus", None, "ru")] == [
        *["en+ru"] * 3,
        "auto",
        "ru",
    ]
    assert [options_for(**asked).lang for asked in ({"rules": "reference"}, {"ocr_version": "PP-OCRv6"})] == ["", ""]
    with pytest.raises(UsageError, match="xx9"):
        options_for(lang=["en", "xx9"])
    assert options_for(lang=" AUTO ").lang == "auto"
    for odd in (5, b"en", {"en": 1}, ["auto", "en"]):
        with pytest.raises(UsageError, match="lang="):
            options_for(lang=odd)
    with pytest.raises(UsageError, match=re.escape("lang='en+': a language is missing; give en alone, or codes joined by +")):
        options_for(lang="en+")
    for mixed in ("auto,en", ["auto", "en"]):  # told as it was given
        with pytest.raises(UsageError, match=re.escape(f"lang={mixed!r}: auto is every language already")):
            options_for(lang=mixed)


def test_parts_and_input():
    line = np.full((40, 1000, 3), 255, np.uint8)
    line[10:30, ::7] = 0
    assert [part.shape[1] for part in line_parts(line)] == [160, 160, 160]
    assert len(line_parts(line[:, :200])) == 1
    x, inverted = net_input(line[:, :80]), net_input(255 - line[:, :80])
    assert x.shape == (1, 32, 128)
    assert x[0, :, 64:].min() == 1  # paper
    np.testing.assert_allclose(x, inverted, atol=0.02)


def test_words_and_pieces():
    line = np.full((20, 100, 3), 255, np.uint8)
    line[5:15, 10:30] = line[5:15, 32:50] = line[5:15, 70:90] = 0
    assert word_spans(line) == [(0, 59), (59, 100)]
    low = np.full((4, 12, 3), 255, np.uint8)
    low[1:3, [0, 1, 2, 6, 7]] = 0  # in a line so low every column is as wide as a gap: no word is empty
    assert word_spans(low) == [(0, 4), (4, 12)]
    parts = [recogniser("ab", 0.9)([0], None)[0], recogniser("я", 0.7)([0], None)[0]]
    whole = joined(parts)
    assert (whole.text, whole.score) == ("ab я", pytest.approx(0.8))
    assert len(whole.char_scores) == len(whole.char_spans) == 4


LINES = ("The parcel was sent on Monday", "Посылка отправлена сегодня утром", "Το δέμα στάλθηκε σήμερα το πρωί")


def page(lines=LINES):
    image = Image.new("RGB", (900, 40 + 80 * len(lines)), "white")
    for i, text in enumerate(lines):
        ImageDraw.Draw(image).text((40, 40 + 80 * i), text, fill="black", font=sized_font(text, 36))
    return np.asarray(image)[..., ::-1].copy()


@pytest.fixture(scope="module")
def auto():
    with Ocr(cpu_threads=1) as ocr:
        yield ocr


def opened(recogniser):
    return recogniser._engine._engine._opened is not None


@pytest.mark.parametrize(("lines", "heads"), [(LINES[:1], [False, True]), (["今天天气很好", "我们去公园散步"], [True, False])])
def test_a_page_in_one_script_opens_one_head(lines, heads):
    with Ocr(cpu_threads=1) as ocr:
        assert [opened(recogniser) for recogniser in ocr.recognizers] == [False, False]
        found = ocr(page(lines))
        assert [opened(recogniser) for recogniser in ocr.recognizers] == heads
    assert [line.text for line in found.lines] == list(lines)
    assert {line.model for line in found.lines} == {"PP-OCRv6_small_rec"}
    kept = set("".join(ocr.recognizers[1].charset))
    assert {"é", "€", "8"} < kept and not kept & set("日八家十")


@pytest.mark.parametrize("asked", [{"lang": "en"}, {"text_recognition_model_head": "latin"}])
def test_one_language_and_a_head_that_is_named_mean_one_recogniser(asked):
    with Ocr(cpu_threads=1, **asked) as ocr:
        assert len(ocr.recognizers) == 1


def line_image(text, size=34):
    font = sized_font(text, size)
    image = Image.new("RGB", (round(font.getlength(text)) + 20, round(1.3 * size)), "white")
    ImageDraw.Draw(image).text((10, 1), text, fill="black", font=font)
    return np.asarray(image)[..., ::-1].copy()


def test_words_in_another_script_inside_a_line_are_read_by_the_recogniser_of_theirs(auto):
    lines = ("Name שלום Cohen", "All human beings are born free, 2024")
    texts = [auto.recognize([line_image(line)])[0] for line in lines]
    assert [text.text for text in texts] == list(lines)
    assert [text.reader.count("+") for text in texts] == [1, 0]


@pytest.mark.parametrize("size", [20, 34, 48])
@pytest.mark.parametrize(
    "line",
    [
        "Он из США а она из UK",
        "ПРИВЕТ мир и HTTP сервер",
        "В Москве открыт офис Yandex",
        "Το πρόγραμμα HTML είναι απλό",
        "भारत और USA के बीच",
        "文件 PDF 在这里",
    ],
)
def test_no_word_of_a_line_in_two_scripts_is_lost(auto, line, size):
    """Capitals and short words, which the router's net may take for either script."""
    text = auto.recognize([line_image(line, size)])[0]
    assert [len(word) for word in text.text.split()] == [len(word) for word in line.split()]
    right = sum(a == b for a, b in zip(text.text.split(), line.split(), strict=True))
    assert right >= 2 / 3 * len(line.split())  # О and O, В and B are one shape


def ruled(text, size, above):
    """A page with one line of Latin words that hang from a rule."""
    image = line_image(text, size)
    page = cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    top = int(np.flatnonzero((page < 128).any(axis=(1, 2)))[0])
    page[top - above : top - above + max(size // 16, 1), 60:-60] = 0
    return page


@pytest.mark.parametrize(("text", "size"), [("Hello", 18), ("BRAND", 18), ("Hello", 24), ("Notebook", 18)])
def test_words_that_hang_from_a_rule_are_not_devanagari(auto, text, size):
    found = auto(ruled(text, size, 0)).lines
    assert [line.text for line in found] == [text]


def test_letters_of_two_scripts_in_a_word_are_a_sign_of_a_wrong_reading():
    assert [word for word in ("Heााo", "MoκBa", "ਕue", "Oδóç") if not mixes_scripts(word)] == []
    assert [word for word in ("µm", "IT-компания", "PDF파일", "Москва", "naïve", "USAの") if mixes_scripts(word)] == []
    text = recogniser("Heााo due", 1.0)([0], None)[0]
    assert whole_score(text) == pytest.approx(0.9)


def test_of_a_reading_the_part_in_a_place_and_the_share_of_its_ink():
    spans = np.linspace([0, 0.1], [0.9, 1], 10).astype(np.float32)
    text = Text("ab cd efg ", 0.9, np.linspace(0.5, 0.95, 10).astype(np.float32), spans)
    part = part_between(text, 0.0, 0.55)
    assert (part.text, part.score) == ("ab cd", pytest.approx(np.mean([0.5, 0.55, 0.65, 0.7])))
    assert part_between(text, 0.95, 1.0).text == ""
    inked = np.ones(100, bool)
    assert share_read(text, inked, 10, 0.0, 0.2) == 1.0
    assert share_read(text, inked, 10, 0.0, 1.0) == pytest.approx(0.75, abs=0.05)  # three characters are spaces
    assert share_read(part, inked, 10, 0.5, 1.0) == 0.0


def test_a_page_in_three_scripts(auto):
    """Every line in the letters of its script, by many threads at once as by one."""
    image = page()
    lines = auto(image).lines
    assert [line.text for line in lines] == list(LINES)
    assert [line.script for line in lines] == ["Latn", "Cyrl", "Grek"]
    with ThreadPoolExecutor(8) as pool:
        for other in pool.map(auto, [image] * 8):
            assert [(line.text, line.score) for line in other.lines] == [(line.text, line.score) for line in lines]
    pages = list(auto.stream([page(LINES[:1]), image, page(LINES[1:2])]))
    assert [line.text for p in pages for line in p.lines] == [LINES[0], *LINES, LINES[1]]
