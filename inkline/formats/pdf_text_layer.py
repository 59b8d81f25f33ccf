"""The content stream of an invisible text layer: every word stretched to its box, at any angle, in reading order.

A glyph reaches from the base line to the font size, so a word's box is exactly what readers report.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inkline.formats.pdf_font import Codes, printable
from inkline.formats.placing import direction, place_words, reading_quad, text_width, visual_clusters
from inkline.recognition.bidi import Direction, has_rtl
from inkline.types import Line

Number = TypeVar("Number", int, float)
Affine = NDArray[np.float64]  # (2, 3): source pixels to the page's user space

UNIT = 0.1  # points: what is written are whole numbers of these
TOLERANCE = 0.5  # points by which a size, a base line or a width may be off: one pixel at 150 dpi
MEMORY = 12  # how many values are kept to be used again
MAX_CLIMB = 0.4  # points
MAX_SLANT = 15.0  # degrees
MIN_SIDE = 0.1  # points; nothing smaller can be marked


@dataclass(frozen=True)
class Span:
    """A word in its line's own frame, in points: `start` to `end` along the base line, `bottom` to `top` across.

    parts: its clusters of characters from left to right.
    """

    text: str
    parts: list[str]
    start: float
    end: float
    bottom: float
    top: float
    space_after: bool

    @property
    def ems(self) -> float:
        """The natural width, in font sizes."""
        return sum(map(text_width, self.parts)) / 1000


def content(lines: Iterable[Line], to_user: Affine, font: str, codes: Codes) -> bytes:
    """Operators that put the lines' words, unseen, onto a page; empty for lines without text.

    `to_user` takes source pixels to the page's user space, `font` names the resource of `codes`.
    """
    pen, any_text = _Pen(font, codes), False
    for line in lines:
        spans, along, origin = spans_of(line, to_user)
        if spans:
            pen.line(spans, along, origin)
            any_text = True
    return b"q " + pen.result() + b"\nET Q\n" if any_text else b""


def spans_of(line: Line, to_user: Affine) -> tuple[list[Span], tuple[float, float], tuple[float, float]]:
    """The line's words in its own frame, the frame's unit vector along the base line, and its origin in user space."""
    placed = place_words(line)
    if not placed:
        return [], (1.0, 0.0), (0.0, 0.0)
    corners = _map(reading_quad(line), to_user)
    boxes = [_map(item.word.quad, to_user) for item in placed]
    along = _base_line(corners, max(float(np.hypot(*np.ptp(box, axis=0))) for box in boxes))
    across = np.array([-along[1], along[0]])
    origin = corners[3]
    spans = []
    base = direction(line)
    for item, box in zip(placed, boxes, strict=True):
        x, y = (box - origin) @ along, (box - origin) @ across
        spans.append(_span(item.word.text, base, x, y, item.space_after))
    if has_rtl(line.text):
        spans = _from_left(spans)
    return spans, (float(along[0]), float(along[1])), (float(origin[0]), float(origin[1]))


def _base_line(corners: NDArray[np.float64], longest: float) -> NDArray[np.float64]:
    """The unit vector along which text in a box (4, 2) is set, `longest` being the length of its longest word.

    Where a word's letters would climb by MAX_CLIMB the line runs along the page's axis instead, each word's box as high
    as its slant makes it: poppler, and all that rests on it, tears a word apart whose letters climb by half a point. From
    MAX_SLANT on such boxes would be far from the words' shape, and the text is truly turned.
    """
    along = (corners[[1, 2]] - corners[[0, 3]]).sum(axis=0)
    size = float(np.hypot(*along))
    if size == 0:
        return np.array([1.0, 0.0])
    along /= size
    axis = np.zeros(2)
    longer = int(np.abs(along).argmax())
    axis[longer] = np.sign(along[longer])
    cosine = min(1.0, float(along @ axis))
    if cosine > math.cos(math.radians(0.05)):
        return axis
    climbs = longest * math.sqrt(1 - cosine**2) > MAX_CLIMB
    return axis if climbs and not is_turned(along) else along


def is_turned(along: NDArray[np.float64] | tuple[float, float]) -> bool:
    """Whether text along this unit vector stands at a true angle to the page's sides."""
    return max(abs(float(along[0])), abs(float(along[1]))) < math.cos(math.radians(MAX_SLANT))


