"""Lines askew in a text layer: the level on which the words of each are set.

Poppler, and all that rests on it, takes words for one line when their base lines are within half a font size of that of the
first. So all words of a line that leans get one base line, level with the page, at the height where the line stands at the
middle of the page: lines then follow each other as on the straight page. That each word's box is still where the word is,
higher or lower than that, is told by fonts that reach further above or below their base line.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkline.formats.line_geometry import reading_quad
from inkline.layout.skew import page_skew
from inkline.types import Line

MAX_LEVEL_DEGREES = 5.0  # of lines that lean more, the words at the ends are too far away from any level
MAX_OWN_DEGREES = 1.0  # a long line that leans otherwise than the page by more than this stands for itself
LONG_RATIO = 4.0  # shorter boxes, for their height, do not tell how they lean
MIN_CLIMB = 0.25  # of a line's height: what climbs less is one line to any reader


def line_levels(lines: Sequence[Line], affine: NDArray[np.float64]) -> list[float | None]:
    """The level of each line, None where it is set along its own base line.

    affine: (2, 3), from source pixels to a space whose y axis points up. A level is counted in that space across the page's
    axis along which the line runs, to the left of its direction.
    """
    levels: list[float | None] = [None] * len(lines)
    if not lines:
        return levels
    corners = np.array([reading_quad(line) for line in lines], np.float64) @ affine[:, :2].T + affine[:, 2]
    along = corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]
    quarter = np.rint(np.arctan2(along[:, 1], along[:, 0]) / (np.pi / 2)).astype(int) % 4
    for turn in set(quarter.tolist()):
        # Lines that run along one side of the page, in a frame where that is to the right.
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
        index = np.flatnonzero(quarter == turn)
        framed = corners[index] @ np.array([[cos, -sin], [sin, cos]], np.float64)
        for i, level in zip(index.tolist(), _levels(framed), strict=True):
            levels[i] = level
    return levels


def _levels(corners: NDArray[np.float64]) -> list[float | None]:
    """The levels of lines (N, 4, 2) that run to the right, y pointing up."""
    skew = page_skew((corners * [1, -1]).astype(np.float32))
    left, right = corners[..., 0].min(), corners[..., 0].max()
    centres = corners.mean(axis=1)
    along = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]) / 2
    down = (corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]) / 2
    lengths, heights = np.hypot(*along.T), np.hypot(*down.T)
    own = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
    alone = (lengths >= LONG_RATIO * heights) & (np.abs(own - skew) > (MAX_OWN_DEGREES if skew else 0))
    slopes = np.where(alone, own, skew)
    at = np.where(alone, centres[:, 0], (left + right) / 2)
    rise = np.tan(np.radians(slopes))
    # What leans so little that no reader minds stays on its own base line.
    climbs = np.abs(rise) * np.where(alone, lengths, right - left) > MIN_CLIMB * heights
    leans = climbs & (np.abs(slopes) <= MAX_LEVEL_DEGREES)
    found = centres[:, 1] + rise * (at - centres[:, 0])
    return [float(level) if lean else None for level, lean in zip(found, leans, strict=True)]
