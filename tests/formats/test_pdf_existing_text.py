"""The searchable PDF's text: two other readers find the words at their places, in any direction and on any page."""

import json
from pathlib import Path

import numpy as np
import pytest

from inkline.formats.line_geometry import place_words
from inkline.options import PdfOptions
from inkline.types import Document, Line, Page, Word
from tests.formats.pdf_readers import Found, pdfium_text, pdfium_words, poppler_text, poppler_words, render, unmatched
from tests.io import sample

pikepdf = pytest.importorskip("pikepdf")

from inkline.formats.searchable_pdf import write_searchable_pdf  # noqa: E402

DPI = 150
LIMIT = 3 * 72 / DPI  # three pixels at 150 dpi, in points
MAX_GROWTH = 5000  # bytes a page


def given_words(page: Page, scale: float) -> list[Found]:
    """The boxes that were handed in, in points from the page's top left."""
    out = []
    for line in page.lines:
        for placed in place_words(line):
            low, high = placed.word.quad.min(axis=0) * scale, placed.word.quad.max(axis=0) * scale
            out.append(Found(placed.word.text, (*low.tolist(), *high.tolist())))
    return out


def upside(found: list[Found], height: float) -> list[Found]:
    """User space to points from the top left, for a page without turn or offset."""
    return [Found(f.text, (f.box[0], height - f.box[3], f.box[2], height - f.box[1])) for f in found]


def write_page(lines: tuple[Line, ...], size: tuple[int, int], path: Path) -> Page:
    page = Page(lines, size)
    image = np.full((size[1], size[0], 3), 255, np.uint8)
    assert write_searchable_pdf(Document((page,)), [image], path, PdfOptions(image_dpi=DPI)) == ()
    return page


def easy_lines() -> tuple[Line, ...]:
    """The sample's lines that no reader changes: no brackets in right-to-left text, nothing that is replaced."""
    return tuple(line for line in sample.lines() if "control" not in line.text and "עולם" not in line.text)


def test_poppler_finds_every_word_in_its_box(tmp_path: Path) -> None:
    page = write_page(easy_lines(), (1000, 700), tmp_path / "a.pdf")
    found = poppler_words(tmp_path / "a.pdf")
    found += [Found(w.text[::-1], w.box) for w in found]  # right-to-left words come in the order of their glyphs
    assert unmatched(given_words(page, 72 / DPI), found, LIMIT) == []


def test_pdfium_finds_every_word_in_its_box(tmp_path: Path) -> None:
    page = write_page(easy_lines(), (1000, 700), tmp_path / "a.pdf")
    found = upside(pdfium_words(tmp_path / "a.pdf"), 700 * 72 / DPI)
    missing = unmatched(given_words(page, 72 / DPI), found, LIMIT)
    assert [word.text for word in missing] == ["hy-"]  # a hyphen at the end of a line, which PDFium takes out


def test_lines_read_as_they_were_given(tmp_path: Path) -> None:
    write_page(easy_lines(), (1000, 700), tmp_path / "a.pdf")
    text = pdfium_text(tmp_path / "a.pdf").replace("\x02", "-")
    for line in easy_lines():
        words = " ".join(line.text.split())
        if words and "hy-" not in words:
            assert words in text


def test_words_that_nearly_touch_keep_their_spaces(tmp_path: Path) -> None:
    """One pixel between words of 20: poppler sees a space from about a tenth of the font size."""
    edges = {"June": (60, 100), "17,": (101, 123), "2013": (124, 166)}
    words = tuple(Word(text, 0.9, sample.box(x0, 40, x1, 60)) for text, (x0, x1) in edges.items())
    write_page((sample.line("June 17, 2013", sample.box(60, 40, 166, 60), 0, words=words),), (400, 200), tmp_path / "a.pdf")
    assert poppler_text(tmp_path / "a.pdf").strip() == "June 17, 2013"


