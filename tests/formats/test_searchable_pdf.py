"""Searchable PDF over PDFs: nothing the source has is lost, on whatever page; its own text is kept, checked or replaced."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkline.errors import OutputError, SourceError
from inkline.formats.line_geometry import place_words
from inkline.formats.write import render as render_format
from inkline.options import PdfOptions
from inkline.types import Document, Line, Page
from tests.formats.pdf_readers import pdfium_text, pdfium_words, poppler_text, render
from tests.io import sample

pikepdf = pytest.importorskip("pikepdf")

from inkline.formats.searchable_pdf import write_searchable_pdf  # noqa: E402

SCALE = 150 / 72


def make_pdf(path: Path, pages: list[tuple[bytes, dict[str, Any]]], **save: Any) -> Path:
    """A PDF of drawn pages: their operators, and entries of the page's dictionary."""
    pdf = pikepdf.new()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    for content, entries in pages:
        page = pdf.add_blank_page(page_size=(400, 300))
        page.obj.Contents = pdf.make_stream(content)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        for name, value in entries.items():
            page.obj[f"/{name}"] = value
    pdf.save(path, **save)
    return path


def found_bar(image: np.ndarray) -> tuple[int, int, int, int]:
    """The bounds of what is drawn in black, in pixels."""
    rows, columns = np.nonzero(image.max(axis=2) < 100)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


BOXES = [
    {},
    {"CropBox": [30, 50, 330, 250]},
    {"MediaBox": [-100, 40, 300, 340]},
    {"MediaBox": [300, 340, -100, 40]},
    {"MediaBox": [0, 0, 400, 300], "CropBox": [-50, -50, 380, 500]},
    {"UserUnit": 2},
]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90])
@pytest.mark.parametrize("boxes", BOXES)
def test_text_lands_on_what_is_seen(boxes: dict[str, Any], rotation: int, tmp_path: Path) -> None:
    """A bar is drawn at a known place of the page's user space, found on the rendered page, and given as a line."""
    path = make_pdf(tmp_path / "in.pdf", [(b"0.5 0 0 0.5 0 0 cm 160 200 200 24 re f", {**boxes, "Rotate": rotation})])
    image = render(path, scale=SCALE)
    quad = sample.box(*found_bar(image))
    turn = rotation % 360 // 90  # so that the text reads along the bar, as a page on its side would have it
    quad = np.roll(quad, -turn, axis=0)
    page = Page((sample.line("a bar of words", quad, 0),), (image.shape[1], image.shape[0]), page_index=0)
    assert write_searchable_pdf(Document((page,)), path, tmp_path / "out.pdf") == ()
    words = pdfium_words(tmp_path / "out.pdf")
    assert [word.text for word in words] == ["a", "bar", "of", "words"]
    found = np.array([word.box for word in words])
    bounds = (*found[:, :2].min(axis=0), *found[:, 2:].max(axis=0))
    assert np.abs(np.subtract(bounds, (80, 100, 180, 112))).max() < 1
    np.testing.assert_array_equal(render(tmp_path / "out.pdf", scale=SCALE), image)


def rich_pdf(path: Path) -> Path:
    """A PDF with a form, bookmarks, labels, metadata, a link, and contents that leave the graphics state changed."""
    from pikepdf import Array, Dictionary, Name, OutlineItem, String

    pdf = pikepdf.new()
    for _ in range(2):
        page = pdf.add_blank_page(page_size=(400, 300))
        page.obj.Contents = Array(
            [pdf.make_stream(b"q 2 0 0 2 0 0 cm 0.2 0.4 0.6 rg"), pdf.make_stream(b"10 10 80 30 re f 3 Tr Q Q q q")]
        )
        note = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[10, 10, 50, 50], Dest=Array([page.obj, Name.Fit]))
        page.obj.Annots = Array([pdf.make_indirect(note)])
    look = pdf.make_stream(b"1 0 0 rg 0 0 100 20 re f", Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 100, 20])
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Tx,
            T=String("name"),
            V=String("Ada"),
            Rect=[200, 200, 300, 220],
            AP=Dictionary(N=look),
            F=4,
        )
    )
    pdf.pages[0].obj.Annots.append(field)
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=1)
    pdf.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))
    with pdf.open_outline() as outline:
        outline.root.append(OutlineItem("First", 0))
        outline.root.append(OutlineItem("Second", 1))
    with pdf.open_metadata() as metadata:
        metadata["dc:title"] = "A title"
    pdf.docinfo["/Author"] = "Somebody"
    pdf.save(path)
    return path


