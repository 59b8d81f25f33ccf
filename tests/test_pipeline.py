"""The whole pipeline with real weights."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.assembly import is_unread
from inkline.errors import SourceError, UsageError
from inkline.formats.fonts import BUNDLED_FONT, sized_font
from inkline.formats.line_geometry import bounds
from inkline.options import OcrOptions
from inkline.types import Text

SAMPLE = Path(__file__).resolve().parent.parent / "examples/sample.png"


def same(a, b):
    """Whether two pages are equal to the last bit."""
    x, y = a.to_dict(), b.to_dict()
    for page in (x, y):
        page.pop("input_path"), page.pop("page_index")
    return x == y and all(np.array_equal(p.quad, q.quad) and p.score == q.score for p, q in zip(a.lines, b.lines, strict=True))


@pytest.fixture(scope="module")
def pages(fixtures):
    """Six small images of different sizes and contents, BGR."""
    sample, receipt = cv2.imread(str(SAMPLE))[:400], cv2.imread(str(fixtures / "receipt.png"))
    h, w = sample.shape[:2]
    return [
        sample,
        receipt,
        sample[: h // 2],
        sample[h // 2 :, : w // 2],
        cv2.resize(receipt, None, fx=0.7, fy=0.7),
        np.full((200, 300, 3), 255, np.uint8),
    ]


def test_it_reads_the_sample_page(ocr):
    page = ocr(str(SAMPLE))
    assert len(page.lines) >= 10 and page.source == str(SAMPLE)
    assert all(0 < line.score <= 1 and line.quad.shape == (4, 2) for line in page.lines)
    assert all(line.text in page.text for line in page.lines) and "\n\n" in page.text
    assert page.plot().shape == (page.size[1], 2 * page.size[0], 3)


@pytest.mark.parametrize(
    ("text", "score", "unread"), [("0000", 0.6, True), ("0000", 0.66, False), ("0", 0.66, True), ("1000", 0.66, True)]
)
def test_several_zeros_stay_though_they_are_read_with_doubt(text, score, unread):
    read = Text(text, score, np.full(len(text), score, np.float32), np.zeros((len(text), 2), np.float32), score_thresh=1.0)
    assert is_unread(read, OcrOptions()) == unread


def test_lines_that_cannot_be_read_are_kept_and_counted(fixtures):
    """Cyrillic and Greek through a recogniser that knows neither came back as spaces and marks, or were dropped."""
    texts = "Invoice no. 4711", "Счёт оплачен полностью", "Ещё одна строка письма"
    canvas = Image.new("RGB", (640, 300), "white")
    for row, text in enumerate(texts):
        ImageDraw.Draw(canvas).text((30, 30 + 90 * row), text, font=sized_font(BUNDLED_FONT, 36), fill="black")
    with Ocr(lang="en", cpu_threads=1) as ocr:
        page = ocr(canvas, return_word_box=True)
        assert [line.unread for line in page.lines] == [False, True, True] and page.text == texts[0]
        lost = page.lines[1]
        assert lost.text == "" and lost.words == () and lost.score < 0.3 and lost.box[0] < 60
        counted, _, places = page.warnings[0].partition(": line 2 at ")
        assert counted == "2 of 3 lines could not be read" and places.endswith("; see `inkline languages`")
        assert places.startswith(",".join(map(str, bounds([lost.quad])[:2])) + "-") and ", line 3 at " in places
        result = page.to_dict()
        assert result["rec_texts"] == [texts[0]] and len(result["unread"]) == 2 and result["warnings"] == list(page.warnings)
        # a threshold of 0 asks for all that was seen
        assert not any(line.unread for line in ocr(canvas, text_rec_score_thresh=0).lines)


def test_arrays_are_not_changed_and_empty_pages_are_pages(ocr):
    blank = np.full((200, 300, 3), 255, np.uint8)
    before = blank.copy()
    page = ocr(blank)
    assert page.lines == () and page.text == "" and page.size == (300, 200)
    assert page.to_dict()["rec_boxes"] == []
    np.testing.assert_array_equal(blank, before)
    assert ocr(np.zeros((1, 1, 3), np.uint8)).lines == ()


def test_how_files_are_read_is_an_option_like_any_other(ocr, tmp_path):
    sheets = [Image.fromarray(np.full((60, 80, 3), shade, np.uint8)) for shade in (255, 250, 245)]
    sheets[0].save(tmp_path / "three.pdf", save_all=True, append_images=sheets[1:], resolution=72)
    document = ocr.read(tmp_path / "three.pdf", page_range="1-2", pdf_dpi=144)
    assert [page.size for page in document.pages] == [(160, 120)] * 2
    assert document.pages[0].settings["page_range"] == "1-2"
    assert ocr(tmp_path / "three.pdf", page_range="2", pdf_dpi=72).size == (80, 60)
    assert len(list(ocr.straighten(tmp_path / "three.pdf", page_range="3"))) == 1
    with pytest.raises(UsageError, match="did you mean 'page_range'"):
        ocr.read(SAMPLE, page_rang="1")


def test_options_of_a_call_hold_for_that_call_alone(ocr, pages):
    before = ocr.options
    assert ocr(pages[1], text_rec_score_thresh=1.0).read_lines == ()
    assert ocr.options is before and len(ocr(pages[1]).lines) >= 10


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"text_det_tresh": 0.3}, "did you mean 'text_det_thresh'"),
        ({"cpu_threads": 1}, "chosen when Ocr is made"),
        ({"text_detection_model_name": "x"}, "chosen when Ocr is made"),
        ({"lang": ["en", ""]}, "lang: models and engines are chosen when Ocr is made"),
        ({"use_textline_orientation": True}, "opened without that model"),
        ({"text_rec_input_shape": (3, 32, 320)}, "text_rec_input_shape=3 32 320: PP-OCRv6_small_rec takes 3 48 W"),
    ],
)
def test_what_a_call_cannot_change_is_an_error(ocr, override, message):
    with pytest.raises(UsageError, match=message):
        ocr(str(SAMPLE), **override)


@pytest.mark.slow
def test_a_stream_gives_the_pages_of_the_one_page_call(ocr, pages):
    streamed = list(ocr.stream(pages))
    assert len(streamed) == len(pages)
    for image, page in zip(pages, streamed, strict=True):
        assert same(page, ocr(image))


@pytest.mark.slow
def test_batches_do_not_change_what_is_read(ocr, pages):
    for image in pages[:2]:
        single, batched = ocr(image), ocr(image, text_recognition_batch_size=8)
        assert [line.text for line in single.lines] == [line.text for line in batched.lines]


@pytest.mark.slow
def test_thirty_two_threads_read_as_one(ocr, pages):
    small = pages[2:]
    expected = [ocr(image) for image in small]
    wrong, start = [], threading.Barrier(32)

    def call(i):
        start.wait()
        at = i % len(small)
        if not same(ocr(small[at]), expected[at]):
            wrong.append((i, at))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_one_bad_source_does_not_stop_the_others(ocr, pages, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    failed = []
    read = list(ocr.stream([pages[5], str(bad), pages[5]], on_error=lambda source, error: failed.append((source, error))))
    assert len(read) == 2 and failed[0][0].label == str(bad) and str(bad) in str(failed[0][1])
    with pytest.raises(SourceError, match=r"bad\.png"):
        list(ocr.stream([str(bad)]))


def test_a_document_of_several_pages(ocr, pages, tmp_path):
    path = tmp_path / "two.tif"
    frames = [Image.fromarray(page[..., ::-1]) for page in (pages[2], pages[5])]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    document = ocr.read(path)
    assert [page.page_index for page in document] == [0, 1] and document.source == str(path)
    assert document.pages[0].lines and not document.pages[1].lines
    with pytest.raises(SourceError, match="several pages"):
        ocr(path)


def test_words_lie_within_their_line(ocr, pages):
    page = ocr(pages[1], return_word_box=True)
    assert len(page.lines) >= 10
    for line in page.lines:
        assert "".join(word.text for word in line.words) == "".join(line.text.split())
        (x0, y0, x1, y1) = line.box
        for word in line.words:
            assert word.quad.min(axis=0)[0] >= x0 - 1 and word.quad.max(axis=0)[0] <= x1 + 1
            assert word.quad.min(axis=0)[1] >= y0 - 1 and word.quad.max(axis=0)[1] <= y1 + 1


@pytest.mark.slow
def test_turned_lines_are_read_with_the_classifier(ocr, pages):
    upright = ocr(pages[1])
    with Ocr(engine="onnxruntime", cpu_threads=1, use_textline_orientation=True, doc_orientation_look=False) as turning:
        page = turning(np.ascontiguousarray(upright.image[::-1, ::-1]))
    assert sum(line.angle == 180 for line in page.lines) >= 0.7 * len(page.lines)
    read, expected = {line.text for line in page.lines}, {line.text for line in upright.lines}
    assert len(read & expected) >= 0.6 * len(expected)


@pytest.mark.slow
def test_openvino_reads_the_same_text(ocr, pages):
    with Ocr(engine="openvino", cpu_threads=1) as other:
        for image in pages[:2]:
            assert other(image).text == ocr(image).text != ""


def test_a_closed_object_and_threads_left_behind(pages):
    before = threading.active_count()
    with Ocr(engine="onnxruntime", cpu_threads=2) as reader:
        list(reader.stream(pages[:2]))
    assert threading.active_count() == before