@pytest.mark.parametrize("degrees", [-90, -45, -30, -8, -2, -0.5, 0.3, 1, 3, 10, 20, 60, 90, 135, 180])
def test_turned_lines_keep_their_words_together(degrees: float, tmp_path: Path) -> None:
    lines = tuple(
        sample.line(f"words number {i} of turned lines", sample.turned(*at, 500, 24, degrees), 0)
        for i, at in enumerate([(700, 700), (700 + 60 * np.sin(np.radians(degrees)), 700 + 60 * np.cos(np.radians(degrees)))])
    )
    page = write_page(lines, (1400, 1400), tmp_path / "a.pdf")
    given = given_words(page, 72 / DPI)
    assert unmatched(given, upside(pdfium_words(tmp_path / "a.pdf"), 1400 * 72 / DPI), LIMIT) == []
    found = poppler_words(tmp_path / "a.pdf")
    assert sorted(w.text for w in found) == sorted(w.text for w in given)
    if abs(degrees) <= 10 or degrees % 90 == 0:  # poppler's boxes of text at an angle are only as long as its base line
        assert unmatched(given, found, LIMIT) == []


def lines_askew(degrees: float) -> tuple[Line, ...]:
    """A page of 30 lines of text with words given, every sixth one short, turned about the page's middle."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn, middle = np.array([[cos, sin], [-sin, cos]]), np.array([620.0, 620.0])

    def placed(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        return ((sample.box(x0, y0, x1, y1) - middle) @ turn.T + middle).astype(np.float32)

    lines = []
    for i in range(30):
        names = ("ferry", "bridge", "market", "winter", "chestnut", "of", "harbour")
        texts = [f"{name}{i}" for name in names[: 3 if i % 6 == 5 else 7]]
        y, x, words = 110 + 34 * i, 100.0, []
        for text in texts:
            words.append(Word(text, 0.9, placed(x, y, x + 16 * len(text), y + 24)))
            x += 16 * len(text) + 12
        quad = placed(100, y, x - 12, y + 24)
        lines.append(Line(" ".join(texts), 0.9, quad, quad, words=tuple(words), paragraph=i // 6))
    return tuple(lines)


@pytest.mark.parametrize("degrees", [-3, -1.7, -1, 0, 0.6, 1, 2, 3, 4])
def test_lines_of_a_page_askew_are_whole_and_in_order_and_boxes_cover_their_words(degrees: float, tmp_path: Path) -> None:
    page = write_page(lines_askew(degrees), (1240, 1240), tmp_path / "a.pdf")
    for text in (poppler_text(tmp_path / "a.pdf"), pdfium_text(tmp_path / "a.pdf")):
        assert [row for line in text.splitlines() if (row := line.strip())] == [line.text for line in page.lines]
    given = {word.text: word.box for word in given_words(page, 72 / DPI)}
    most = 0.0
    for found in (poppler_words(tmp_path / "a.pdf"), upside(pdfium_words(tmp_path / "a.pdf"), 1240 * 72 / DPI)):
        assert sorted(word.text for word in found) == sorted(given)
        for word in found:
            (x0, y0, x1, y1), (left, top, right, bottom) = given[word.text], word.box
            assert max(abs(left - x0), abs(right - x1)) < LIMIT
            assert top < y0 + LIMIT and bottom > y1 - LIMIT  # it lies over all of the word
            most = max(most, y0 - top, bottom - y1)
    # At its outer ends a line is so far from its level, which the box reaches: half a page's width times the slope.
    assert most < LIMIT + max(0.0, 250 * np.tan(np.radians(abs(degrees))) - 24 * 72 / DPI / 2 * 0.8)


@pytest.mark.parametrize(
    "text",
    [
        "هذا سطر من النص العربي للتجربة",
        "مرحبا بالعالم 2024 و 12.5% هنا",
        "זה טקסט בעברית עם 123 ו ABC",
        "עברית 3-4 ימים",
    ],
)
def test_right_to_left_lines_come_back_in_logical_order(text: str, tmp_path: Path) -> None:
    write_page((sample.line(text, sample.box(40, 40, 640, 80), 0),), (700, 120), tmp_path / "a.pdf")
    assert pdfium_text(tmp_path / "a.pdf").strip() == text
    # poppler puts the space beside a number on its other side, so that only letters and their order can be compared.
    plain = "".join(c for c in poppler_text(tmp_path / "a.pdf") if not "\u202a" <= c <= "\u202e" and not c.isspace())
    assert plain == "".join(text.split())


def test_vertical_columns_read_from_right_to_left(tmp_path: Path) -> None:
    lines = tuple(
        sample.line(text, sample.box(x, 40, x + 30, 40 + 30 * len(text)), 0)
        for text, x in (("吾輩は猫である", 200), ("名前はまだ無い", 150))
    )
    write_page(lines, (300, 300), tmp_path / "a.pdf")
    assert poppler_text(tmp_path / "a.pdf").split() == ["吾輩は猫である", "名前はまだ無い"]
    # PDFium has words from left to right where they stand side by side.
    assert sorted(pdfium_text(tmp_path / "a.pdf").split()) == ["名前はまだ無い", "吾輩は猫である"]


def test_words_without_spaces_between_them_stay_together(tmp_path: Path) -> None:
    quad = sample.box(40, 40, 160, 70)
    words = tuple(Word(c, 0.9, sample.box(40 + 30 * i, 40, 70 + 30 * i, 70)) for i, c in enumerate("日本語字"))
    write_page((Line("日本語字", 0.9, quad, quad, words=words),), (200, 100), tmp_path / "a.pdf")
    assert pdfium_text(tmp_path / "a.pdf").strip() == "日本語字"
    assert poppler_text(tmp_path / "a.pdf").strip() == "日本語字"


def test_text_is_not_seen(tmp_path: Path) -> None:
    write_page(sample.lines(), (1000, 700), tmp_path / "a.pdf")
    assert (render(tmp_path / "a.pdf", scale=DPI / 72) == 255).all()


def test_many_characters_share_one_font(tmp_path: Path) -> None:
    text = "".join(chr(c) for c in range(0x4E00, 0x4E00 + 3000))
    lines = tuple(sample.line(text[i : i + 60], sample.box(10, 10 + i, 910, 25 + i), 0) for i in range(0, 3000, 60))
    write_page(lines, (1000, 3100), tmp_path / "a.pdf")
    assert "".join(pdfium_text(tmp_path / "a.pdf").split()) == text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scribe-docs", "fondue-books"])
def test_scanned_pages_of_the_data_sets(name: str, shared: Path, tmp_path: Path) -> None:
    """Words of the ground truth within three pixels in both readers, pixels as they were, and little growth."""
    folder = shared / "data" / name / "dev"
    pages = [labelled_page(json.loads(row), folder) for row in (folder / "labels.jsonl").read_text().splitlines()]
    images = [Path(str(page.source)) for page in pages]
    path, bare = tmp_path / "all.pdf", tmp_path / "bare.pdf"
    assert write_searchable_pdf(Document(tuple(pages)), images, path) == ()
    write_searchable_pdf(Document(tuple(Page((), page.size, page.source) for page in pages)), images, bare)
    for number, page in enumerate(pages):
        with pikepdf.open(path) as pdf:
            width, height = (float(v) for v in pdf.pages[number].mediabox[2:])
        given = given_words(page, width / page.size[0])
        assert given
        assert unmatched(given, poppler_words(path, number), LIMIT) == []
        missing = unmatched(given, upside(pdfium_words(path, number), height), LIMIT)
        # PDFium takes hyphens at the ends of lines out, in words of the text as in word boxes.
        assert [word for word in missing if not word.text.endswith("-")] == []
        np.testing.assert_array_equal(render(path, number), render(bare, number))
    assert (path.stat().st_size - bare.stat().st_size) / len(pages) < MAX_GROWTH


def labelled_page(record: dict, folder: Path) -> Page:
    """The ground truth as a page that was read; words go to the line they lie in."""
    words = [(w["text"], bounding(w["points"])) for w in record.get("words", []) if w.get("points")]
    middles = np.array([quad.mean(axis=0) for _, quad in words]).reshape(-1, 2)
    lines = []
    for item in record["lines"]:
        if not item.get("points") or not item["text"].strip():
            continue
        quad = bounding(item["points"])
        within = ((quad[0] <= middles) & (middles <= quad[2])).all(axis=1)
        inside = [Word(text, 1.0, place) for (text, place), is_in in zip(words, within, strict=True) if is_in]
        lines.append(Line(item["text"], 1.0, quad, quad, words=tuple(inside)))
    return Page(tuple(lines), (record["width"], record["height"]), str(folder / record["image"]))


def bounding(points: list[list[float]]) -> np.ndarray:
    found = np.array(points, np.float32)
    return sample.box(*found.min(axis=0), *found.max(axis=0))
