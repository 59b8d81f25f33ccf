"""Image files: kinds, modes, EXIF, damage."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline.errors import SourceError, TooLargeError
from inkline.io.images import MAX_TIFF_PAGES, content_kind, why_unreadable
from inkline.io.read import read
from inkline.options import ReadOptions
from inkline.types import Image

RNG = np.random.default_rng(3)


def smooth(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Pillow.Image:
    """A colourful picture that lossy kinds keep well."""
    small = Pillow.fromarray(np.random.default_rng(5).integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return small.resize(size, Pillow.Resampling.BICUBIC).convert(mode)


def encoded(image: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def one(content: bytes | Path) -> Image:
    (page_image,) = read(content)
    assert page_image.image.dtype == np.uint8 and page_image.image.flags.c_contiguous
    np.testing.assert_array_equal(page_image.reload(), page_image.image)
    return page_image.image


@pytest.mark.parametrize(
    ("kind", "options", "close"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 12),
        ("PPM", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 97, "subsampling": 0}, 6),
        ("JPEG2000", {}, 2),
        ("AVIF", {"quality": 98}, 12),
        ("GIF", {}, 40),
    ],
)
def test_kinds(kind: str, options: dict[str, object], close: int) -> None:
    picture = smooth()
    image = one(encoded(picture, kind, **options))
    expected = np.asarray(picture)[:, :, ::-1].astype(int)
    assert np.abs(image.astype(int) - expected).max() <= close


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "CMYK", "YCbCr", "HSV", "RGBX", "F", "I"])
def test_pillow_modes_agree_with_pillow(mode: str) -> None:
    grey = smooth("L")
    picture = grey.convert("RGB").convert(mode) if mode not in ("I;16", "F", "I") else None
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "F":
        picture = Pillow.fromarray((np.asarray(grey) / 255).astype(np.float32))
    elif mode == "I":
        picture = Pillow.fromarray(np.asarray(grey).astype(np.int32) * 257)
    assert picture is not None and picture.mode == mode
    (page_image,) = read(picture)
    plain = np.asarray(picture.convert("RGB") if mode not in ("I;16", "F", "I") else grey.convert("RGB"))
    assert np.abs(page_image.image[:, :, ::-1].astype(int) - plain).max() <= 2


def test_lab_gives_its_lightness() -> None:
    picture = Pillow.merge("LAB", [smooth("L")] * 3)
    np.testing.assert_array_equal(one_image(picture)[:, :, 1], np.asarray(smooth("L")))


def one_image(picture: Pillow.Image) -> Image:
    (page_image,) = read(picture)
    return page_image.image


def test_large_pictures_are_converted_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [smooth(), smooth("L"), smooth("RGBA"), smooth("F"), smooth("P")]
    pictures[2].putalpha(smooth("L").point(lambda v: 255 * (v > 128)))
    whole = [one_image(picture) for picture in pictures]
    monkeypatch.setattr("inkline.io.images.STRIP_PIXELS", 64 * 7)
    for picture, expected in zip(pictures, whole, strict=True):
        np.testing.assert_array_equal(one_image(picture), expected)


def test_an_alpha_channel_that_nothing_shines_through_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    blended: list[object] = []
    monkeypatch.setattr("inkline.io.images.background", lambda strips: blended.append(list(strips)) or 255)
    np.testing.assert_array_equal(one_image(smooth("RGBA")), one_image(smooth()))
    assert not blended
    picture = smooth("RGBA")
    picture.putpixel((5, 5), (0, 0, 0, 254))
    one_image(picture)
    assert blended


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif(kind: str, orientation: int) -> None:
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how the upright picture is stored under each orientation
    upright = smooth()
    stored = upright if orientation == 1 else upright.transpose(Pillow.Transpose(inverse[orientation]))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"quality": 97} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    image = one(encoded(stored, kind, exif=exif, **options))
    assert np.abs(image.astype(int) - np.asarray(upright)[:, :, ::-1]).max() <= 20


def test_a_pillow_image_is_turned_by_its_exif_and_says_so() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    with Pillow.open(io.BytesIO(encoded(smooth(), "JPEG", exif=exif))) as picture:
        (page_image,) = read(picture)
    assert page_image.image.shape == (64, 48, 3) and "turned" in page_image.warnings[0]


def test_damaged_exif_does_not_cost_the_page() -> None:
    assert one(encoded(smooth(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff")).shape == (48, 64, 3)


def test_pages_of_a_tiff_without_their_thumbnails() -> None:
    pages = [smooth(size=(60 + i, 40)) for i in range(3)]
    small = smooth(size=(6, 4))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    page_images = list(read(encoded(pages[0], "TIFF", save_all=True, append_images=[small, *pages[1:]])))
    assert [(s.image.shape[1], s.page_index) for s in page_images] == [(60, 0), (61, 1), (62, 2)]
    np.testing.assert_array_equal(page_images[1].reload(), page_images[1].image)


def test_a_page_with_only_a_thumbnail_is_one_page_without_index() -> None:
    small = smooth(size=(6, 4))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    (page_image,) = read(encoded(smooth(), "TIFF", save_all=True, append_images=[small]))
    assert page_image.page_index is None


def repeated_tiff_page(count: int, tags_too: bool = True) -> bytes:
    """A TIFF whose one picture is listed `count` times more, the last page pointing back to the second.

    Without their tags the further pages hold nothing.
    """
    good = encoded(smooth(size=(8, 8)), "TIFF")
    (first,) = struct.unpack_from("<I", good, 4)
    (tags,) = struct.unpack_from("<H", good, first)
    end = first + 2 + 12 * tags
    page = good[first:end] if tags_too else struct.pack("<H", 0)
    body = bytearray(good)
    struct.pack_into("<I", body, end, len(good))
    for i in range(count):
        following = len(body) + len(page) + 4 if i + 1 < count else len(good)
        body += page + struct.pack("<I", following)
    return bytes(body)


def test_a_tiff_whose_pages_run_in_a_circle_ends() -> None:
    assert [page_image.page_index for page_image in read(repeated_tiff_page(3))] == [0, 1, 2, 3]


def test_a_damaged_page_of_a_tiff_does_not_cost_those_before_it() -> None:
    page_images = read(repeated_tiff_page(3, tags_too=False))
    assert next(page_images).image.shape == (8, 8, 3)
    with pytest.raises(SourceError, match="page 2: damaged"):
        list(page_images)


@pytest.mark.slow
def test_a_tiff_of_too_many_pages_is_refused() -> None:
    with pytest.raises(TooLargeError, match=str(MAX_TIFF_PAGES)):
        list(read(repeated_tiff_page(MAX_TIFF_PAGES + 5)))


def test_an_animation_gives_its_first_frame() -> None:
    frames = [smooth("P"), Pillow.new("P", (64, 48), 3)]
    (page_image,) = read(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert page_image.page_index is None and "animated" in page_image.warnings[0]


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "L")])
def test_a_truncated_picture_gives_its_upper_part(kind: str, mode: str) -> None:
    noise = Pillow.fromarray(RNG.integers(0, 256, (200, 160, 3), dtype=np.uint8)).convert(mode)
    content = encoded(noise, kind)
    whole = one(content)
    (page_image,) = read(content[: len(content) // 2])
    assert "missing" in page_image.warnings[0]
    np.testing.assert_array_equal(page_image.image[:60], whole[:60])
    assert (page_image.image[-60:] == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "AVIF", "PPM"])
def test_damage_anywhere_is_a_page_or_an_error(kind: str) -> None:
    content = encoded(smooth(), kind)
    rng = np.random.default_rng(11)
    for _ in range(60):
        broken = bytearray(content[: rng.integers(1, len(content) + 1)])
        for at in rng.integers(0, len(broken), 4):
            broken[at] = rng.integers(0, 256)
        try:
            for page_image in read(bytes(broken), ReadOptions(max_image_pixels=1_000_000)):
                assert page_image.image.dtype == np.uint8
        except SourceError as error:
            assert str(error).startswith("the given bytes: ") and "\n" not in str(error)


def test_what_libtiff_finds_wrong_is_told_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """It prints, and of some damage it says nothing else: pages of faxes lost their rows in silence."""
    noise = Pillow.fromarray(RNG.integers(0, 256, (200, 300), dtype=np.uint8))
    fax = bytearray(encoded(noise.convert("1"), "TIFF", compression="group4"))
    lzw = bytearray(encoded(noise, "TIFF", compression="tiff_lzw"))
    for at in range(200, len(fax) - 400, 17):
        fax[at] ^= 255
    (page,) = read(bytes(fax))
    assert "damaged (Bad code word at line" in page.warnings[0]
    for at in range(2000, 5000, 37):
        lzw[at] ^= 255
    with pytest.raises(SourceError, match="Using code not yet in table"):
        list(read(bytes(lzw)))
    assert capfd.readouterr().err == ""
    # What others decode is handled as before.
    with pytest.raises(OSError, match="decoder error"):
        Pillow.open(io.BytesIO(lzw)).load()
    assert "Using code not yet in table" in capfd.readouterr().err


def test_a_range_of_pages_that_means_nothing_here_is_told() -> None:
    png = encoded(smooth(), "PNG")
    (page,) = read(png, ReadOptions(page_range="2-"))
    assert page.warnings == ("page_range=2- has no effect: this image has one page",)
    for chosen in ("", "1", "2,1-3"):
        (page,) = read(png, ReadOptions(page_range=chosen))
        assert not page.warnings


def test_a_header_that_declares_too_much_is_refused() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        with pytest.raises(TooLargeError, match="64 x 48"):
            list(read(encoded(smooth(), kind), ReadOptions(max_image_pixels=1000)))


def test_an_image_file_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(TooLargeError, match="max_source_bytes"):
        list(read(encoded(smooth(), "BMP"), ReadOptions(max_source_bytes=1000)))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"PK\x03\x04", "ZIP"),
        (b"<!DOCTYPE html>", "web page"),
        (b"plain text", "neither an image nor a PDF"),
    ],
)
def test_what_is_no_image_says_what_it_is(head: bytes, words: str) -> None:
    assert content_kind(head) is None and words in why_unreadable(head)


def test_postscript_is_never_run() -> None:
    assert content_kind(b"%!PS-Adobe-3.0 EPSF-3.0") is None
