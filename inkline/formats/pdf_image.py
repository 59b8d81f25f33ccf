"""Images as PDF pages: the file's own compressed data where PDF knows the format, else a lossless copy.

JPEG goes in as it is (grey, colour, CMYK), PNG without transparency with its own rows, one-strip fax TIFF with its own
bits. EXIF turns become the page's matrix. What is left is decoded and packed as PNG does, or as fax for two colours.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String
from PIL import Image as Pillow

from inkline.errors import OutputError, SourceError
from inkline.io.images import ImageReader, content_kind, exif_orientation, why_unreadable
from inkline.options import ReadOptions
from inkline.types import Image

MIN_PAGE_POINTS, MAX_PAGE_POINTS = 3.0, 14_400.0  # no page may be smaller or larger (PDF 1.7, annex C)
MIN_PLAUSIBLE_DPI, MAX_PLAUSIBLE_DPI = 20.0, 5000.0  # what files state outside of these is taken for unstated

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

COLOR_SPACES = {1: ("/DeviceGray", b"GRAY"), 3: ("/DeviceRGB", b"RGB "), 4: ("/DeviceCMYK", b"CMYK")}  # and in profiles
PNG_SIGNATURE_BYTES = 8
PNG_MAY_HOLD = ("1", "L", "P", "RGB", "I;16")  # Pillow modes
REVERSED_BITS = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True, eq=False)
class PdfImage:
    """An image XObject with its upright size in pixels, its dots per inch (0: not stated) and EXIF orientation."""

    stream: pikepdf.Stream
    size: tuple[int, int]
    dpi: tuple[float, float]
    orientation: int = 1


def add_image_page(pdf: pikepdf.Pdf, image: PdfImage, default_dpi: float) -> pikepdf.Page:
    """A new last page that shows the image, as large as its resolution says."""
    x_dpi, y_dpi = image.dpi if all(image.dpi) else (default_dpi, default_dpi)
    width, height = image.size[0] * 72 / x_dpi, image.size[1] * 72 / y_dpi
    shrink = min(1.0, MAX_PAGE_POINTS / max(width, height))
    width, height = (max(MIN_PAGE_POINTS, round(side * shrink, 3)) for side in (width, height))
    page = pdf.add_blank_page(page_size=(width, height))
    a, b, c, d, e, f = EXIF_MATRICES[image.orientation]
    values = (a * width, b * height, c * width, d * height, e * width, f * height)
    matrix = " ".join(f"{value:.3f}".rstrip("0").rstrip(".") for value in values)
    page.obj.Resources = Dictionary(XObject=Dictionary(Im0=pdf.make_indirect(image.stream)))
    page.obj.Contents = pdf.make_stream(f"q {matrix.replace('-0 ', '0 ')} cm /Im0 Do Q\n".encode())
    return page


def image_of_file(pdf: pikepdf.Pdf, content: bytes, index: int = 0) -> PdfImage:
    """The image in a file's bytes; `index` counts the pages of a TIFF.

    Errors: SourceError when it cannot be opened, OutputError when no lossless copy can be made of its kind of pixels.
    """
    kind = content_kind(content)
    if kind is None:
        raise SourceError(why_unreadable(content))
    if kind == "pdf":
        raise SourceError("this is a PDF where an image was expected")
    reader = ImageReader(io.BytesIO(content), kind, ReadOptions())
    try:
        return _image(pdf, reader.header(index), content)
    except (OSError, ValueError, SyntaxError, struct.error, zlib.error) as error:
        raise OutputError(f"cannot put this image into a PDF ({error}); convert it to PNG") from error
    finally:
        reader.close()


def image_of_array(pdf: pikepdf.Pdf, image: Image) -> PdfImage:
    """A BGR uint8 array (H, W, 3) without loss; grey where all its pixels are."""
    grey = bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())
    pillow = Pillow.fromarray(np.ascontiguousarray(image[..., 0] if grey else image[..., ::-1]))
    return PdfImage(_lossless(pdf, pillow), pillow.size, (0.0, 0.0))


def _image(pdf: pikepdf.Pdf, image: Pillow.Image, content: bytes) -> PdfImage:
    orientation = exif_orientation(image)
    size, dpi = image.size, _dpi(image)
    # The file's own data where PDF knows the format; decoding may lose the header, hence last.
    stream = None
    if image.format in ("JPEG", "MPO"):
        stream = _jpeg(pdf, image, content)
    elif image.format == "PNG":
        stream = _png(pdf, content)
    elif image.format == "TIFF":
        stream = _fax(pdf, image, content)
    if stream is None:
        stream = _lossless(pdf, image)
    if orientation >= 5:  # turned by 90 degrees
        size, dpi = (size[1], size[0]), (dpi[1], dpi[0])
    return PdfImage(stream, size, dpi, orientation)


def _dpi(image: Pillow.Image) -> tuple[float, float]:
    """Dots per inch, across and down, as the file states them; zeros when it does not, or nothing plausible."""
    try:
        x, y = (float(v) for v in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    return (x, y) if min(x, y) >= MIN_PLAUSIBLE_DPI and max(x, y) <= MAX_PLAUSIBLE_DPI else (0.0, 0.0)


def _stream(pdf: Any, data: bytes, size: tuple[int, int], colors: Any, bits: int, **more: Any) -> pikepdf.Stream:
    """An image XObject of `bits` bits per component; `more` are entries of its dictionary."""
    width, height = size
    kind = {"Type": Name.XObject, "Subtype": Name.Image, "Width": width, "Height": height}
    return Stream(pdf, data, **kind, ColorSpace=colors, BitsPerComponent=bits, **more)


def _colors(pdf: pikepdf.Pdf, count: int, profile: bytes | None) -> Any:
    """The colour space of 1, 3 or 4 components: the file's own profile when it has one that fits."""
    name, kind = COLOR_SPACES[count]
    plain = Name(name)
    if not profile or len(profile) < 128 or profile[16:20] != kind or profile[36:40] != b"acsp":
        return plain
    stream = pdf.make_stream(profile, N=count, Alternate=plain)
    return Array([Name.ICCBased, pdf.make_indirect(stream)])


