"""The invisible text layer of a PDF page: every word stretched to its box, at any angle, in reading order.

A glyph reaches from the base line to the font size, so a word's box is exactly what readers report.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import pikepdf
from pikepdf import Dictionary, Name, PdfError, parse_content_stream

from inkline.formats.line_geometry import line_height, text_width
from inkline.formats.pdf_font import PLAIN_REACH, UNITS_PER_EM, GlyphCodes, Reach
from inkline.formats.pdf_levels import line_levels
from inkline.formats.pdf_word_spans import Affine, WordSpan, is_turned, spans_of
from inkline.types import Line

Number = TypeVar("Number", int, float)
PdfBox = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max in user space

LETTER_BOX: PdfBox = (0.0, 0.0, 612.0, 792.0)  # what PDFium assumes for a page that does not state its size
UNIT_POINTS = 0.1  # coordinates are written as whole numbers of these; lengths below that end in _UNITS count them
TOLERANCE_UNITS = 5.0  # by which a size, a base line or a width may be off: one pixel at 150 dpi
MIN_SPACE_PER_SIZE = 0.16  # poppler joins words closer than about 0.1 of the font size, also across a space
MAX_CUT_UNITS = 9.0  # off a word's end, to make room for its space
REACH_STEP, MAX_REACH = 100, 2900  # of a font; poppler takes none from 3000 on
# PDFium goes on in the same line where the next one's first box reaches as high as this one's last. Not so after a character
# that is very low, and at least as wide in its own font as the next: such a space ends a line that has a level.
BREAK_SIZES, BREAK_REACH = 4, (20, 0)
MAX_REMEMBERED_VALUES = 12  # font sizes and stretches that may be used again


def shown_box(page: pikepdf.Page) -> PdfBox:
    """The part of the page that is shown, (x_min, y_min, x_max, y_max) in user space: its crop box within its media box."""
    media = _ordered_box(page.mediabox) or LETTER_BOX
    crop = _ordered_box(page.cropbox) or media
    shown = max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3])
    return shown if shown[0] < shown[2] and shown[1] < shown[3] else media


def _ordered_box(corners: Any) -> PdfBox | None:
    """A box with its corners in order; None where it is missing, damaged or empty."""
    try:
        a, b, c, d = (float(value) for value in corners)
    except (TypeError, ValueError):
        return None
    box = min(a, c), min(b, d), max(a, c), max(b, d)
    return box if box[0] < box[2] and box[1] < box[3] else None


def user_affine(box: PdfBox, rotation: int, size: tuple[int, int]) -> Affine:
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


class TextOverlay:
    """Adds invisible text to pages of one PDF; call `finish` before the PDF is saved."""

    def __init__(self, pdf: pikepdf.Pdf, name: str, one_font: bool = False) -> None:
        """`name`: what fonts are called in the pages' resources; no other name there may begin so.

        one_font: use that name alone, so that the words of lines askew have base lines of their own.
        """
        self._pdf, self._name, self._one_font, self._codes = pdf, name, one_font, GlyphCodes()
        # Made with the first text: a PDF that gets none must not hold an unfinished font.
        self._fonts: dict[Reach, pikepdf.Object] = {}
        self._opening: pikepdf.Stream | None = None

    def add(self, page: pikepdf.Page, lines: Sequence[Line], to_user: Affine) -> None:
        """Add lines after the page's own operators, in its plain user space; `to_user` takes source pixels there."""
        if not any(line.text.strip() for line in lines):
            return
        writer = _TextWriter(self._name, self._codes)
        to_units = to_user / UNIT_POINTS
        levels = [None] * len(lines) if self._one_font else line_levels(lines, to_units)
        for line, level in zip(lines, levels, strict=True):
            writer.add_line(line, to_units, level)
        operators = writer.operators()
        for reach in writer.reaches:
            if reach not in self._fonts:
                self._fonts[reach] = self._pdf.make_indirect(Dictionary(Type=Name.Font))
            page.add_resource(self._fonts[reach], Name.Font, Name(f"/{font_name(self._name, reach)}"))
        if self._opening is None:
            self._opening = self._pdf.make_stream(b"q\n")
        # Undo whatever state the page's own operators leave behind, also where their `q` and `Q` do not match.
        opened, closed = _unmatched_states(page)
        for _ in range(1 + closed):
            page.contents_add(self._opening, prepend=True)
        page.contents_add(b"\n" + b"Q " * (1 + opened) + b"q " + operators + b"\nET Q\n")

    def finish(self) -> None:
        """Make the fonts of all characters that were used."""
        if self._fonts:
            self._codes.fill_fonts(self._pdf, self._fonts)


def font_name(name: str, reach: Reach) -> str:
    """What the font of this reach is called in the pages' resources."""
    return name if reach == PLAIN_REACH else f"{name}-{reach[0]}-{reach[1]}"


