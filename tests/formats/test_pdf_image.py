"""Images in searchable PDFs: their own compressed data where the format allows, the same pixels in every case."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from inkline.errors import OutputError
from inkline.formats.write import render as render_format
from inkline.options import PdfOptions
from inkline.types import Document, Page
from tests.formats.pdf_readers import render
from tests.io import sample

pikepdf = pytest.importorskip("pikepdf")

from inkline.formats.searchable_pdf import write_searchable_pdf  # noqa: E402
from inkline.formats.write import write  # noqa: E402


def picture(mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> Image.Image:
    """A picture with no symmetry, in any mode."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    image = Image.fromarray(
        np.stack([x * 255 // width, y * 255 // height, (x // 9 + y // 7) % 2 * 200], axis=2).astype(np.uint8)
    )
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray((x * 255 // width).astype(np.uint8)))
    return image.convert(mode)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def in_pdf(content: bytes | np.ndarray, tmp_path: Path, size: tuple[int, int] = (90, 60)) -> dict[str, Any]:
    """The image's entries and "data", its packed bytes, in a PDF of one page at 72 dpi, so that a pixel is a point."""
    path = tmp_path / "out.pdf"
    options = PdfOptions(image_dpi=72)
    assert write_searchable_pdf(Document((Page((), size),)), [content], path, options) == ()
    with pikepdf.open(path) as pdf:
        stream = pdf.pages[0].obj.Resources.XObject.Im0
        colors = stream.ColorSpace
        profile = colors[1].read_bytes() if isinstance(colors, pikepdf.Array) and colors[0] == "/ICCBased" else None
        mask = "/SMask" in stream
        return {
            "data": stream.read_raw_bytes(),
            "filter": str(stream.Filter),
            "colors": str(colors) if isinstance(colors, pikepdf.Name) else str(colors[0]),
            "profile": profile,
            "mask": mask,
        }


def shown(tmp_path: Path) -> np.ndarray:
    return render(tmp_path / "out.pdf")[..., ::-1]


def assert_alike(found: np.ndarray, expected: np.ndarray, mode: str) -> None:
    """The same pixels but for a decoder's rounding; CMYK, which every reader turns to RGB in its own way, at least alike."""
    if mode == "CMYK":
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9
    else:
        assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_goes_in_as_it_is(mode: str, progressive: bool, tmp_path: Path) -> None:
    content = encoded(picture(mode), "JPEG", quality=95, progressive=progressive)
    stream = in_pdf(content, tmp_path)
    assert stream["data"] == content
    assert stream["filter"] == "/DCTDecode"
    assert_alike(shown(tmp_path), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), mode)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_are_made_by_the_page(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture(), "JPEG", quality=95, exif=exif, dpi=(72, 72))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert in_pdf(content, tmp_path, upright.size)["data"] == content
    found = shown(tmp_path)
    assert found.shape[:2] == upright.size[::-1]
    assert np.abs(found - np.asarray(upright).astype(int)).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_png_keeps_its_own_rows(mode: str, tmp_path: Path) -> None:
    content = encoded(picture(mode), "PNG")
    stream = in_pdf(content, tmp_path)
    assert stream["data"] in content
    expected = picture("L") if mode == "I;16" else picture(mode).convert("RGB")
    assert np.abs(shown(tmp_path).astype(int) - np.asarray(expected.convert("RGB"))).max() <= (mode == "I;16")


def test_png_of_several_chunks_and_with_a_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    content = encoded(Image.fromarray(noise), "PNG", icc_profile=profile)
    assert content.count(b"IDAT") > 1
    stream = in_pdf(content, tmp_path, (300, 300))
    assert stream["profile"] == profile
    assert np.abs(shown(tmp_path).astype(int) - noise).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_a_soft_mask(mode: str, tmp_path: Path) -> None:
    image = picture(mode)
    stream = in_pdf(encoded(image, "PNG"), tmp_path)
    assert stream["mask"]
    on_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    assert np.abs(shown(tmp_path).astype(int) - np.asarray(on_white)).max() <= 2


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    image = picture()
    image.putalpha(255)
    assert not in_pdf(encoded(image, "PNG"), tmp_path)["mask"]
    np.testing.assert_array_equal(shown(tmp_path), np.asarray(picture()))


def bilevel() -> Image.Image:
    return Image.fromarray((np.asarray(picture("L")) > 90).astype(np.uint8) * 255).convert("1")


@pytest.mark.parametrize("photometric", [0, 1])
def test_fax_tiff_goes_in_as_it_is(photometric: int, tmp_path: Path) -> None:
    content = encoded(bilevel(), "TIFF", compression="group4", strip_size=1 << 20, tiffinfo={262: photometric})
    stream = in_pdf(content, tmp_path)
    assert stream["filter"] == "/CCITTFaxDecode"
    assert stream["data"] in content
    shown_as = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(shown(tmp_path), shown_as)


@pytest.mark.parametrize("compression", ["group4", "group3", "tiff_lzw", None])
def test_other_bilevel_images_are_packed_as_fax(compression: str | None, tmp_path: Path) -> None:
    content = encoded(bilevel(), "TIFF", compression=compression, strip_size=64)
    assert in_pdf(content, tmp_path)["filter"] == "/CCITTFaxDecode"
    np.testing.assert_array_equal(shown(tmp_path), np.asarray(bilevel().convert("RGB")))


@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("BMP", "RGB", {}),
        ("GIF", "P", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("PPM", "RGB", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "L", {}),
        ("JPEG2000", "RGB", {"irreversible": False}),
    ],
)
def test_other_formats_lose_nothing(format: str, mode: str, options: dict[str, Any], tmp_path: Path) -> None:
    content = encoded(picture(mode), format, **options)
    stream = in_pdf(content, tmp_path)
    assert stream["filter"] == "/FlateDecode"
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        stored = pikepdf.PdfImage(pdf.pages[0].obj.Resources.XObject.Im0).as_pil_image()
    np.testing.assert_array_equal(stored.convert("RGB"), Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("mode", ["I;16", "F", "CMYK", "L"])
def test_tiff_of_rare_pixels(mode: str, tmp_path: Path) -> None:
    """What PDF can hold goes in; floating-point pixels go in as they were read."""
    image = picture("L").convert("F") if mode == "F" else picture(mode)
    read = np.asarray(picture("L").convert("RGB"))
    page = Page((), (90, 60), load_image=lambda: read)
    path = tmp_path / "out.pdf"
    write_searchable_pdf(Document((page,)), [encoded(image, "TIFF")], path, PdfOptions(image_dpi=72))
    assert_alike(shown(tmp_path), np.asarray(image.convert("RGB")) if mode == "CMYK" else read, mode)
    if mode == "F":
        with pytest.raises(OutputError, match="pixels of type F"):
            in_pdf(encoded(image, "TIFF"), tmp_path)


@pytest.mark.parametrize("grey", [False, True])
def test_arrays(grey: bool, tmp_path: Path) -> None:
    array = np.asarray(picture("L" if grey else "RGB").convert("RGB"))[..., ::-1]
    stream = in_pdf(array, tmp_path)
    assert stream["colors"] == ("/DeviceGray" if grey else "/DeviceRGB")
    np.testing.assert_array_equal(shown(tmp_path), array[..., ::-1])


@pytest.mark.parametrize(
    ("dpi", "points"),
    [((300, 300), (21.6, 14.4)), ((200, 100), (32.4, 43.2)), ((1, 1), (43.2, 28.8)), (None, (43.2, 28.8))],
)
def test_page_size_follows_the_stated_resolution(
    dpi: tuple[int, int] | None, points: tuple[float, float], tmp_path: Path
) -> None:
    content = encoded(picture(), "JPEG", **({"dpi": dpi} if dpi else {}))
    write_searchable_pdf(Document((Page((), (90, 60)),)), [content], tmp_path / "out.pdf")
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        assert [float(v) for v in pdf.pages[0].mediabox[2:]] == pytest.approx(points, abs=0.01)


def test_no_page_is_larger_than_pdf_allows(tmp_path: Path) -> None:
    content = encoded(picture("1", (40_000, 20)), "PNG")
    write_searchable_pdf(Document((Page((), (40_000, 20)),)), [content], tmp_path / "out.pdf", PdfOptions(image_dpi=72))
    with pikepdf.open(tmp_path / "out.pdf") as pdf:
        assert float(pdf.pages[0].mediabox[2]) == 14_400


def test_pages_of_a_tiff_and_of_pages_in_memory(tmp_path: Path) -> None:
    frames = [picture("L"), picture("L").rotate(180), bilevel()]
    path = tmp_path / "three.tif"
    frames[0].save(path, save_all=True, append_images=frames[1:], dpi=(72, 72))
    pages = tuple(Page((), (90, 60), str(path), i) for i in (0, 2, 1))
    memory = Page((), (90, 60), load_image=lambda: np.asarray(frames[1].convert("RGB")))
    content = render_format(Document((*pages, memory)), "pdf")
    assert isinstance(content, bytes)
    (tmp_path / "out.pdf").write_bytes(content)
    for number, frame in enumerate((0, 2, 1)):
        np.testing.assert_array_equal(render(tmp_path / "out.pdf", number), np.asarray(frames[frame].convert("RGB")))
    with pytest.raises(OutputError, match="without an image"):
        render_format(Document((Page((), (90, 60)),)), "pdf")


def test_damaged_images_are_told(tmp_path: Path) -> None:
    content = bytearray(encoded(picture(), "PNG"))
    content[-30] ^= 0xFF
    with pytest.raises(OutputError, match="check sum"):
        in_pdf(bytes(content), tmp_path)


@pytest.mark.parametrize("module", ["pikepdf", "fontTools.fontBuilder"])
def test_missing_extra_is_told(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for loaded in [name for name in sys.modules if name.startswith(("inkline.formats.pdf", "inkline.formats.search"))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=r"pip install 'inkline\[pdf\]'"):
        write(Document((Page((), (9, 9)),)), tmp_path / "out.pdf")


def test_sample_pages_of_the_bad_input_set(shared: Path, tmp_path: Path) -> None:
    """Every odd image that can be read can be written."""
    from inkline.errors import InklineError
    from inkline.io.read import read

    for path in sorted((shared / "data/bad-input/files").iterdir()):
        if path.suffix == ".pdf" or path.is_dir() or "bomb" in path.name:
            continue
        try:
            page_images = list(read(path))
        except InklineError:
            continue
        lines = (sample.line("one line", sample.box(1, 1, 30, 9), 0),)
        pages = [Page(lines, s.image.shape[1::-1], str(path), s.page_index, load_image=s.reload) for s in page_images]
        content = render_format(Document(tuple(pages), str(path)), "pdf")
        assert isinstance(content, bytes)
        with pikepdf.open(io.BytesIO(content)) as pdf:
            assert len(pdf.pages) == len(pages), path.name