def test_everything_a_pdf_has_survives(tmp_path: Path) -> None:
    source = rich_pdf(tmp_path / "in.pdf")
    lines = (sample.line("over the second page", sample.box(60, 60, 300, 90), 0),)
    document = Document((Page(lines, (400, 300), page_index=1),))
    warnings = write_searchable_pdf(document, source, tmp_path / "out.pdf")
    assert warnings == ("its digital signatures hold for the original only",)
    with pikepdf.open(source) as before, pikepdf.open(tmp_path / "out.pdf") as after:
        assert [page.label for page in after.pages] == ["i", "ii"]
        with after.open_outline() as outline:
            assert [item.title for item in outline.root] == ["First", "Second"]
        assert after.open_metadata()["dc:title"] == "A title"
        assert after.docinfo["/Author"] == "Somebody"
        assert after.Root.AcroForm.Fields[0].V == "Ada"
        assert len(after.pages[0].obj.Annots) == 2
        assert after.pages[0].obj.Contents[0].read_bytes() == before.pages[0].obj.Contents[0].read_bytes()
        kept = [stream.read_bytes() for stream in before.pages[1].obj.Contents]
        now = [stream.read_bytes() for stream in after.pages[1].obj.Contents]
        assert [stream for stream in now if stream in kept] == kept
    for page in range(2):
        np.testing.assert_array_equal(render(tmp_path / "out.pdf", page, SCALE), render(source, page, SCALE))
    assert pdfium_text(tmp_path / "out.pdf", 0) == ""
    assert pdfium_text(tmp_path / "out.pdf", 1).strip() == "over the second page"
    box = pdfium_words(tmp_path / "out.pdf", 1)[0].box
    assert box[0] == pytest.approx(60, abs=0.5) and box[3] == pytest.approx(240, abs=0.5)


# Text that is seen, text that is not, and text whose encoding is broken: Helvetica's codes 29 too low say nothing.
GOOD = b"BT /F 20 Tf 50 200 Td (A line that is seen well) Tj ET"
UNSEEN = b"BT 3 Tr /F 20 Tf 50 200 Td (Xx yyyy zzzz qq wwww vvvv) Tj ET"
BROKEN = b"BT /F 20 Tf 50 200 Td (D olqh wkdw lv vhhq zhoo) Tj ET"
READ = "A line that is seen well"


def read_page(text: str = READ, score: float = 0.97) -> Page:
    quads = [sample.box(50, 80, 260, 100), sample.box(50, 200, 260, 220)]
    lines = [sample.line(text, quads[0], 0, score), sample.line("and one more line", quads[1], 0, score)]
    return Page(tuple(lines), (400, 300), page_index=0)


def written(tmp_path: Path, content: bytes, mode: str, page: Page | None = None) -> tuple[str, str, tuple[str, ...]]:
    """What PDFium and poppler read in the result, and the warnings; the pixels must not have changed."""
    source = make_pdf(tmp_path / "in.pdf", [(content, {})])
    options = PdfOptions(text_layer=mode)  # type: ignore[arg-type]
    warnings = write_searchable_pdf(Document((page or read_page(),)), source, tmp_path / "out.pdf", options)
    np.testing.assert_array_equal(render(tmp_path / "out.pdf", scale=SCALE), render(source, scale=SCALE))
    texts = pdfium_text(tmp_path / "out.pdf"), poppler_text(tmp_path / "out.pdf")
    return " ".join(texts[0].split()), " ".join(texts[1].split()), warnings


@pytest.mark.parametrize("mode", ["auto", "keep", "check"])
def test_good_text_is_kept_and_only_what_it_lacks_is_added(mode: str, tmp_path: Path) -> None:
    pdfium, poppler, warnings = written(tmp_path, GOOD, mode)
    assert pdfium == poppler == f"{READ} and one more line"
    assert warnings == ()


@pytest.mark.parametrize("content", [UNSEEN, BROKEN])
def test_text_that_disagrees_is_reported_by_check_and_kept(content: bytes, tmp_path: Path) -> None:
    pdfium, _, warnings = written(tmp_path, content, "check")
    assert READ not in pdfium and "and one more line" in pdfium
    assert len(warnings) == 1
    assert warnings[0].startswith("page 1: the text it has is not what was read (") and warnings[0].endswith("kept")


@pytest.mark.parametrize("content", [UNSEEN, BROKEN])
def test_text_that_disagrees_is_replaced_by_auto(content: bytes, tmp_path: Path) -> None:
    pdfium, poppler, warnings = written(tmp_path, content, "auto")
    assert pdfium == poppler == f"{READ} and one more line"
    assert len(warnings) == 1 and warnings[0].endswith("replaced")


