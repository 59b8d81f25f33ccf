"""PDF/A-2b: what we write passes our structural checks, what cannot conform is refused with its reasons."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkline.errors import OutputError
from inkline.options import PdfOptions
from inkline.types import Document, Page
from tests.formats.test_searchable_pdf import make_pdf, read_page
from tests.io import sample

pikepdf = pytest.importorskip("pikepdf")

from inkline.formats.pdfa import problems, srgb_profile  # noqa: E402
from inkline.formats.searchable_pdf import write_searchable_pdf  # noqa: E402

PDFA = PdfOptions(pdfa=True)


def written(tmp_path: Path) -> Path:
    page = sample.document().pages[0]
    path = tmp_path / "out.pdf"
    write_searchable_pdf(Document((page,)), [sample.drawn(page)], path, PDFA)
    return path


def test_file_is_labelled_and_has_no_known_problem(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    assert re.match(rb"%PDF-1\.[4-7]\n%[\x80-\xff]{4}", data)  # 6.1.2: a comment of four high bytes follows the header
    with pikepdf.open(path) as pdf:
        assert list(problems(pdf)) == []
        metadata = pdf.open_metadata()
        assert metadata.pdfa_status == "2B"
        assert metadata["pdf:Producer"] == str(pdf.docinfo["/Producer"])  # 6.6.3: both say the same
        assert "/Filter" not in pdf.Root.Metadata  # readers find the label without unpacking
        intent = pdf.Root.OutputIntents[0]
        assert intent.S == "/GTS_PDFA1" and intent.DestOutputProfile.N == 3
        assert pdf.trailer.ID is not None and not pdf.is_encrypted


@pytest.mark.parametrize("over_pdf", [False, True])
def test_a_page_without_text_passes(over_pdf: bool, tmp_path: Path) -> None:
    """Where nothing is put down no font is left behind, least of all one that is not embedded."""
    blank = Document((Page((), (40, 30), page_index=0),))
    source: Any = [np.full((30, 40, 3), 255, np.uint8)]
    if over_pdf:
        with pikepdf.new() as pdf:
            pdf.add_blank_page(page_size=(40, 30))
            pdf.save(tmp_path / "in.pdf")
        source = tmp_path / "in.pdf"
    assert write_searchable_pdf(blank, source, tmp_path / "out.pdf", PDFA) == ()
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        assert list(problems(pdf)) == [] and pdf.open_metadata().pdfa_status == "2B"


def test_font_widths_agree_with_its_program(tmp_path: Path) -> None:
    """6.2.11.5: the widths of the PDF and of the embedded font are the same; 6.2.11.4: every glyph is there."""
    from fontTools.ttLib import TTFont

    with pikepdf.open(written(tmp_path)) as pdf:
        font = pdf.pages[0].obj.Resources.Font.InklineText
        descendant = font.DescendantFonts[0]
        program = TTFont(io.BytesIO(descendant.FontDescriptor.FontFile2.read_bytes()))
        names = program.getGlyphOrder()
        glyphs = np.frombuffer(descendant.CIDToGIDMap.read_bytes(), ">u2")
        first, widths = int(descendant.W[0]), [int(v) for v in descendant.W[1]]
        assert font.Encoding == "/Identity-H" and font.BaseFont == descendant.BaseFont
        for code, width in enumerate(widths, first):
            assert 0 < glyphs[code] < len(names)
            assert program["hmtx"][names[glyphs[code]]][0] == width


def test_profile_is_srgb_and_always_the_same() -> None:
    from PIL import ImageCms

    profile = srgb_profile()
    assert profile == srgb_profile()
    assert profile[16:20] == b"RGB " and profile[12:16] == b"mntr" and profile[36:40] == b"acsp"
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def test_metadata_of_the_source_stay(tmp_path: Path) -> None:
    source = tmp_path / "in.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(400, 300))
        pdf.docinfo["/Title"] = "A title"
        pdf.docinfo["/Author"] = "Somebody"
        pdf.save(source)
    write_searchable_pdf(Document((read_page(),)), source, tmp_path / "out.pdf", PDFA)
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        metadata = pdf.open_metadata()
        assert metadata["dc:title"] == "A title" and list(metadata["dc:creator"]) == ["Somebody"]
        assert pdf.docinfo["/Title"] == "A title"


def entries(name: str) -> dict[str, Any]:
    from pikepdf import Array, Dictionary, Name

    note = Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=[0, 0, 9, 9])
    return {
        "font": {},
        "annotation": {"Annots": Array([note])},
        "script": {"AA": Dictionary(O=Dictionary(S=Name.JavaScript, JS="1"))},
    }[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("font", "the font Helvetica is not embedded"),
        ("annotation", "page 1: a Text annotation without an appearance"),
        ("script", "it holds a JavaScript action"),
    ],
)
def test_what_pdfa_forbids_is_named(name: str, reason: str, tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(b"", entries(name))])
    with pytest.raises(OutputError, match=rf"in\.pdf: cannot be PDF/A-2b: .*{reason}"):
        write_searchable_pdf(Document((read_page(),)), source, tmp_path / "out.pdf", PDFA)
    assert not (tmp_path / "out.pdf").exists()


def test_cmyk_without_a_profile_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("CMYK", (20, 20)).save(out, "JPEG")
    with pytest.raises(OutputError, match="CMYK colours without a profile"):
        write_searchable_pdf(Document((Page((), (20, 20)),)), [out.getvalue()], tmp_path / "out.pdf", PDFA)


def test_encryption_is_refused(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in.pdf", [(b"", {})], encryption=pikepdf.Encryption(owner="o", user=""))
    with pytest.raises(OutputError, match="it is encrypted"):
        write_searchable_pdf(Document((read_page(),)), source, tmp_path / "out.pdf", PDFA)
