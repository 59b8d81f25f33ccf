"""Images as PDF pages: the file's own compressed data where PDF knows the format, else a lossless copy.

JPEG goes in as it is (grey, colour, CMYK), PNG without transparency with its own rows, one-strip fax TIFF with its own
bits. EXIF turns become the page's matrix. What is left is decoded and packed as PNG does, or as fax for two colours.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inkline.errors import OutputError, SourceError
from inkline.io.images import HEAD, Pictures, exif_orientation, kind_of, why_unreadable
from inkline.options import ReadOptions
from inkline.types import Image

if TYPE_CHECKING:
    import pikepdf
    from PIL.Image import Image as PillowImage

MIN_POINTS, MAX_POINTS = 3.0, 14_400.0  # no page may be smaller or larger (PDF 1.7, annex C)
PLAUSIBLE_DPI = (20.0, 5000.0)  # what files state outside of these is taken for unstated

# EXIF orientation -> image space (unit square, y up) to the upright unit square, as a PDF matrix.
EXIF_MATRICES = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}

_PNG = b"\x89PNG\r\n\x1a\n"
_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True, eq=False)
class Picture:
    """An image XObject with its upright size in pixels, its dots per inch (0: not stated) and EXIF orientation."""

    stream: "pikepdf.Stream"
    size: tuple[int, int]
    dpi: tuple[float, float]
    orientation: int = 1


def add_page(pdf: "pikepdf.Pdf", picture: Picture, default_dpi: float) -> "pikepdf.Page":
    """A new last page that shows the picture, as large as its resolution says."""
    from pikepdf import Dictionary, Name

    width, height = picture.size
    x_dpi, y_dpi = picture.dpi if all(picture.dpi) else (default_dpi, default_dpi)
    w, h = width * 72 / x_dpi, height * 72 / y_dpi
    shrink = min(1.0, MAX_POINTS / max(w, h))
    w, h = (max(MIN_POINTS, round(side * shrink, 3)) for side in (w, h))
    page = pdf.add_blank_page(page_size=(w, h))
    a, b, c, d, e, f = EXIF_MATRICES[picture.orientation]
    matrix = " ".join(f"{v:.3f}".rstrip("0").rstrip(".") for v in (a * w, b * h, c * w, d * h, e * w, f * h))
    page.obj.Resources = Dictionary(XObject=Dictionary(Im0=pdf.make_indirect(picture.stream)))
    page.obj.Contents = pdf.make_stream(f"q {matrix.replace('-0 ', '0 ')} cm /Im0 Do Q\n".encode())
    assert page.obj.Type == Name.Page
    return page


def picture_of_file(pdf: "pikepdf.Pdf", content: bytes, index: int = 0) -> Picture:
    """The image in a file's bytes; `index` counts the pages of a TIFF.

    Errors: SourceError when it cannot be opened, OutputError when no lossless copy can be made of its kind of pixels.
    """
    kind = kind_of(content[:HEAD])
    if kind is None or kind == "pdf":
        raise SourceError(
            why_unreadable(content[:HEAD]) if kind is None else "this is a PDF where an image was expected"
        )
    pictures = Pictures(io.BytesIO(content), kind, ReadOptions().max_image_pixels)
    try:
        return _picture(pdf, pictures.header(index), content)
    except (OSError, ValueError, SyntaxError, struct.error, zlib.error) as error:
        raise OutputError(f"cannot put this image into a PDF: {error}") from error
    finally:
        pictures.close()


def picture_of_array(pdf: "pikepdf.Pdf", image: Image) -> Picture:
    """A BGR uint8 array (H, W, 3) without loss; grey where all its pixels are."""
    from PIL import Image as Pillow

    grey = bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())
    pillow = Pillow.fromarray(np.ascontiguousarray(image[..., 0] if grey else image[..., ::-1]))
    return Picture(_lossless(pdf, pillow), pillow.size, (0.0, 0.0))


def _picture(pdf: "pikepdf.Pdf", image: "PillowImage", content: bytes) -> Picture:
    orientation = exif_orientation(image)
    width, height = image.size
    dpi = _dpi(image)
    stream = None
    if image.format in ("JPEG", "MPO"):
        stream = _jpeg(pdf, image, content)
    elif image.format == "PNG":
        stream = _png(pdf, content)
    elif image.format == "TIFF":
        stream = _fax(pdf, image, content)
    if stream is None:
        stream = _lossless(pdf, image)
    if orientation >= 5:
        width, height, dpi = height, width, (dpi[1], dpi[0])
    return Picture(stream, (width, height), dpi, orientation)


def _dpi(image: "PillowImage") -> tuple[float, float]:
    """Dots per inch, across and down, as the file states them; zeros when it does not, or nothing plausible."""
    try:
        x, y = (float(v) for v in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    low, high = PLAUSIBLE_DPI
    return (x, y) if low <= x <= high and low <= y <= high else (0.0, 0.0)


def _dictionary(size: tuple[int, int], colors: Any, bits: int) -> dict[str, Any]:
    from pikepdf import Name

    width, height = size
    return {
        "Type": Name.XObject,
        "Subtype": Name.Image,
        "Width": width,
        "Height": height,
        "ColorSpace": colors,
        "BitsPerComponent": bits,
    }


def _colors(pdf: "pikepdf.Pdf", count: int, profile: bytes | None) -> Any:
    """The colour space of 1, 3 or 4 components: the file's own profile when it has one that fits."""
    from pikepdf import Array, Name

    plain = {1: Name.DeviceGray, 3: Name.DeviceRGB, 4: Name.DeviceCMYK}[count]
    kind = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}[count]
    if not profile or len(profile) < 128 or profile[16:20] != kind or profile[36:40] != b"acsp":
        return plain
    stream = pdf.make_stream(profile, N=count, Alternate=plain)
    return Array([Name.ICCBased, pdf.make_indirect(stream)])


