"""Geometry and contents of a PDF page: what part of it a viewer shows, and how something is put over it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inkline.formats.pdf_font import Codes
from inkline.formats.pdf_text_layer import Affine, content
from inkline.types import Line

if TYPE_CHECKING:
    import pikepdf

Box = tuple[float, float, float, float]

LETTER: Box = (0.0, 0.0, 612.0, 792.0)  # what PDFium takes for a page that does not state its size


def box_of(page: "pikepdf.Page") -> Box:
    """The part of the page that is shown, (x_min, y_min, x_max, y_max) in user space: its crop box within its media box."""
    media = _rectangle(page, "/MediaBox") or LETTER
    crop = _rectangle(page, "/CropBox") or media
    shown = max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3])
    return shown if shown[0] < shown[2] and shown[1] < shown[3] else media


def user_affine(box: Box, rotation: int, size: tuple[int, int]) -> Affine:
    """Source pixels of the page as a viewer shows it, (width, height) = `size`, to its user space: (2, 3) float64.

    rotation: the page's /Rotate, by which viewers turn it clockwise.
    """
    x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) / max(size[0], 1), (y1 - y0) / max(size[1], 1)
    across, down = (y1 - y0) / max(size[0], 1), (x1 - x0) / max(size[1], 1)
    rows = {
        0: ((dx, 0, x0), (0, -dy, y1)),
        90: ((0, down, x0), (across, 0, y0)),
        180: ((-dx, 0, x1), (0, dy, y0)),
        270: ((0, -down, x1), (-across, 0, y1)),
    }[rotation % 360 // 90 * 90]
    return np.array(rows, np.float64)


def inverse(affine: Affine) -> Affine:
    """The way back."""
    turn = np.linalg.inv(affine[:, :2])
    return np.column_stack([turn, -turn @ affine[:, 2]])


class TextOverlay:
    """Puts unseen text over pages of one PDF, all in one font; `finish` it before the PDF is saved."""

    def __init__(self, pdf: "pikepdf.Pdf", name: str) -> None:
        """`name`: what the font is called in the pages' resources; it must be free there."""
        self._pdf, self._name, self._codes = pdf, name, Codes()
        # Made when there is text to put down: a PDF that gets none is to hold no unfinished font.
        self._font: pikepdf.Object | None = None
        self._opening: pikepdf.Stream | None = None

    def add(self, page: "pikepdf.Page", lines: Sequence[Line], to_user: Affine) -> None:
        """Put lines over the page's own operators, in its plain user space; `to_user` takes source pixels there."""
        from pikepdf import Dictionary, Name

        data = content(lines, to_user, self._name, self._codes)
        if not data:
            return
        if self._font is None or self._opening is None:
            self._font = self._pdf.make_indirect(Dictionary(Type=Name.Font))
            self._opening = self._pdf.make_stream(b"q\n")
        page.add_resource(self._font, Name.Font, Name(f"/{self._name}"))
        opened, closed = _balance(page)
        for _ in range(1 + closed):
            page.contents_add(self._opening, prepend=True)
        page.contents_add(b"\n" + b"Q " * (1 + opened) + data)

    def finish(self) -> None:
        """Make the font of all characters that were used."""
        if self._font is not None:
            self._codes.fill(self._pdf, self._font)


def _balance(page: "pikepdf.Page") -> tuple[int, int]:
    """How many `q` the page's contents leave open, and how many `Q` they have too many."""
    from pikepdf import PdfError, parse_content_stream

    depth = lowest = 0
    try:
        for instruction in parse_content_stream(page, "q Q"):
            depth += 1 if str(instruction.operator) == "q" else -1
            lowest = min(lowest, depth)
    except PdfError:  # a damaged stream: what can be said is that it begins in plain user space
        return 0, 0
    return depth - lowest, -lowest


def _rectangle(page: "pikepdf.Page", name: str) -> Box | None:
    """A box of the page or of the node it inherits from, its corners in order; None where there is none that makes sense."""
    node: Any = page.obj
    depth = 0
    while node is not None and depth < 64:
        value = node.get(name)
        if value is not None:
            try:
                a, b, c, d = (float(v) for v in value)
            except (TypeError, ValueError):
                return None
            box = min(a, c), min(b, d), max(a, c), max(b, d)
            return box if box[0] < box[2] and box[1] < box[3] else None
        node, depth = node.get("/Parent"), depth + 1
    return None