def _unmatched_states(page: pikepdf.Page) -> tuple[int, int]:
    """How many `q` the page's contents leave open, and how many `Q` they have too many."""
    depth = lowest = 0
    try:
        for instruction in parse_content_stream(page, "q Q"):
            depth += 1 if str(instruction.operator) == "q" else -1
            lowest = min(lowest, depth)
    except PdfError:  # a damaged stream: what can be said is that it begins in plain user space
        return 0, 0
    return depth - lowest, -lowest


class _TextWriter:
    """Writes the operators of invisible text; all lengths in units.

    What the text state already holds is not repeated, and earlier values are used again where they put a word into its
    box within the tolerance: so that pages with thousands of boxes compress to a few kilobytes.
    """

    def __init__(self, font: str, codes: GlyphCodes) -> None:
        self._font, self._codes = font, codes
        unit = _short(UNIT_POINTS)
        self._out: list[bytes] = [f"{unit} 0 0 {unit} 0 0 cm BT 3 Tr".encode()]
        self._shown: list[bytes] = []  # what the next show operator (TJ) will hold
        self._along: tuple[float, float] = (0.0, 0.0)
        self._line_start = (0.0, 0.0)  # in user space
        self._end = 0.0  # how far the line reaches along its base line
        # The text state; 0 stands for not set yet.
        self._size, self._rise, self._stretch, self._reach = 0, 0, 0.0, PLAIN_REACH
        self.reaches: set[Reach] = set()  # of the fonts that were used
        self._sizes: list[int] = []
        self._stretches: list[float] = []

    def operators(self) -> bytes:
        self._flush()
        return b"\n".join(self._out)

    def add_line(self, line: Line, to_units: Affine, level: float | None = None) -> None:
        """The words of one line, all on one base line where that has a level; nothing for a line without text."""
        if not line.text.strip():
            return
        spans, along, origin = spans_of(line, to_units, level)
        turned = is_turned(along)
        first = spans[0]
        bottom = first.bottom if level is None else 0.0
        self._begin_line((first.start, bottom), along, origin)
        rises, first_size = [0], 0
        common_size = 0 if level is None else max(1, round(line_height(line) * float(np.hypot(*to_units[:, 0]))))
        for span, after in zip(spans, [*spans[1:], None], strict=True):
            if turned:
                self._flush()
            # Size and rise, or reach, give the lower and upper edge, the stretch and the step give the left and right edge.
            size, rise, reach = self._upright(span, span.bottom - bottom, rises, common_size)
            first_size = first_size or size
            stretch = self._stretch_for(span, size, _room(span, after, max(size, first_size)))
            self._set_state(size, rise, stretch, reach)
            self._step_to(span.start - first.start)
            if turned:
                # Word by word, each with its text stated: poppler cannot join the letters of a slanted line.
                self._show_with_text(span)
            else:
                self._shown.append(_literal(self._codes.encode(span.clusters)))
            self._end += span.ems * size * stretch
            if span.space_after:
                self._show_space()
        # A space also after the last: PDFium takes single characters below each other for a word of vertical writing.
        if common_size:
            self._set_state(common_size * BREAK_SIZES, 0, round(self._stretch / BREAK_SIZES, 4), BREAK_REACH)
        if common_size or not spans[-1].space_after:
            self._show_space()

    def _show_space(self) -> None:
        self._shown.append(_literal(self._codes.encode([" "])))
        self._end += text_width(" ") * self._size * self._stretch / 1000

    def _begin_line(self, at: tuple[float, float], along: tuple[float, float], origin: tuple[float, float]) -> None:
        """Move to where the line's first word begins, a place in the line's frame."""
        self._flush()
        cos, sin = along
        x, y = origin[0] + cos * at[0] - sin * at[1], origin[1] + sin * at[0] + cos * at[1]
        if along == self._along:  # a relative move is shorter
            start_x, start_y = self._line_start
            dx, dy = x - start_x, y - start_y
            step = (round(cos * dx + sin * dy), round(cos * dy - sin * dx))
            self._out.append(b"%d %d Td" % step)
            self._line_start = start_x + cos * step[0] - sin * step[1], start_y + sin * step[0] + cos * step[1]
        else:
            self._along = along
            self._line_start = (round(x), round(y))
            matrix = f"{_short(cos)} {_short(sin)} {_short(-sin)} {_short(cos)}"
            self._out.append(f"{matrix} {round(x)} {round(y)} Tm".encode())
        self._end = 0.0

    def _upright(self, span: WordSpan, bottom: float, rises: list[int], common_size: int) -> tuple[int, int, Reach]:
        """The font size, rise and reach that give the word's lower and upper edge; `common_size`: of a line with a level."""
        if common_size:
            return common_size, 0, _reach(span, common_size)
        return *self._size_and_rise(span, bottom, rises), PLAIN_REACH

    def _size_and_rise(self, span: WordSpan, bottom: float, rises: list[int]) -> tuple[int, int]:
        """The font size and rise that give the word's lower and upper edge; `rises` are those of the line until now."""
        rise = _first_near(rises, bottom)
        if rise is None:
            rise = round(bottom)
            rises.insert(0, rise)
        height = span.top - span.bottom + bottom - rise
        size = _first_near(filter(None, (self._size, *self._sizes)), height)
        if size is None:
            size = max(1, round(height))
            self._sizes = [size, *self._sizes][:MAX_REMEMBERED_VALUES]
        return size, rise

    def _stretch_for(self, span: WordSpan, size: int, room: float) -> float:
        """The stretch that gives the word's width, or `room` where that is less."""
        width, natural_width = min(span.end - span.start, room), span.ems * size
        known = [value for value in (self._stretch, *self._stretches) if 0 < value * natural_width <= room]
        stretch = _first_near(known, width, natural_width)
        if stretch is None:
            # Two decimals where they are enough, else four.
            stretch = max(0.001, round(width / natural_width, 2) or round(width / natural_width, 4))
            if abs(stretch * natural_width - width) > TOLERANCE_UNITS or stretch * natural_width > room:
                stretch = round(width / natural_width, 4)
            self._stretches = [stretch, *self._stretches][:MAX_REMEMBERED_VALUES]
        return stretch

    def _set_state(self, size: int, rise: int, stretch: float, reach: Reach) -> None:
        """Bring the text state to these values."""
        if (size, rise, stretch, reach) == (self._size, self._rise, self._stretch, self._reach):
            return
        self._flush()
        state = []
        if stretch != self._stretch:
            state.append(f"{_short(stretch * 100)} Tz")
        if (size, reach) != (self._size, self._reach):
            state.append(f"/{font_name(self._font, reach)} {size} Tf")
            self.reaches.add(reach)
        if rise != self._rise:
            state.append(f"{rise} Ts")
        self._out.append(" ".join(state).encode())
        self._size, self._rise, self._stretch, self._reach = size, rise, stretch, reach

    def _step_to(self, start: float) -> None:
        """Go to where the next word starts, unless that is within half of the tolerance."""
        if abs(start - self._end) < TOLERANCE_UNITS / 2:
            return
        em = self._size * self._stretch / 1000
        grain = next((g for g in (50, 20, 10, 5, 2) if g * em <= TOLERANCE_UNITS), 1)  # round numbers are shorter
        step = grain * round((self._end - start) / (em * grain))
        self._shown.append(b"%d" % step)
        self._end -= step * em

    def _show_with_text(self, span: WordSpan) -> None:
        """Show a word by itself and state its text."""
        self._flush()
        self._out.append(b"/Span<</ActualText<FEFF%s>>>BDC" % span.text.encode("utf-16-be").hex().encode())
        self._shown.append(_literal(self._codes.encode(span.clusters)))
        self._flush()
        self._out.append(b"EMC")

    def _flush(self) -> None:
        """Write the show operator for what was collected."""
        if self._shown:
            self._out.append(b"[" + b"".join(self._shown).replace(b")(", b"") + b"]TJ")
            self._shown = []