def test_auto_keeps_text_when_what_was_read_is_doubtful(tmp_path: Path) -> None:
    pdfium, _, warnings = written(tmp_path, GOOD, "auto", read_page("Zq ploi wern ut skwq rqll", 0.4))
    assert READ in pdfium and "Zq" not in pdfium
    assert warnings[0].endswith("kept")


@pytest.mark.parametrize("content", [GOOD, UNSEEN, BROKEN])
def test_replace_leaves_only_what_was_read(content: bytes, tmp_path: Path) -> None:
    pdfium, poppler, warnings = written(tmp_path, content, "replace")
    assert pdfium == poppler == f"{READ} and one more line"
    assert warnings == ()


@pytest.mark.parametrize("mode", ["keep", "check"])
def test_keep_and_check_leave_text_alone(mode: str, tmp_path: Path) -> None:
    pdfium, _, _ = written(tmp_path, UNSEEN, mode)
    assert "yyyy" in pdfium and READ not in pdfium


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})])
    write_searchable_pdf(Document((read_page("a first and false reading"),)), source, tmp_path / "one.pdf")
    options = PdfOptions(text_layer="replace")
    write_searchable_pdf(Document((read_page(),)), tmp_path / "one.pdf", tmp_path / "two.pdf", options)
    assert " ".join(pdfium_text(tmp_path / "two.pdf").split()) == f"{READ} and one more line"


def test_unseen_text_in_forms_is_removed_from_this_page_only(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    form = pdf.make_indirect(
        pdf.make_stream(
            UNSEEN,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=[0, 0, 400, 300],
            Resources=pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font)),
        )
    )
    shared = pdf.make_indirect(pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm=form)))
    for _ in range(2):
        page = pdf.add_blank_page(page_size=(400, 300))
        page.obj.Resources = shared
        page.obj.Contents = pdf.make_stream(b"/Fm Do")
    pdf.save(tmp_path / "in.pdf")
    options = PdfOptions(text_layer="replace")
    write_searchable_pdf(Document((read_page(),)), tmp_path / "in.pdf", tmp_path / "out.pdf", options)
    assert "yyyy" not in pdfium_text(tmp_path / "out.pdf", 0) and READ in pdfium_text(tmp_path / "out.pdf", 0)
    assert "yyyy" in pdfium_text(tmp_path / "out.pdf", 1) and READ not in pdfium_text(tmp_path / "out.pdf", 1)


def test_born_digital_text_serves_as_ground_truth(tmp_path: Path) -> None:
    """Words of a born-digital page are found again by both readers where the page's own words are."""
    rows = [f"Row {i} of a page that was born digital" for i in range(12)]
    content = b"BT /F 11 Tf 14 TL 40 270 Td " + b" ".join(b"(%s) Tj T*" % row.encode() for row in rows) + b" ET"
    source = make_pdf(tmp_path / "in.pdf", [(content, {})])
    own = pdfium_words(source)
    lines = []
    for word in own:
        quad = sample.box(*(v * SCALE for v in (word.box[0], 300 - word.box[3], word.box[2], 300 - word.box[1])))
        lines.append(sample.line(word.text, quad, 0))
    image = render(source, scale=SCALE)
    page = Page(tuple(lines), (image.shape[1], image.shape[0]), page_index=0)
    write_searchable_pdf(Document((page,)), source, tmp_path / "out.pdf", PdfOptions(text_layer="replace"))
    after = pdfium_words(tmp_path / "out.pdf")
    assert [word.text for word in after] == [word.text for word in own]
    assert np.abs(np.subtract([w.box for w in after], [w.box for w in own])).max() < 3 * 72 / 150
    assert poppler_text(tmp_path / "out.pdf").split() == " ".join(rows).split()
    np.testing.assert_array_equal(render(tmp_path / "out.pdf", scale=SCALE), image)
    assert (tmp_path / "out.pdf").stat().st_size - source.stat().st_size < 5000


