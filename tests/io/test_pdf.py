"""PDFs: pages, forms, limits, passwords, damage, threads."""

import contextlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline.errors import SourceError, UsageError
from inkline.io.pdf import is_rebuilt
from inkline.io.read import count_pages, read
from inkline.options import ReadOptions
from inkline.types import damage_in


def scans(count: int) -> bytes:
    """A PDF of grey pages, 100 x 80 points; page i has brightness 10 i."""
    pages = [Pillow.new("L", (100, 80), 10 * i) for i in range(count)]
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=72)
    return file.getvalue()


def pdf(objects: list[str], root: str = "/Pages 2 0 R") -> bytes:
    """A PDF of hand-written objects, numbered from 2; number 1 is the catalogue."""
    out = b"%PDF-1.7\n"
    places = []
    for number, text in enumerate([f"<< /Type /Catalog {root} >>", *objects], 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
    return out + f"{end}trailer << /Size {len(places) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF".encode()


def test_pages_come_one_by_one_at_twice_their_points() -> None:
    page_images = list(read(scans(4), ReadOptions(pdf_dpi=144)))
    assert [s.page_index for s in page_images] == [0, 1, 2, 3]
    assert [s.image.shape for s in page_images] == [(160, 200, 3)] * 4
    assert [int(s.image[80, 100, 0]) // 10 for s in page_images] == [0, 1, 2, 3]
    np.testing.assert_array_equal(page_images[2].reload(), page_images[2].image)


def test_resolution() -> None:
    assert next(read(scans(1), ReadOptions(pdf_dpi=300))).image.shape == (334, 417, 3)


@pytest.mark.parametrize("dpi", [40, 72, 300, 1488])
def test_a_scan_is_drawn_at_its_own_pixels_whatever_its_page_measures(dpi) -> None:
    scan = np.random.default_rng(0).integers(0, 255, (90, 120), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(scan).save(file, "PDF", resolution=dpi, quality=100)
    (page_image,) = read(file.getvalue())
    assert page_image.image.shape[0] in (90, 91) and page_image.image.shape[1] in (120, 121)


def test_a_scan_inside_a_form_has_its_pixels_and_a_fine_dot_makes_no_poster() -> None:
    in_form = "q 2 0 0 2 0 0 cm q .5 0 0 .5 0 0 cm /Form Do Q Q"
    for content, side in (
        (in_form, 300),
        ("q 72 0 0 72 0 0 cm /Scan Do Q q .1 0 0 .1 9 9 cm /Scan Do Q", 300),
        ("/Form Do", 300),
    ):
        objects = [
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] /Contents 4 0 R "
            "/Resources << /XObject << /Scan 5 0 R /Form 6 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
            "<< /Subtype /Image /Width 300 /Height 300 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 90000 >>\n"
            f"stream\n{'x' * 90000}\nendstream",
            "<< /Subtype /Form /BBox [0 0 9 9] /Matrix [8 0 0 8 0 0] /Resources << /XObject << /Scan 5 0 R >> >>/Length 24 >>\n"
            "stream\nq 9 0 0 9 0 0 cm /Scan Do\nendstream",
        ]
        assert next(read(pdf(objects))).image.shape[0] in (side, side + 1)


def written(size: float, count: int = 40) -> bytes:
    """A PDF of 400 x 300 points that says `count` times "a", `size` points high."""
    content = f"BT /F1 {size} Tf 20 200 Td ({'a' * count}) Tj ET"
    return pdf(
        [
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def test_a_page_of_type_is_drawn_so_that_its_smallest_can_be_read() -> None:
    widths = {size: next(read(written(size))).image.shape[1] for size in (0.5, 4, 6, 12)}
    assert widths[12] == 1112 and widths[6] >= widths[12]  # 200 dpi
    assert widths[6] < widths[4] < widths[0.5] == 3334  # up to 600
    assert next(read(written(4, count=3))).image.shape[1] == 1112  # three small letters are no reason


def test_a_large_page_is_drawn_at_a_lower_resolution() -> None:
    page = pdf(["<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 900 700] >>"])
    for limit in (10, 1000, 50_000, 1_000_003):
        (page_image,) = read(page, ReadOptions(max_image_pixels=limit))
        height, width = page_image.image.shape[:2]
        assert 0.7 * limit <= height * width <= limit or limit == 10
        assert "dpi" in page_image.warnings[0]


@pytest.mark.parametrize("form", ["/AcroForm << /Fields [4 0 R] >>", ""])
def test_form_fields_are_drawn(form: str) -> None:
    """Also those that no form names, as in pages taken from another file."""
    box = "/BBox [0 0 80 30] /Type /XObject /Subtype /Form"
    objects = [
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 50] /Annots [4 0 R] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (x) /Rect [10 10 90 40] /F 4 /AP << /N 5 0 R >> >>",
        f"<< {box} /Length 21 >>\nstream\n0 g 0 0 80 30 re f   \nendstream",
    ]
    (page_image,) = read(pdf(objects, f"/Pages 2 0 R {form}"))
    assert page_image.image[50, 100].max() < 200 and page_image.image[2, 2].min() == 255


@pytest.mark.parametrize(
    ("chosen", "expected"), [("1-3,7", [0, 1, 2, 6]), ("7,1", [0, 6]), ("6-", [5, 6, 7]), ("8-20", [7]), (" 2 ", [1])]
)
def test_page_range(chosen: str, expected: list[int]) -> None:
    options = ReadOptions(page_range=chosen)
    content = scans(8)
    assert [page_image.page_index for page_image in read(content, options)] == expected
    assert count_pages(content, options) == len(expected)


def test_a_page_range_that_selects_nothing() -> None:
    with pytest.raises(SourceError, match=r"selects none of its 3 pages"):
        list(read(scans(3), ReadOptions(page_range="7-9")))


@pytest.mark.parametrize("text", ["0", "3-1", "a", "1--2", "-", "-3", "1.5", "٣", "99999999999"])
def test_a_page_range_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="page_range"):
        ReadOptions(page_range=text)


def test_a_pdf_without_pages_is_an_error() -> None:
    with pytest.raises(SourceError, match="no pages"):
        list(read(pdf(["<< /Type /Pages /Kids [] /Count 0 >>"])))


def test_a_damaged_page_does_not_cost_the_others() -> None:
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 30 20] >>"
    content = pdf(["<< /Type /Pages /Kids [3 0 R 9 0 R 4 0 R] /Count 3 >>", page, page])
    good = []
    with pytest.raises(SourceError, match="the given bytes: page 2: damaged"):
        for page_image in read(content):
            good.append(page_image.page_index)
    assert good == [0, 2]


def test_a_pdf_that_claims_a_thousand_million_pages_ends() -> None:
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 30 20] >>"
    page_images = read(pdf(["<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", page]))
    assert next(page_images).page_index == 0
    with contextlib.suppress(SourceError):
        assert len(list(page_images)) < 100


