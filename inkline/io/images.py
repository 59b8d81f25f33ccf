"""Image files to BGR uint8, by content and never by name, on Pillow.

OpenCV's decoder gives the same pixels for plain JPEG and PNG and is only a little faster; Pillow alone knows all the kinds
below, looks at the header before it allocates, and can be asked what it read. The plug-in is chosen here and not by
`Image.open`, whose pixel limit is one number for the whole process.
"""

import contextlib
import importlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.errors import SourceError, TooLargeError
from inkline.io.pixels import background, check_bytes, check_size, flatten, grey_to_bgr, to_uint8, value_range
from inkline.io.tiff_errors import tiff_errors
from inkline.options import ReadOptions
from inkline.types import DAMAGED, Image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageFile import ImageFile

HEAD_BYTES = 1024  # of a file, that tell what it is
STRIP_PIXELS = 1 << 22  # pixels converted at a time, so that a large page is not in memory three times
DECODER_COPIES = {"WEBP": 2, "AVIF": 2}  # kinds whose decoders hold every pixel twice: this many times fewer are allowed
BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # in Pillow; others have 4
MAX_TIFF_PAGES = 10_000  # a chain of millions of empty pages fits into a small file
MAX_REASON_LENGTH = 120
WARNINGS_LOCK = threading.Lock()
if hasattr(os, "register_at_fork"):  # see `inkline.io.pdf`
    os.register_at_fork(
        before=WARNINGS_LOCK.acquire, after_in_parent=WARNINGS_LOCK.release, after_in_child=WARNINGS_LOCK.release
    )