def _from_left(spans: list[Span]) -> list[Span]:
    """The words as they stand, which is how readers expect right-to-left text in a page's operators."""
    order = sorted(range(len(spans)), key=lambda i: spans[i].start)
    out = []
    for i, after in zip(order, [*order[1:], -1], strict=True):
        # The space between two neighbours belongs to the one that comes first in the text.
        space = spans[min(i, after)].space_after if after >= 0 and abs(i - after) == 1 else after >= 0
        out.append(replace(spans[i], space_after=space))
    return out


def _span(text: str, base: Direction, x: NDArray[np.float64], y: NDArray[np.float64], space_after: bool) -> Span:
    start, bottom = float(x.min()), float(y.min())
    end, top = max(float(x.max()), start + MIN_SIDE), max(float(y.max()), bottom + MIN_SIDE)
    text = printable(text)
    return Span(text, visual_clusters(text, base), start, end, bottom, top, space_after)


def _map(points: NDArray[np.float32], to_user: Affine) -> NDArray[np.float64]:
    return np.asarray(points, np.float64) @ to_user[:, :2].T + to_user[:, 2]


class _Pen:
    """Writes operators. What the text state holds already is not said again, and values that were used before are taken
    again where they put a word into its box: so that pages with thousands of boxes compress to a few kilobytes.
    """

    def __init__(self, font: str, codes: Codes) -> None:
        self._font, self._codes = font, codes
        self._out: list[bytes] = [f"{_n(UNIT)} 0 0 {_n(UNIT)} 0 0 cm BT 3 Tr".encode()]
        self._shown: list[bytes] = []  # of the show operator that is being gathered
        self._along: tuple[float, float] = (0.0, 0.0)
        self._here = (0.0, 0.0)  # where the line began, in units of user space
        self._end = 0.0  # how far it reaches, in units along its base line
        self._size, self._rise, self._stretch = 0, 0, 0.0
        self._sizes: list[int] = []
        self._stretches: list[float] = []

    def result(self) -> bytes:
        self._flush()
        return b"\n".join(self._out)

    def line(self, spans: list[Span], along: tuple[float, float], origin: tuple[float, float]) -> None:
        """Words of one line; `along` and `origin` as `spans_of` gives them."""
        turned = is_turned(along)
        self._begin_line(spans[0], along, origin)
        base = (spans[0].start / UNIT, spans[0].bottom / UNIT)
        rises = [0]
        for span in spans:
            if turned:
                self._flush()
            size, rise = self._box(span, span.bottom / UNIT - base[1], rises)
            stretch = self._fit(span, size)
            self._set(size, rise, stretch)
            self._step_to(span.start / UNIT - base[0])
            if turned:
                # Word by word, each with its text told: poppler cannot put letters on a slanted line together again.
                self._flush_with(span)
            else:
                self._shown.append(_string(self._codes.encode(span.parts)))
            self._end += span.ems * size * stretch
            # Also behind the last: PDFium takes single characters below each other for a word of vertical writing.
            if span.space_after or span is spans[-1]:
                self._shown.append(_string(self._codes.encode([" "])))
                self._end += text_width(" ") * size * stretch / 1000

    def _begin_line(self, span: Span, along: tuple[float, float], origin: tuple[float, float]) -> None:
        """Move to the lower left corner of the line's first word."""
        self._flush()
        cos, sin = along
        x = (origin[0] + cos * span.start - sin * span.bottom) / UNIT
        y = (origin[1] + sin * span.start + cos * span.bottom) / UNIT
        if along == self._along:
            dx, dy = x - self._here[0], y - self._here[1]
            step = (round(cos * dx + sin * dy), round(cos * dy - sin * dx))
            self._out.append(b"%d %d Td" % step)
            self._here = (self._here[0] + cos * step[0] - sin * step[1], self._here[1] + sin * step[0] + cos * step[1])
        else:
            self._along = along
            self._here = (round(x), round(y))
            self._out.append(f"{_n(cos)} {_n(sin)} {_n(-sin)} {_n(cos)} {self._here[0]} {self._here[1]} Tm".encode())
        self._end = 0.0

    def _box(self, span: Span, bottom: float, rises: list[int]) -> tuple[int, int]:
        """The font size and rise that give the word's lower and upper edge; `rises` are those of the line until now."""
        rise = _near(rises, lambda value: abs(value - bottom) * UNIT)
        if rise is None:
            rise = round(bottom)
            rises.insert(0, rise)
        height = (span.top - span.bottom) / UNIT + bottom - rise
        size = _near([self._size, *self._sizes], lambda value: abs(value - height) * UNIT if value else math.inf)
        if size is None:
            size = max(1, round(height))
            self._sizes = [size, *self._sizes][:MEMORY]
        return size, rise

    def _fit(self, span: Span, size: int) -> float:
        """The stretch that gives the word's width."""
        width = (span.end - span.start) / UNIT
        ems = span.ems * size
        stretch = _near(
            [self._stretch, *self._stretches], lambda value: abs(value * ems - width) * UNIT if value else math.inf
        )
        if stretch is None:
            stretch = max(0.001, round(width / ems, 2) or round(width / ems, 4))
            if abs(stretch * ems - width) * UNIT > TOLERANCE:
                stretch = round(width / ems, 4)
            self._stretches = [stretch, *self._stretches][:MEMORY]
        return stretch

    def _set(self, size: int, rise: int, stretch: float) -> None:
        """Bring the text state to these values."""
        if (size, rise, stretch) == (self._size, self._rise, self._stretch):
            return
        self._flush()
        state = []
        if stretch != self._stretch:
            state.append(f"{_n(stretch * 100)} Tz")
        if size != self._size:
            state.append(f"/{self._font} {size} Tf")
        if rise != self._rise:
            state.append(f"{rise} Ts")
        self._out.append(" ".join(state).encode())
        self._size, self._rise, self._stretch = size, rise, stretch

    def _step_to(self, start: float) -> None:
        """Go to where the next word starts, unless the pen is there within half of what is allowed."""
        if abs(start - self._end) * UNIT < TOLERANCE / 2:
            return
        em = self._size * self._stretch / 1000
        grain = next(g for g in (50, 20, 10, 5, 2, 1) if g * em * UNIT <= TOLERANCE or g == 1)  # rounder, so shorter
        step = grain * round((self._end - start) / (em * grain))
        self._shown.append(b"%d" % step)
        self._end -= step * em

    def _flush_with(self, span: Span) -> None:
        """Show a word by itself, its text told in so many words."""
        self._flush()
        self._out.append(b"/Span<</ActualText<FEFF%s>>>BDC" % span.text.encode("utf-16-be").hex().encode())
        self._shown.append(_string(self._codes.encode(span.parts)))
        self._flush()
        self._out.append(b"EMC")

    def _flush(self) -> None:
        """The show operator for what was gathered."""
        if self._shown:
            self._out.append(b"[" + b"".join(self._shown).replace(b")(", b"") + b"]TJ")
            self._shown = []


def _near(values: Sequence[Number], distance: Callable[[Number], float]) -> Number | None:
    """The first value that is near enough, the latest coming first."""
    return next((value for value in values if distance(value) < TOLERANCE), None)


def _string(codes: bytes) -> bytes:
    """A literal string: shorter than hexadecimal digits, also when compressed."""
    for byte in (b"\\", b"(", b")"):
        codes = codes.replace(byte, b"\\" + byte)
    return b"(" + codes.replace(b"\r", b"\\r") + b")"


def _n(value: float) -> str:
    """A number as short as can be."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
