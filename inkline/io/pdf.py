"""PDF pages to BGR uint8, and their own text, through PDFium, one call at a time."""

import contextlib
import ctypes
import io
import math
import mmap
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkline.errors import PasswordError, SourceError
from inkline.options import ReadOptions
from inkline.types import DAMAGED, Image

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfMatrix, PdfObject, PdfPage

# PDFium may not be called from two threads at once, not even for two documents. Reentrant, because a generator that is
# collected as garbage closes its document on whatever thread the collector runs, perhaps one that holds the lock.
PDFIUM_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):  # a fork waits for the call that runs: a child would wait for ever for its end
    os.register_at_fork(before=PDFIUM_LOCK.acquire, after_in_parent=PDFIUM_LOCK.release, after_in_child=PDFIUM_LOCK.release)

# At which resolution a page is drawn where none is given; see `_resolution`.
PLAIN_DPI, MAX_TYPE_DPI = 200.0, 600.0
MIN_TYPE_PX = 16.0
SCAN_SHARE = 0.85  # of a page, that images cover where it is a scan
SEAL_SHARE = 0.01  # of a page, that images cover together before they count above PLAIN_DPI
MAX_CHARS_MEASURED, MIN_CHARS_MEASURED, SMALLEST_PERCENTILE = 5000, 8, 5
INVISIBLE = 3  # text rendering mode of PDF 32000-1, table 106

BYTES_PER_PIXEL = 11  # the drawing, a group of it that is transparent, and the copy
TAIL_BYTES = 2048  # of a PDF, which say where its table of objects begins
HEAD_BYTES = 1024  # before which the PDF itself begins
REBUILT = f"{DAMAGED} (the PDF's table of objects is missing or broken, as where its end was cut off); parts may be missing"

MAX_SIDE_PX = 65_500  # PDFium and the picture formats end near 2**16


class PdfReader:
    """An open PDF. Any thread may use it; `close` it when done. count: how many pages it has."""

    numbered = True

    def __init__(self, content: Path | bytes, options: ReadOptions) -> None:
        """Errors: SourceError for a damaged file, one without pages, or a missing or wrong password."""
        from pypdfium2 import PdfDocument, PdfiumError

        self._options = options
        self._remarks: tuple[str, ...] = (REBUILT,) if is_rebuilt(content) else ()
        if isinstance(content, Path):
            content = content.absolute()
            try:
                str(content).encode()
            except UnicodeEncodeError:  # PDFium takes names as UTF-8 only
                content = content.read_bytes()
        with PDFIUM_LOCK:
            try:
                self._pdf = PdfDocument(content, password=options.pdf_password or None)
            except PdfiumError as error:
                raise _opening_error(str(error), content, options.pdf_password) from error
            with contextlib.suppress(PdfiumError):  # a broken form only costs its fields
                _init_forms(self._pdf)
            self.count = len(self._pdf)
            if self.count < 1:
                self._pdf.close()
                raise SourceError("the PDF is damaged: it holds no pages; repair it, for instance with qpdf")

    def close(self) -> None:
        """Give the file and PDFium's memory back."""
        with PDFIUM_LOCK:
            self._pdf.close()

    def page(self, index: int) -> tuple[Image, tuple[str, ...]]:
        """One page, drawn with its form fields and annotations on white, and warnings; SourceError when it is damaged.

        Pixels are points * dpi / 72 rounded up. The resolution is `pdf_dpi` (PaddleX draws at 144), or where that is 0 what
        `_resolution` says; a page of more than max_image_pixels is drawn at the highest resolution that fits.
        """
        with PDFIUM_LOCK, _damage_as_source_error(), contextlib.closing(self._pdf[index]) as page:
            scale, warning = self._scale(page.get_size(), self._options.pdf_dpi or _resolution(page))
            bitmap = page.render(scale=scale)
            image = np.ascontiguousarray(bitmap.to_numpy())
            bitmap.close()  # the pixels belong to the array
        remarks, self._remarks = self._remarks, ()  # told once, with the first page that is read
        return image, (*remarks, *warning)

    def characters(self, index: int) -> tuple[str, NDArray[np.float64]]:
        """The characters of a page's own text but spaces, and their centres (N, 2) in user space (points, y up)."""
        import pypdfium2.raw as pdfium

        chars, points = [], []
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        with (
            PDFIUM_LOCK,
            _damage_as_source_error(),
            contextlib.closing(self._pdf[index]) as page,
            contextlib.closing(page.get_textpage()) as text_page,
        ):
            for i in range(text_page.count_chars()):
                char = chr(pdfium.FPDFText_GetUnicode(text_page, i))
                if char.isspace() or pdfium.FPDFText_IsGenerated(text_page, i) == 1:
                    continue
                if pdfium.FPDFText_GetCharBox(text_page, i, left, right, bottom, top):
                    chars.append(char)
                    points.append(((left.value + right.value) / 2, (bottom.value + top.value) / 2))
        return "".join(chars), np.array(points, np.float64).reshape(-1, 2)

    def _scale(self, size: tuple[float, float], dpi: float) -> tuple[float, tuple[str, ...]]:
        """Pixels per point for a page of width and height in points, and a warning when that is fewer than `dpi` asks for."""
        width, height = size
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise ValueError(f"a page of {width:g} x {height:g} points")
        asked = dpi / 72
        # Sides are rounded up to whole pixels, so the scale s must keep (s w + 1)(s h + 1) <= limit.
        limit = min(self._options.max_image_pixels, self._options.max_decode_bytes // BYTES_PER_PIXEL)
        half = (width + height) / 2
        largest = (math.sqrt(half**2 + width * height * max(limit - 1, 0)) - half) / (width * height)
        scale = min(largest, MAX_SIDE_PX / max(width, height))
        if scale >= asked:
            return asked, ()
        inches = f"{width / 72:.0f} x {height / 72:.0f} inches"
        return scale, (f"a page of {inches}: drawn at {scale * 72:.0f} dpi, not {dpi:.0f}; small type may be lost",)


def is_rebuilt(content: Path | bytes) -> bool:
    """Whether PDFium finds the objects of a PDF by searching it, as the table that says where they are is not to be found."""
    with open(content, "rb") if isinstance(content, Path) else io.BytesIO(content) as file:
        begin = max(file.read(HEAD_BYTES).find(b"%PDF-"), 0)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - TAIL_BYTES, 0))
        places = re.findall(rb"startxref\s+(\d{1,19})", file.read())
        if not places:
            return True
        for start in {int(places[-1]), int(places[-1]) + begin}:  # counted from the file's beginning or the PDF's
            file.seek(min(start, size))
            if re.match(rb"\s*(xref\b|\d+\s+\d+\s+obj)", file.read(64)):
                return False
    return True


