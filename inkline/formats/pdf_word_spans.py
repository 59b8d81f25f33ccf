"""The words of a line as spans along its base line: where the text layer of a PDF page sets them.

Lengths are in units of the text layer, those of the transform that is given.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkline.formats.line_geometry import direction, place_words, reading_quad, text_width, visual_clusters
from inkline.formats.pdf_font import NOT_IN_TEXT_LAYERS
from inkline.recognition.bidi import has_rtl
from inkline.types import Line

Affine = NDArray[np.float64]  # (2, 3): source pixels to the page's user space, or to units of its text layer

MAX_CLIMB_UNITS = 4.0  # of a word's letters on a slanted base line
MIN_SIDE_UNITS = 1.0  # nothing smaller can be marked
MAX_SLANT_DEGREES = 15.0  # from here on text is set along its true angle


@dataclass(frozen=True)
class WordSpan:
    """A word in its line's own frame, in units: `start` to `end` along the base line, `bottom` to `top` across.

    clusters: its clusters of characters from left to right.
    """

    text: str
    clusters: list[str]
    start: float
    end: float
    bottom: float
    top: float
    space_after: bool

    @property
    def ems(self) -> float:
        """The natural width, in font sizes."""
        return sum(map(text_width, self.clusters)) / 1000


def spans_of(
    line: Line, to_units: Affine, level: float | None = None
) -> tuple[list[WordSpan], tuple[float, float], tuple[float, float]]:
    """The words of a line with text in its own frame, its unit vector along the base line, and its origin in user space.

    level: of `line_levels`, that of the base line.
    """
    placed = place_words(line)
    corners = _map(reading_quad(line), to_units)
    boxes = [_map(item.word.quad, to_units) for item in placed]
    longest = max(float(np.hypot(*np.ptp(box, axis=0))) for box in boxes)
    along = _base_line(corners, math.inf if level is not None else longest)
    across = np.array([-along[1], along[0]])
    origin = corners[3]  # where the base line begins
    if level is not None:
        origin = origin + across * (level - origin @ across)
    spans = []
    base = direction(line)
    for item, box in zip(placed, boxes, strict=True):
        # Bounds of the word in the line's frame, at least as large as can be marked.
        x, y = (box - origin) @ along, (box - origin) @ across
        start, bottom = float(x.min()), float(y.min())
        end, top = max(float(x.max()), start + MIN_SIDE_UNITS), max(float(y.max()), bottom + MIN_SIDE_UNITS)
        text = item.word.text.translate(NOT_IN_TEXT_LAYERS)
        spans.append(WordSpan(text, visual_clusters(text, base), start, end, bottom, top, item.space_after))
    if has_rtl(line.text):
        spans = _from_left(spans)
    return spans, (float(along[0]), float(along[1])), (float(origin[0]), float(origin[1]))


def _base_line(corners: NDArray[np.float64], longest: float) -> NDArray[np.float64]:
    """The unit vector along which text in a box (4, 2) is set, `longest` being the length of its longest word.

    Where a word's letters would climb by MAX_CLIMB_UNITS the line runs along the page's axis instead, each word's box as
    high as its slant makes it: poppler, and all that rests on it, splits a word whose letters climb by half a point.
    From MAX_SLANT_DEGREES on such boxes would be far from the words' shape, and the text is really turned.
    """
    along = (corners[[1, 2]] - corners[[0, 3]]).sum(axis=0)
    size = float(np.hypot(*along))
    if size == 0:
        return np.array([1.0, 0.0])
    along /= size
    # The page's axis that is nearest.
    axis = np.zeros(2)
    longer = int(np.abs(along).argmax())
    axis[longer] = np.sign(along[longer])
    cosine = min(1.0, float(along @ axis))
    if cosine > math.cos(math.radians(0.05)):
        return axis
    climbs = longest * math.sqrt(1 - cosine**2) > MAX_CLIMB_UNITS
    return axis if climbs and not is_turned(along) else along


def is_turned(along: NDArray[np.float64] | tuple[float, float]) -> bool:
    """Whether text along this unit vector stands at a true angle to the page's sides."""
    return max(abs(float(along[0])), abs(float(along[1]))) < math.cos(math.radians(MAX_SLANT_DEGREES))


def _from_left(spans: list[WordSpan]) -> list[WordSpan]:
    """The words from left to right, which is how readers expect right-to-left text in a page's operators."""
    order = sorted(range(len(spans)), key=lambda i: spans[i].start)
    out = []
    for i, after in zip(order, [*order[1:], -1], strict=True):
        space = after >= 0
        if space and abs(i - after) == 1:  # the space between two neighbours belongs to the first one in the text
            space = spans[min(i, after)].space_after
        out.append(replace(spans[i], space_after=space))
    return out


def _map(points: NDArray[np.float32], affine: Affine) -> NDArray[np.float64]:
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]