def test_growth_stays_small_over_many_pages(tmp_path: Path) -> None:
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "the",
        "lazy",
        "dog",
        "while",
        "many",
        "words",
        "of",
        "text",
        "go",
        "by",
    ]
    random = np.random.default_rng(7)
    pages = []
    for index in range(10):
        lines = []
        for row in range(45):
            text = " ".join(random.choice(words, 11))
            y = 60 + 34 * row + float(random.uniform(-2, 2))
            lines.append(sample.line(text, sample.turned(90 + float(random.uniform(-3, 3)), y, 1050, 28, 0.2), row // 6))
        pages.append(Page(tuple(lines), (1240, 1650), page_index=index))
    source = make_pdf(tmp_path / "in.pdf", [(b"0 0 10 10 re f", {"MediaBox": [0, 0, 595, 792]})] * 10)
    write_searchable_pdf(Document(tuple(pages)), source, tmp_path / "out.pdf")
    growth = (tmp_path / "out.pdf").stat().st_size - source.stat().st_size
    assert growth < 5000 * len(pages)
    assert pdfium_text(tmp_path / "out.pdf", 9).split() == pages[9].text.split()


def test_encrypted_pdfs_need_their_password_and_stay_encrypted(tmp_path: Path) -> None:
    lock = pikepdf.Encryption(owner="owner", user="user", allow=pikepdf.Permissions(extract=False))
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})], encryption=lock)
    document = Document((read_page(),))
    with pytest.raises(SourceError, match="needs a password"):
        write_searchable_pdf(document, source, tmp_path / "out.pdf")
    with pytest.raises(SourceError, match="wrong"):
        write_searchable_pdf(document, source, tmp_path / "out.pdf", PdfOptions(password="no"))
    assert not (tmp_path / "out.pdf").exists()
    write_searchable_pdf(document, source, tmp_path / "out.pdf", PdfOptions(password="user"))
    with pikepdf.open(tmp_path / "out.pdf", password="user") as pdf:
        assert pdf.is_encrypted and not pdf.allow.extract


def test_bad_sources_are_told(tmp_path: Path) -> None:
    document = Document((read_page(),))
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.4\nnothing that follows is a PDF")
    with pytest.raises(SourceError, match="damaged"):
        write_searchable_pdf(document, damaged, tmp_path / "out.pdf")
    with pytest.raises(SourceError, match=r"missing\.pdf: cannot be read"):
        write_searchable_pdf(document, tmp_path / "missing.pdf", tmp_path / "out.pdf")
    with pytest.raises(SourceError, match="neither an image nor a PDF"):
        write_searchable_pdf(document, b"plain text", tmp_path / "out.pdf")
    with pytest.raises(OutputError, match="2 images for 1 pages"):
        write_searchable_pdf(document, [b"", b""], tmp_path / "out.pdf")
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})])
    with pytest.raises(OutputError, match="cannot write"):
        write_searchable_pdf(document, source, tmp_path / "no folder" / "out.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.pdf", "in.pdf"]


def test_pages_that_the_pdf_does_not_have_are_reported(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})])
    document = Document((read_page(), Page((), (10, 10), page_index=4)))
    warnings = write_searchable_pdf(document, source, tmp_path / "out.pdf")
    assert warnings == ("page 5: the PDF has only 1 pages; its text is left out",)


def test_pages_of_odd_shape_and_damaged_contents_pass(tmp_path: Path) -> None:
    """A page without contents or size, one whose stream is damaged, and a box without height."""
    pages = [(b"", {"MediaBox": [0, 0, 0, 0]}), (b"q q (unclosed", {}), (b"Q Q Q 5 w", {})]
    source = make_pdf(tmp_path / "in.pdf", pages)
    flat = Line("flat", 0.9, sample.box(10, 10, 60, 10), sample.box(10, 10, 60, 10))
    document = Document(tuple(Page((flat, *read_page().lines), (400, 300), page_index=i) for i in range(3)))
    write_searchable_pdf(document, source, tmp_path / "out.pdf")
    for page in (0, 2):
        assert "and one more line" in pdfium_text(tmp_path / "out.pdf", page)


def test_render_finds_the_pdf_that_pages_come_from(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(GOOD, {}), (b"", {})])
    pages = (Page((), (400, 300), str(source), 0), Page(read_page().lines, (400, 300), str(source), 1))
    content = render_format(Document(pages, str(source)), "pdf")
    assert isinstance(content, bytes)
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert len(pdf.pages) == 2
        assert GOOD in pdf.pages[0].obj.Contents.read_bytes()


def test_equal_input_gives_equal_files(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})])
    for name in ("a.pdf", "b.pdf"):
        write_searchable_pdf(Document((read_page(),)), source, tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_words_of_the_sample_stay_in_their_lines() -> None:
    for line in sample.lines():
        for placed in place_words(line):
            assert placed.word.text in line.text


def test_auto_keeps_text_where_nothing_was_read(tmp_path: Path) -> None:
    """Characters that mean nothing are reported, but there is nothing to put in their place."""
    private = b"BT /F 20 Tf 50 200 Td (\001\002\003\004\005\006\007\016\017\020) Tj ET"
    source = make_pdf(tmp_path / "in.pdf", [(private, {})])
    warnings = write_searchable_pdf(Document((Page((), (400, 300), page_index=0),)), source, tmp_path / "out.pdf")
    assert len(warnings) == 1 and "unreadable" in warnings[0] and warnings[0].endswith("kept")
    assert pdfium_text(tmp_path / "out.pdf") == pdfium_text(source)
