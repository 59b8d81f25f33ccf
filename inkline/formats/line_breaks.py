"""Which line ends of a page are the writer's: those of running text are not, those of an address, a list or a form are.

A row ends on purpose where the next row's first word would have had room behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from inkline.formats.line_geometry import is_sideways, text_width
from inkline.layout.skew import page_skew, straight_boxes
from inkline.recognition.bidi import base_direction
from inkline.types import Floats, Line, row_text, rows_of

SLACK_EM = 0.75  # that a line may be short of room for a word that would have fitted, in heights of the line
CENTRED = 0.5  # spread of centres to that of left edges, below which lines are centred
FLUSH = 0.94  # of the widest line that all but the last of running text have at least
NARROW_BLOCK = 0.8  # of the room on the page, below which short lines may be ends of their own
MIN_VERSES, SURE_VERSES = 4, 7  # rows that all begin with a capital letter, from which they are verses
MAX_CAPITALS = 0.4  # of the other words that may begin so: German has 0.3 to 0.4
MAX_SHORT_CHARS = 60  # of a line in an address, a list or a form


@dataclass(frozen=True)
class _Row:
    """A row of a block; sides and height in straight pixels."""

    text: str
    left: float
    right: float
    height: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def first_word_width(self) -> float:
        """Of its first word and the space before it, estimated from the widths of characters."""
        word = self.text.split(maxsplit=1)[0]
        if text_width(word[0]) == 1000:  # of wide characters any may begin a line
            word = word[0]
        return self.width * min(text_width(f" {word}") / text_width(self.text), 1.0)

    @property
    def begins_anew(self) -> bool:
        """Whether it begins with a capital letter or a figure, behind a quote or not."""
        first = self.text.lstrip("\"'“„«»‘’(-–— ")[:1]
        return first.isupper() or first.isdigit()

    @property
    def begins_low(self) -> bool:
        """Whether it begins with a small letter or a sign that ends something: it goes on."""
        is_address = "@" in self.text or self.text.startswith(("http", "www."))
        return not is_address and (self.text[0].islower() or self.text[0] in ",.;:)]}!?%")


def kept_breaks(blocks: Sequence[Sequence[Line]]) -> list[list[bool]]:
    """For each block (lines of a paragraph in reading order), whether the end of each row but its last is to be kept."""
    lines = [line for block in blocks for line in block]
    if not lines:
        return []
    quads = np.array([line.straight_quad for line in lines], np.float32)
    boxes = straight_boxes(quads, page_skew(quads))
    box_of = {id(line): box for line, box in zip(lines, boxes, strict=True)}
    out = []
    for block in blocks:
        parts = rows_of(block)
        if len(parts) < 2 or any(map(is_sideways, block)):
            out.append([False] * (len(parts) - 1))
            continue
        rows = [_row(part, np.array([box_of[id(line)] for line in part])) for part in parts]
        own = np.array([box_of[id(line)] for line in block])
        out.append(_breaks(rows, _room(own, boxes)))
    return out


def _row(lines: Sequence[Line], boxes: Floats) -> _Row:
    text = " ".join(row_text(lines).split()) or " "
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    return _Row(text, float(boxes[:, 0].min()), float(boxes[:, 2].max()), height)


def _room(own: Floats, boxes: Floats) -> float:
    """The width that lines of a block could have: from what stands left of it to what stands right of it on the page."""
    left, top, right, bottom = own[:, 0].min(), own[:, 1].min(), own[:, 2].max(), own[:, 3].max()
    beside = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top) > 0.5 * (boxes[:, 3] - boxes[:, 1])
    before, behind = boxes[beside & (boxes[:, 2] <= left)], boxes[beside & (boxes[:, 0] >= right)]
    start = before[:, 2].max() if len(before) else boxes[:, 0].min()
    end = behind[:, 0].min() if len(behind) else boxes[:, 2].max()
    return float(end - start)


def _breaks(rows: Sequence[_Row], room: float) -> list[bool]:
    """Whether the end of each row but the last is kept. room: width that the rows could have."""
    if _is_list(rows, room) or _is_verse(rows):
        return [True] * (len(rows) - 1)
    gaps = _gaps(rows)
    return [_ends(above, below, gap) for (above, below), gap in zip(pairwise(rows), gaps, strict=False)]


def _is_verse(rows: Sequence[_Row]) -> bool:
    """Whether all rows begin anew, with a capital letter or a figure, though not most words do: verses or items, however wide.

    Of so few that running text may happen to begin so, one has to leave room for the next one's first word.
    """
    if len(rows) < MIN_VERSES or not all(row.begins_anew for row in rows):
        return False
    inner = [word for row in rows for word in row.text.split()[1:] if word[0].isalpha()]
    if len(inner) < len(rows) or sum(word[0].isupper() for word in inner) > MAX_CAPITALS * len(inner):
        return False
    gaps = _gaps(rows)
    ends = [gap >= below.first_word_width for (_, below), gap in zip(pairwise(rows), gaps, strict=False)]
    return len(rows) >= SURE_VERSES or any(ends)


def _ends(above: _Row, below: _Row, gap: float) -> bool:
    """Whether a row ends though the next one's first word would have had room. gap: the room that was left."""
    return gap >= below.first_word_width + SLACK_EM * above.height and not below.begins_low


def _gaps(rows: Sequence[_Row]) -> list[float]:
    """How much room each row leaves at its end in the block, in pixels; centred ones have it on both sides."""
    lefts, rights = np.array([row.left for row in rows]), np.array([row.right for row in rows])
    widths = rights - lefts
    if np.std(lefts + rights) / 2 < CENTRED * min(np.std(lefts), np.std(rights)):
        return list(widths.max() - widths)
    if base_direction(" ".join(row.text for row in rows)) == "rtl":
        return list(lefts - lefts.min())
    return list(rights.max() - rights)


def _is_list(rows: Sequence[_Row], room: float) -> bool:
    """Whether all rows are short lines of their own, as in an address: none goes on, and the page has room for longer ones."""
    if any(below.begins_low for below in rows[1:]) or max(len(row.text) for row in rows) > MAX_SHORT_CHARS:
        return False
    widest = max(row.width for row in rows)
    flush = len(rows) > 2 and min(row.width for row in rows[:-1]) >= FLUSH * widest
    return widest < NARROW_BLOCK * room and not flush