def _resolution(page: "PdfPage") -> float:
    """The pixels per inch that a page asks for.

    A page that images cover (a scan; text over it that is not painted does not count) is drawn at the pixels of its finest
    image, neither more nor fewer. Any other at 200 dpi, or so that the smallest type is 16 px high, up to 600 dpi, and no
    coarser than a scan under what is painted.
    """
    import pypdfium2.raw as pdfium

    # What is on the page: images with their share of it, and whether anything else is painted.
    width, height = page.get_size()
    painted, images = False, []
    for item, matrix in _objects(page):
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            a, b, c, d, _, _ = matrix.get()
            sides = math.hypot(a, b), math.hypot(c, d)  # in points
            fineness = max(72 * pixels / max(side, 1) for pixels, side in zip(item.get_px_size(), sides, strict=True))
            images.append((fineness, sides[0] * sides[1] / (width * height)))
        elif item.type != pdfium.FPDF_PAGEOBJ_TEXT or pdfium.FPDFTextObj_GetTextRenderMode(item) != INVISIBLE:
            painted = True

    # The finest that cover something; of a dot or a seal, however fine, the page is not made a poster.
    scan = covered = 0.0
    for fineness, share in sorted(images, reverse=True):
        covered += share
        scan = max(scan, fineness if covered >= SEAL_SHARE else min(fineness, PLAIN_DPI))
    scan = scan if covered >= SCAN_SHARE else 0.0
    return scan if scan and not painted else max(scan, PLAIN_DPI, _type_resolution(page))


def _init_forms(pdf: "PdfDocument") -> None:
    """Have the fields of a form drawn, also where no /AcroForm names them, as in pages that were taken from another file."""
    import pypdfium2.raw as pdfium

    if pdf.get_formtype() == pdfium.FORMTYPE_NONE:
        pdf.get_formtype = lambda: pdfium.FORMTYPE_ACRO_FORM  # pypdfium2 starts no forms otherwise, PDFium does
    pdf.init_forms()


def _objects(page: "PdfPage", form: "PdfObject | None" = None) -> Iterator[tuple["PdfObject", "PdfMatrix"]]:
    """What is on a page, also inside its form XObjects, with the matrix from there to the page."""
    import pypdfium2.raw as pdfium

    for item in page.get_objects(max_depth=1, form=form):
        matrix = item.get_matrix()
        if item.type == pdfium.FPDF_PAGEOBJ_FORM:
            yield from ((inner, placed.multiply(matrix)) for inner, placed in _objects(page, item))
        else:
            yield item, matrix


def _type_resolution(page: "PdfPage") -> float:
    """The pixels per inch at which the smallest type of more than a few letters is MIN_TYPE_PX high, at most MAX_TYPE_DPI."""
    import pypdfium2.raw as pdfium

    box = pdfium.FS_RECTF()
    with contextlib.closing(page.get_textpage()) as text:
        heights = [
            box.top - box.bottom
            for i in range(min(text.count_chars(), MAX_CHARS_MEASURED))
            if pdfium.FPDFText_GetLooseCharBox(text, i, box) and box.top > box.bottom
        ]
    if len(heights) < MIN_CHARS_MEASURED:
        return 0.0
    return min(72 * MIN_TYPE_PX / float(np.percentile(heights, SMALLEST_PERCENTILE)), MAX_TYPE_DPI)


@contextlib.contextmanager
def _damage_as_source_error() -> Iterator[None]:
    from pypdfium2 import PdfiumError

    try:
        yield
    except (PdfiumError, ValueError) as error:
        raise SourceError(f"damaged ({error})") from error


def _opening_error(reason: str, content: Path | bytes, password: str) -> SourceError:
    """The error for a file that PDFium would not open, from PDFium's reason.

    PDFium's reason may be that of an earlier file when it has none for this one (no pages), so the file is asked too.
    """
    if "security" in reason and _is_encrypted(content):
        return SourceError("this PDF is encrypted in a way that PDFium does not know; save it again without encryption")
    if "password" in reason and _is_encrypted(content):
        wrong = "pdf_password is wrong for this PDF" if password else "this PDF needs a password"
        return PasswordError(f"{wrong}; give it with --pdf_password (in Python pdf_password=...)")
    return SourceError("the PDF is damaged or has no pages; repair it, for instance with qpdf")


def _is_encrypted(content: Path | bytes) -> bool:
    """Whether a PDF's trailer mentions encryption."""
    if isinstance(content, bytes):
        return b"/Encrypt" in content
    with open(content, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(b"/Encrypt") >= 0