def _jpeg(pdf: "pikepdf.Pdf", image: "PillowImage", content: bytes) -> "pikepdf.Stream | None":
    """The JPEG's own bytes; None for kinds that PDF does not know (lossless, arithmetic, 12 bits)."""
    from pikepdf import Array, Name, Stream

    count = {"L": 1, "RGB": 3, "CMYK": 4}.get(image.mode)
    if count is None or not _is_plain_jpeg(content):
        return None
    entries = _dictionary(image.size, _colors(pdf, count, image.info.get("icc_profile")), 8)
    if count == 4 and "adobe" in image.info:
        entries["Decode"] = Array([1, 0] * 4)  # Adobe writes CMYK inverted
    return Stream(pdf, content, {**_named(entries), "/Filter": Name.DCTDecode})


def _is_plain_jpeg(content: bytes) -> bool:
    """Whether the first frame is baseline, extended or progressive with Huffman codes and 8 bits a sample."""
    at = 2
    while at + 9 < len(content):
        if content[at] != 0xFF:
            return False
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker in (0xC0, 0xC1, 0xC2) and content[at + 4] == 8
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return False


def _png(pdf: "pikepdf.Pdf", content: bytes) -> "pikepdf.Stream | None":
    """The PNG's own rows; None when it is interlaced or has transparency."""
    from pikepdf import Array, Dictionary, Name, Stream, String

    chunks = _png_chunks(content)
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks["IHDR"][0])
    if interlace or kind in (4, 6) or "tRNS" in chunks or "IDAT" not in chunks:
        return None
    count = 3 if kind == 2 else 1
    if kind == 3:
        table = chunks["PLTE"][0][: 3 << bits]
        base = _colors(pdf, 3, _png_profile(chunks))
        colors: Any = Array([Name.Indexed, base, len(table) // 3 - 1, String(table)])
    else:
        colors = _colors(pdf, count, _png_profile(chunks))
    parameters = Dictionary(Predictor=15, Colors=count, BitsPerComponent=bits, Columns=width)
    entries = {**_dictionary((width, height), colors, bits), "Filter": Name.FlateDecode, "DecodeParms": parameters}
    return Stream(pdf, b"".join(chunks["IDAT"]), _named(entries))


def _png_chunks(content: bytes) -> dict[str, list[bytes]]:
    """The chunks by name; ValueError where the file ends early or its check sums are wrong."""
    if not content.startswith(_PNG):
        raise ValueError("not a PNG")
    chunks: dict[str, list[bytes]] = {}
    at = len(_PNG)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", content, at + 8 + length)
        if check != zlib.crc32(name + data):
            raise ValueError("the PNG is damaged: a check sum is wrong")
        chunks.setdefault(name.decode("latin-1"), []).append(data)
        if name == b"IEND":
            return chunks
        at += length + 12
    raise ValueError("the PNG ends early")


def _png_profile(chunks: dict[str, list[bytes]]) -> bytes | None:
    """The colour profile of an iCCP chunk."""
    data = chunks.get("iCCP", [b""])[0]
    _, _, packed = data.partition(b"\0")
    return zlib.decompress(packed[1:]) if packed else None


def _fax(pdf: "pikepdf.Pdf", image: "PillowImage", content: bytes) -> "pikepdf.Stream | None":
    """The bits of a one-strip group 4 TIFF; None for all other TIFFs."""
    from pikepdf import Dictionary, Name, Stream

    tags: Any = getattr(image, "tag_v2", {})
    offsets, lengths = tags.get(273, ()), tags.get(279, ())
    if tags.get(259) != 4 or len(offsets) != 1 or len(lengths) != 1 or tags.get(262) not in (0, 1):
        return None
    data = content[offsets[0] : offsets[0] + lengths[0]]
    if tags.get(266, 1) == 2:  # bits from the low end of each byte
        data = data.translate(_REVERSED)
    width, height = image.size
    parameters = Dictionary(K=-1, Columns=width, Rows=height, BlackIs1=tags[262] == 1)
    entries = _dictionary(image.size, Name.DeviceGray, 1)
    return Stream(pdf, data, _named({**entries, "Filter": Name.CCITTFaxDecode, "DecodeParms": parameters}))


def _lossless(pdf: "pikepdf.Pdf", image: "PillowImage") -> "pikepdf.Stream":
    """Decoded pixels: fax for two colours, the rows of a PNG otherwise, transparency as a soft mask."""
    if image.mode == "1":
        out = io.BytesIO()
        image.save(out, "TIFF", compression="group4", strip_size=1 << 30)
        from PIL import Image as Pillow

        with Pillow.open(out) as packed:
            stream = _fax(pdf, packed, out.getvalue())
        if stream is not None:
            return stream
    if image.mode == "CMYK":
        return _raw(pdf, image)
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA") if image.mode != "LA" else image
        alpha = image.getchannel("A")
        image = image.convert("L" if image.mode == "LA" else "RGB")
        alpha = None if alpha.getextrema() == (255, 255) else alpha
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F"):
        raise OutputError(f"pixels of type {image.mode} have no place in a PDF")
    if image.mode not in ("1", "L", "P", "RGB", "I;16"):
        image = image.convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG", icc_profile=profile)
    stream = _png(pdf, out.getvalue())
    assert stream is not None  # neither interlaced nor transparent
    if alpha is not None:
        stream["/SMask"] = pdf.make_indirect(_lossless(pdf, alpha))
    return stream


def _raw(pdf: "pikepdf.Pdf", image: "PillowImage") -> "pikepdf.Stream":
    """CMYK samples, for which there is no PNG; the PDF's writer compresses them."""
    entries = _dictionary(image.size, _colors(pdf, 4, image.info.get("icc_profile")), 8)
    return pdf.make_stream(image.tobytes(), **entries)


def _named(entries: dict[str, Any]) -> dict[str, Any]:
    return {f"/{name}": value for name, value in entries.items()}