def _room(span: WordSpan, after: WordSpan | None, size: int) -> float:
    """How wide a word may be set, in units, for readers to see the space after it; at least half its width.

    size: the larger font size of this word and of the line's first, by which poppler judges.
    """
    if after is None or not span.space_after:
        return math.inf
    # Both words may begin half the tolerance away from where they should.
    room = after.start - span.start - TOLERANCE_UNITS - MIN_SPACE_PER_SIZE * size
    width = span.end - span.start
    return max(room, width - MAX_CUT_UNITS, width / 2)


def _reach(span: WordSpan, size: int) -> Reach:
    """How far a font of this size must reach above and below its base line for the word's upper and lower edge."""
    above, below = (
        min(max(0, round(length * UNITS_PER_EM / (size * REACH_STEP))) * REACH_STEP, MAX_REACH)
        for length in (span.top, -span.bottom)
    )
    return (above, below) if above + below else (REACH_STEP, 0)


def _first_near(values: Iterable[Number], wanted: float, scale: float = 1.0) -> Number | None:
    """The first value that, times `scale`, is what is wanted within the tolerance."""
    return next((value for value in values if abs(value * scale - wanted) < TOLERANCE_UNITS), None)


def _literal(codes: bytes) -> bytes:
    """A literal string: shorter than hexadecimal digits, also when compressed."""
    for byte in (b"\\", b"(", b")"):
        codes = codes.replace(byte, b"\\" + byte)
    return b"(" + codes.replace(b"\r", b"\\r") + b")"


def _short(value: float) -> str:
    """A number with as few characters as possible."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