# (offset, first bytes, Pillow plug-in). An MPO, a phone's picture with a second view, counts as a JPEG.
IMAGE_KINDS = (
    (0, b"\xff\xd8\xff", "Jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "Png"),
    *((0, magic, "Tiff") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (0, b"GIF8", "Gif"),
    (0, b"BM", "Bmp"),
    (8, b"WEBP", "WebP"),
    (4, b"ftypavi", "Avif"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "Jpeg2K"),
    (0, b"\xff\x4f\xff\x51", "Jpeg2K"),
    (0, b"\x59\xa6\x6a\x95", "Sun"),
    (0, b"\0\0\1\0", "Ico"),
    *((0, b"P%d" % i, "Ppm") for i in range(1, 7)),
)

# Kinds that people try and that cannot be read: what they are and what to do.
UNREADABLE_KINDS = (
    (4, b"ftypheic", "a HEIC picture; convert it to JPEG"),
    (4, b"ftypmif1", "a HEIF picture; convert it to JPEG"),
    (0, b"PK\x03\x04", "a ZIP archive or Office document; unpack it or print it to PDF"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it"),
    (0, b"{\\rtf", "an RTF document; print it to PDF"),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document; print it to PDF"),
    (0, b"<svg", "an SVG drawing; draw it to PNG"),
    (0, b"<!DOCTYPE", "a web page; save it as PDF or as a picture"),
    (0, b"<html", "a web page; save it as PDF or as a picture"),
)

# What a viewer does for each EXIF orientation: mirror the image, then rotate it.
EXIF_MIRRORED = (2, 4, 5, 7)
EXIF_ROTATIONS = {
    **dict.fromkeys((3, 4), cv2.ROTATE_180),
    **dict.fromkeys((6, 7), cv2.ROTATE_90_CLOCKWISE),
    **dict.fromkeys((5, 8), cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def content_kind(head: bytes) -> str | None:
    """`"pdf"`, the name of a Pillow plug-in, or None for content that cannot be read."""
    for offset, magic, plugin in IMAGE_KINDS:
        if head.startswith(magic, offset):
            return plugin
    return "pdf" if b"%PDF-" in head[:HEAD_BYTES] else None  # junk before the header is common and allowed


def why_unreadable(head: bytes) -> str:
    """The reason why content of no known kind cannot be read, for an error message."""
    if not head:
        return "the file is empty (0 bytes)"
    for offset, magic, what in UNREADABLE_KINDS:
        if head.startswith(magic, offset):
            return f"this is {what}"
    return f"neither an image nor a PDF (it starts with {head[:12]!r})"


class ImageReader:
    """An open image file: its pages, each decoded when asked for. Not for several threads at once.

    count: how many pages it has; more than one only for TIFF. numbered: whether results give a page's index.
    """

    def __init__(self, file: BinaryIO, kind: str, options: ReadOptions) -> None:
        """Read the header only. kind: the Pillow plug-in, as of `content_kind`. Errors: SourceError, when it is damaged."""
        opener = getattr(importlib.import_module(f"PIL.{kind}ImagePlugin"), f"{kind}ImageFile")
        self._file, self._options = file, options
        file.seek(0)
        try:
            with _quiet():
                self._image: ImageFile = opener(file)
        except Exception as error:  # what Pillow raises on hostile bytes is not a closed list
            raise SourceError(f"the image's header is damaged ({_reason(error)}); save it again from its source") from error
        self._frames = self._tiff_pages() if kind == "Tiff" else [0]
        self.count = len(self._frames)
        self.numbered = self.count > 1

    def close(self) -> None:
        """Give the file and the decoder's memory back."""
        self._image.close()
        self._file.close()

    def _tiff_pages(self) -> list[int]:
        """Which images of a TIFF are pages; reduced copies of them (tag 254, bit 0) are not."""
        pages, frame = [0], 1
        while True:
            try:
                with _quiet():
                    self._image.seek(frame)
            except EOFError:
                return pages
            except Exception:  # the way to the following pages is lost; reading this one says why
                return [*pages, frame]
            tags: Any = self._image.tag_v2  # type: ignore[attr-defined]
            if not tags.get(254, 0) & 1:
                pages.append(frame)
            frame += 1
            if frame > MAX_TIFF_PAGES:
                raise TooLargeError(f"the TIFF has more than {MAX_TIFF_PAGES} pages; split it")

    def header(self, index: int) -> "ImageFile":
        """One page as Pillow opens it, not yet decoded; SourceError when it is damaged, TooLargeError as for `page`."""
        image = self._image
        try:
            with _quiet():
                image.seek(self._frames[index])
        except Exception as error:
            raise SourceError(f"damaged ({_reason(error)})") from error
        copies = DECODER_COPIES.get(str(image.format), 1)
        check_size(*image.size, self._options.max_image_pixels // copies)
        check_bytes(*image.size, BYTES_PER_PIXEL.get(image.mode, 4) * copies + 3, self._options.max_decode_bytes)
        return image

    def page(self, index: int) -> tuple[Image, tuple[str, ...]]:
        """One page as BGR uint8, turned as its EXIF says, and what a careful user should know about it.

        Errors: SourceError when nothing of it can be decoded; TooLargeError for too many pixels.
        """
        image, remarks = self.header(index), []
        # Decode as much as there is.
        broken = None
        is_tiff = image.format == "TIFF"
        watched: contextlib.AbstractContextManager[list[str]] = tiff_errors() if is_tiff else contextlib.nullcontext([])
        with watched as errors:
            try:
                _load(image)
            except Exception as error:
                broken = _reason(error)
                image.tile = []  # keeps what was decoded until then; without this, load() would start again
        if errors:
            broken = errors[0][:MAX_REASON_LENGTH]
        try:
            bgr = pillow_to_bgr(image)
        except (OSError, ValueError) as error:
            raise SourceError(f"the image is damaged ({broken or _reason(error)})") from error
        if broken is not None:
            remarks.append(_whiten_missing(bgr, broken))
        if image.format != "TIFF" and _is_animated(image):
            remarks.append("animated; only the first frame is read")
        orientation = exif_orientation(image)
        if not self.numbered:
            image.close()  # the decoder's copy of a large page is larger than ours
        return upright(bgr, orientation), tuple(remarks)


def _load(image: "ImageFile") -> None:
    """Decode. Pillow warns of large TIFFs whatever the limit is; ours has been checked by now."""
    from PIL.Image import MAX_IMAGE_PIXELS

    large = MAX_IMAGE_PIXELS is not None and image.width * image.height > MAX_IMAGE_PIXELS
    with _quiet() if large and image.format == "TIFF" else contextlib.nullcontext():
        image.load()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's warnings on damaged metadata, which does not matter here.

    Warning filters belong to the whole process, hence the lock; only short work is done under it.
    """
    with WARNINGS_LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def page_of_pillow(image: "PillowImage", max_pixels: int) -> tuple[Image, tuple[str, ...]]:
    """A user's Pillow image as BGR uint8, turned as its EXIF says, and warnings; SourceError when it is damaged."""
    check_size(image.width, image.height, max_pixels)
    orientation = exif_orientation(image)
    try:
        bgr = upright(pillow_to_bgr(image), orientation)
    except (OSError, ValueError, SyntaxError) as error:
        raise SourceError(f"this Pillow image cannot be decoded ({error})") from error
    turned = f"turned by its EXIF orientation {orientation}; coordinates are those of the turned image"
    return bgr, (turned,) if orientation != 1 else ()


def pillow_to_bgr(image: "PillowImage") -> Image:
    """A decoded Pillow image of any mode as BGR uint8; EXIF is not looked at. Errors: ValueError from Pillow."""
    width, height = image.size
    out = np.empty((height, width, 3), np.uint8)
    if image.mode.startswith("I") or image.mode == "F":
        span = value_range(strip for _, strip in _strips(image, image.mode))
        for top, strip in _strips(image, image.mode):
            out[top : top + len(strip)] = grey_to_bgr(to_uint8(strip, span))
    elif _shines_through(image):
        grey = background(strip for _, strip in _strips(image, "RGBA"))
        for top, strip in _strips(image, "RGBA"):
            out[top : top + len(strip)] = flatten(strip, grey)[:, :, ::-1]
    elif image.mode in ("1", "L", "LAB"):  # the lightness of LAB is all that reading needs, and Pillow has no more
        source = image.getchannel("L") if image.mode == "LAB" else image
        for top, strip in _strips(source, "L"):
            out[top : top + len(strip)] = grey_to_bgr(strip)
    else:
        for top, strip in _strips(image, "RGB"):
            out[top : top + len(strip)] = cv2.cvtColor(strip, cv2.COLOR_RGB2BGR)
    return out


def _shines_through(image: "PillowImage") -> bool:
    """Whether an image is transparent somewhere; the alpha channel of a screenshot is opaque all over."""
    if image.mode != "RGBA":
        return image.has_transparency_data
    return any(band.getchannel("A").getextrema() != (255, 255) for _, band in _bands(image))


def _strips(image: "PillowImage", mode: str) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, array) over bands of the image, each converted to `mode`."""
    for top, band in _bands(image):
        yield top, np.asarray(band if band.mode == mode else band.convert(mode))


def _bands(image: "PillowImage") -> Iterator[tuple[int, "PillowImage"]]:
    """(first row, band) over the image from its top."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, image if rows >= height else image.crop((0, top, width, min(height, top + rows)))


def _is_animated(image: "PillowImage") -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow looks for the second frame now, which may be damaged
        return False


def exif_orientation(image: "PillowImage") -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        with _quiet():
            value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF must not cost the page
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: Image, orientation: int) -> Image:
    """The image as a viewer shows it, given its EXIF orientation (1 to 8)."""
    if orientation in EXIF_MIRRORED:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    if orientation in EXIF_ROTATIONS:
        image = np.asarray(cv2.rotate(image, EXIF_ROTATIONS[orientation]), np.uint8)
    return image


def _whiten_missing(image: Image, reason: str) -> str:
    """Fill the rows below those that were decoded with white, in place, and say so; SourceError when none was."""
    missing = image == image[-1, -1]
    rows = np.flatnonzero(~missing.all(axis=(1, 2)))
    if rows.size == 0:
        raise SourceError(f"the image is damaged and nothing of it can be decoded ({reason})")
    image[rows[-1] + 1 :] = 255
    share = 100 * (len(image) - rows[-1] - 1) / len(image)
    damage = f"{DAMAGED} ({reason})"
    return f"{damage}; the lower {share:.0f} % is missing" if share >= 1 else damage


def _reason(error: Exception) -> str:
    """An exception's text in one short line."""
    return " ".join(str(error).split())[:MAX_REASON_LENGTH] or type(error).__name__
