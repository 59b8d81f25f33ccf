"""Where lines stand on a page: each layout is a function that returns slots for text and rules to draw, in page pixels."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from inkline.training.synth.tokens import between, pick


@dataclass(frozen=True)
class Slot:
    """Room for one line: `x`, `width` and `baseline` in pixels, `em` in pixels per em.

    align  0 left, 0.5 centred, 1 right (mirrored for right-to-left scripts)
    kind   `text` fills the width, `heading` is short and large, `label` one to three words, `token` a number, date,
           price...
    angle  degrees, counter-clockwise, about the left end of the baseline
    """

    x: float
    baseline: float
    width: float
    em: int
    align: float = 0.0
    kind: str = "text"
    angle: float = 0.0


@dataclass
class Layout:
    """The slots of a page and its rules (x0, y0, x1, y1, thickness)."""

    slots: list[Slot] = field(default_factory=list)
    rules: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def across(self, x0: float, x1: float, y: float, thickness: int) -> None:
        """Add a horizontal rule."""
        self.rules.append((int(x0), int(y), int(x1), int(y), thickness))


@dataclass(frozen=True)
class Area:
    """A rectangle of the page in pixels."""

    x: float
    y: float
    width: float
    height: float


Rng = np.random.Generator


def _paragraphs(rng: Rng, out: Layout, area: Area, em: int) -> None:
    """Fill an area with paragraphs of one size: first-line indent or gap, ragged or centred, the last line short."""
    pitch = em * (1.15 + 0.6 * rng.random())
    indent = em * 2 * rng.random() if rng.random() < 0.5 else 0.0
    gap = pitch * rng.random() if indent == 0 else pitch * 0.3 * rng.random()
    align = 0.5 if rng.random() < 0.06 else 0.0
    y = area.y + em
    while y < area.y + area.height:
        if rng.random() < 0.12 and y + 3 * pitch < area.y + area.height:
            size = round(em * (1 + 0.6 * rng.random()))
            out.slots.append(Slot(area.x, y + size * 0.3, area.width, size, pick(rng, (0.0, 0.0, 0.5)), "heading"))
            y += size * 0.4 + pitch * 1.2
        count = between(rng, 1, 9)
        for i in range(count):
            if y > area.y + area.height:
                return
            start = indent if i == 0 else 0.0
            width = area.width - start
            width *= 0.25 + 0.7 * rng.random() if i == count - 1 else 1.0 - 0.08 * rng.random()
            out.slots.append(Slot(area.x + start, y, width, em, align))
            y += pitch
        y += gap


def _header(rng: Rng, out: Layout, area: Area, em: int) -> Area:
    """Add a title or running head and a page number at times; return what is left of the area."""
    x, y, width, height = area.x, area.y, area.width, area.height
    if rng.random() < 0.5:
        size = round(em * (1.3 + 1.5 * rng.random()))
        for _ in range(between(rng, 1, 2)):
            y += size * 1.2
            out.slots.append(Slot(x, y, width, size, pick(rng, (0.0, 0.5, 0.5)), "heading"))
        y += em
    elif rng.random() < 0.6:
        y += em
        out.slots.append(Slot(x, y, width * 0.6, em, 0.0, "label"))
        out.slots.append(Slot(x + width * 0.7, y, width * 0.3, em, 1.0, "token"))
        if rng.random() < 0.4:
            out.across(x, x + width, y + em * 0.5, 1 + em // 20)
        y += em
    bottom = area.y + height
    if rng.random() < 0.4:
        out.slots.append(Slot(x, bottom, width, em, pick(rng, (0.0, 0.5, 1.0)), "token"))
        bottom -= 2 * em
    return Area(x, y, width, bottom - y)


def paragraphs(rng: Rng, area: Area, em: int) -> Layout:
    """A page of one column, as in letters and books."""
    out = Layout()
    _paragraphs(rng, out, _header(rng, out, area, em), em)
    return out


def columns(rng: Rng, area: Area, em: int) -> Layout:
    """Two to four columns, as in papers and magazines, with a rule between them at times."""
    out = Layout()
    area = _header(rng, out, area, em)
    count = max(1, min(between(rng, 2, 4), int(area.width / (9 * em))))
    gutter = em * (1.2 + 1.5 * rng.random())
    width = (area.width - gutter * (count - 1)) / count
    ruled = rng.random() < 0.3
    for i in range(count):
        x = area.x + i * (width + gutter)
        height = area.height * (1 if i < count - 1 else 0.4 + 0.6 * rng.random())
        _paragraphs(rng, out, Area(x, area.y, width, height), em)
        if ruled and i:
            middle = int(x - gutter / 2)
            out.rules.append((middle, int(area.y), middle, int(area.y + area.height), 1 + em // 30))
    return out


def table(rng: Rng, area: Area, em: int) -> Layout:
    """A table of words and numbers, ruled, half ruled or open, after a header."""
    out = Layout()
    area = _header(rng, out, area, em)
    # columns of words and of numbers, and as many rows as fit
    count = max(2, min(between(rng, 2, 7), int(area.width / (4.5 * em))))
    shares = rng.random(count) + 0.5
    shares[0] += rng.random()
    edges = area.x + np.concatenate([[0], np.cumsum(shares / shares.sum())]) * area.width
    pitch = em * (1.5 + 1.2 * rng.random())
    rows = max(1, min(between(rng, 3, 30), int(area.height / pitch) - 1))
    numeric = [i > 0 and rng.random() < 0.7 for i in range(count)]
    style, thick = rng.random(), 1 + int(em * rng.random() / 14)

    # cells and rules
    left, right, bottom = int(area.x), int(area.x + area.width), int(area.y + rows * pitch)
    for row in range(rows):
        _table_row(rng, out, edges, area.y + (row + 0.5) * pitch + em * 0.35, em, numeric, is_head=row == 0)
        if style < 0.6 or row == 0:
            y = int(area.y + row * pitch)
            out.rules.append((left, y, right, y, thick))
    out.rules.append((left, bottom, right, bottom, thick))
    if style < 0.35:
        out.rules += [(int(x), int(area.y), int(x), bottom, thick) for x in edges]

    # running text below
    if bottom + 4 * pitch < area.y + area.height and rng.random() < 0.6:
        _paragraphs(rng, out, Area(area.x, bottom + pitch, area.width, area.y + area.height - bottom - pitch), em)
    return out


def _table_row(
    rng: Rng, out: Layout, edges: np.ndarray, baseline: float, em: int, numeric: list[bool], *, is_head: bool
) -> None:
    """Add the cells of a row; some stay empty, and the head holds words alone."""
    for i, is_number in enumerate(numeric):
        if rng.random() < 0.06 and not is_head:
            continue
        kind = "token" if is_number and not is_head else "label"
        room = edges[i + 1] - edges[i] - em
        out.slots.append(Slot(edges[i] + em / 2, baseline, room, em, 1.0 if is_number else 0.0, kind))


def form(rng: Rng, area: Area, em: int) -> Layout:
    """Labels and their values, with lines or boxes to write on."""
    out = Layout()
    area = _header(rng, out, area, em)
    pitch = em * (1.7 + 1.3 * rng.random())
    y = area.y + pitch
    while y < area.y + area.height:
        count = pick(rng, (1, 1, 2, 2, 3)) if area.width > 24 * em else 1
        width = area.width / count
        for i in range(count):
            x = area.x + i * width
            label = width * (0.25 + 0.2 * rng.random())
            out.slots.append(Slot(x, y, label, em, 0.0, "label"))
            if rng.random() < 0.8:
                out.slots.append(
                    Slot(x + label + em, y, width - label - 2 * em, em, 0.0, pick(rng, ("token", "label", "text")))
                )
            if rng.random() < 0.5:
                out.across(x + label + em * 0.5, x + width - em, y + em * 0.35, 1 + em // 30)
        y += pitch
        if rng.random() < 0.08:
            out.across(area.x, area.x + area.width, y - pitch / 2, 1 + em // 16)
    return out


def receipt(rng: Rng, area: Area, em: int) -> Layout:
    """A till receipt: centred head, items on the left, prices on the right, rows of dashes."""
    out = Layout()
    width = min(area.width, em * (16 + 12 * rng.random()))
    x = area.x + (area.width - width) * rng.random()
    pitch = em * (1.15 + 0.35 * rng.random())
    y = area.y + em
    for _ in range(between(rng, 2, 5)):
        out.slots.append(Slot(x, y, width, em, 0.5, pick(rng, ("label", "heading", "token"))))
        y += pitch
    while y < area.y + area.height:
        if rng.random() < 0.1:
            out.across(x, x + width, y - em * 0.3, 1 + em // 24)
        else:
            out.slots.append(Slot(x, y, width * 0.62, em, 0.0, pick(rng, ("label", "label", "token", "text"))))
            if rng.random() < 0.7:
                out.slots.append(Slot(x + width * 0.68, y, width * 0.32, em, 1.0, "token"))
        y += pitch
    return out


def scattered(rng: Rng, area: Area, em: int) -> Layout:
    """Posters, screens and signs: pieces of text of many sizes, some turned, none overlapping."""
    out = Layout()
    taken: list[tuple[float, float, float, float]] = []
    for _ in range(between(rng, 6, 70)):
        size = round(em * (0.7 + 3.3 * rng.random() ** 3))
        width = min(area.width * 0.95, size * (3 + 14 * rng.random()))
        angle = 0.0
        if rng.random() >= 0.6:
            share = rng.random() * 2 - 1
            angle = share * (30 if rng.random() < 0.4 else 6)
        rise = abs(np.sin(np.deg2rad(angle))) * width
        x = area.x + rng.random() * max(0.0, area.width - width)
        y = area.y + size + rise + rng.random() * max(0.0, area.height - size - 2 * rise)
        box = (x - size, y - size * 1.4 - rise, x + width + size, y + size * 0.6 + rise)
        if box[3] > area.y + area.height + size or any(
            b[0] < box[2] and box[0] < b[2] and b[1] < box[3] and box[1] < b[3] for b in taken
        ):
            continue
        taken.append(box)
        out.slots.append(Slot(x, y, width, size, 0.0, pick(rng, ("label", "label", "text", "token")), angle))
    return out


_LAYOUTS: tuple[Callable[[Rng, Area, int], Layout], ...] = (paragraphs, columns, table, form, receipt, scattered)
LAYOUTS = {layout.__name__: layout for layout in _LAYOUTS}