def _jpeg(pdf: pikepdf.Pdf, image: Pillow.Image, content: bytes) -> pikepdf.Stream | None:
    """The JPEG's own bytes; None for kinds that PDF does not know (lossless, arithmetic, 12 bits)."""
    count = {"L": 1, "RGB": 3, "CMYK": 4}.get(image.mode)
    if count is None or not _is_plain_jpeg(content):
        return None
    inverted = {"Decode": Array([1, 0] * 4)} if count == 4 and "adobe" in image.info else {}  # as Adobe writes CMYK
    colors = _colors(pdf, count, image.info.get("icc_profile"))
    return _stream(pdf, content, image.size, colors, 8, **inverted, Filter=Name.DCTDecode)


def _is_plain_jpeg(content: bytes) -> bool:
    """Whether the first frame is baseline, extended or progressive with Huffman codes and 8 bits per sample."""
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


def _png(pdf: pikepdf.Pdf, content: bytes) -> pikepdf.Stream | None:
    """The PNG's own rows; None when it is interlaced or has transparency."""
    chunks = _png_chunks(content)
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks["IHDR"][0])
    if interlace or kind in (4, 6) or "tRNS" in chunks or "IDAT" not in chunks:
        return None
    _, _, packed_profile = chunks.get("iCCP", [b""])[0].partition(b"\0")
    profile = zlib.decompress(packed_profile[1:]) if packed_profile else None
    colors = _colors(pdf, 1 if kind == 0 else 3, profile)
    if kind == 3:  # a palette
        table = chunks["PLTE"][0][: 3 << bits]
        colors = Array([Name.Indexed, colors, len(table) // 3 - 1, String(table)])
    parameters = Dictionary(Predictor=15, Colors=3 if kind == 2 else 1, BitsPerComponent=bits, Columns=width)
    data = b"".join(chunks["IDAT"])
    return _stream(pdf, data, (width, height), colors, bits, Filter=Name.FlateDecode, DecodeParms=parameters)


def _png_chunks(content: bytes) -> dict[str, list[bytes]]:
    """The chunks by name; ValueError where the file ends early or its check sums are wrong."""
    chunks: dict[str, list[bytes]] = {}
    at = PNG_SIGNATURE_BYTES
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


def _fax(pdf: pikepdf.Pdf, image: Pillow.Image, content: bytes) -> pikepdf.Stream | None:
    """The bits of a one-strip group 4 TIFF; None for all other TIFFs."""
    tags: Any = getattr(image, "tag_v2", {})
    offsets, lengths = tags.get(273, ()), tags.get(279, ())
    if tags.get(259) != 4 or len(offsets) != 1 or len(lengths) != 1 or tags.get(262) not in (0, 1):
        return None
    data = content[offsets[0] : offsets[0] + lengths[0]]
    if tags.get(266, 1) == 2:  # bits from the low end of each byte
        data = data.translate(REVERSED_BITS)
    parameters = Dictionary(K=-1, Columns=image.width, Rows=image.height, BlackIs1=tags[262] == 1)
    return _stream(pdf, data, image.size, Name.DeviceGray, 1, Filter=Name.CCITTFaxDecode, DecodeParms=parameters)


def _lossless(pdf: pikepdf.Pdf, image: Pillow.Image) -> pikepdf.Stream:
    """Decoded pixels: fax for two colours, the rows of a PNG otherwise, transparency as a soft mask."""
    if image.mode == "1" and (stream := _packed_fax(pdf, image)) is not None:
        return stream
    if image.mode == "CMYK":  # there is no such PNG; the PDF's writer compresses the samples
        colors = _colors(pdf, 4, image.info.get("icc_profile"))
        return _stream(pdf, image.tobytes(), image.size, colors, 8)
    profile = image.info.get("icc_profile")
    image, alpha = _split_alpha(image)
    if image.mode in ("I", "F"):
        raise OutputError(f"pixels of type {image.mode} have no place in a PDF")
    if image.mode not in PNG_MAY_HOLD:
        image = image.convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG", icc_profile=profile)
    stream = _png(pdf, out.getvalue())
    assert stream is not None, "neither interlaced nor transparent"
    if alpha is not None:
        stream["/SMask"] = pdf.make_indirect(_lossless(pdf, alpha))
    return stream


def _packed_fax(pdf: pikepdf.Pdf, image: Pillow.Image) -> pikepdf.Stream | None:
    """An image of two colours, compressed as group 4 fax."""
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4", strip_size=1 << 30)
    with Pillow.open(out) as packed:
        return _fax(pdf, packed, out.getvalue())


def _split_alpha(image: Pillow.Image) -> tuple[Pillow.Image, Pillow.Image | None]:
    """The colours alone and the transparency, None where all is opaque."""
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return image, None
    if image.mode != "LA":
        image = image.convert("RGBA")
    alpha = image.getchannel("A")
    colors = image.convert("L" if image.mode == "LA" else "RGB")
    return colors, None if alpha.getextrema() == (255, 255) else alpha