def test_junk_before_the_header() -> None:
    assert next(read(b"\n\n junk \n" + scans(1))).image.shape == (80, 100, 3)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.pdf"
    try:
        path.write_bytes(scans(1))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes only UTF-8 names")
    assert next(read(path)).image.shape == (80, 100, 3)


def test_a_stream_that_is_left_gives_its_file_back(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(scans(3))
    page_images = read(path)
    next(page_images)
    page_images.close()
    path.unlink()


def test_many_threads_read_pdfs_at_once() -> None:
    content = scans(6)
    expected = [page_image.image for page_image in read(content)]
    barrier = threading.Barrier(8)

    def one(_: int) -> list[np.ndarray]:
        barrier.wait()
        return [page_image.image for page_image in read(content)]

    with ThreadPoolExecutor(8) as pool:
        for images in pool.map(one, range(8)):
            for image, other in zip(images, expected, strict=True):
                np.testing.assert_array_equal(image, other)


def test_a_pdf_whose_end_was_cut_off_is_damaged_and_a_whole_one_is_not(tmp_path: Path) -> None:
    content = scans(2)
    (tmp_path / "whole.pdf").write_bytes(content)
    assert not is_rebuilt(content)
    assert not is_rebuilt(tmp_path / "whole.pdf")
    assert not is_rebuilt(b"junk\r\n" + content)
    assert [page.warnings for page in read(content)] == [(), ()]
    cut = content[: content.rindex(b"startxref")]
    assert is_rebuilt(cut)
    warnings = [page.warnings for page in read(cut)]
    assert damage_in(warnings[0]).startswith("damaged (the PDF's table of objects")
    assert warnings[1] == ()  # told once
