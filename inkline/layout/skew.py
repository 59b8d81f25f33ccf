"""By how much a page lies askew, told by its lines, and boxes as they would be on the straight page."""

import numpy as np

from inkline.types import Floats

MIN_LINES = 3  # fewer do not tell a page's skew from their own
LINE_RATIO = 4.0  # boxes at least this many times as long as high have a direction; a short word's box may lean anyhow
MIN_SKEW_DEGREES = 0.2  # a page that is straight to this stays as it is: at its far edge that is a fifth of a line's height
MAX_SKEW_DEGREES = 30.0  # lines that lean more are set so: a stamp, a scene


def page_skew(quads: Floats) -> float:
    """Degrees by which the lines of a page (N, 4, 2) rise to the right, -30 to 30: the median by length; 0.0 for little."""
    if not len(quads):
        return 0.0
    along = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]) / 2
    down = (quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]) / 2
    length = np.hypot(*along.T)
    degrees = np.degrees(np.arctan2(-along[:, 1], along[:, 0]))
    told = (length >= LINE_RATIO * np.hypot(*down.T)) & (np.abs(degrees) < MAX_SKEW_DEGREES)
    if told.sum() < MIN_LINES:
        return 0.0
    order = np.argsort(degrees[told])
    reached = np.cumsum(length[told][order])
    skew = float(degrees[told][order][np.searchsorted(reached, reached[-1] / 2)])
    return skew if abs(skew) >= MIN_SKEW_DEGREES else 0.0


def straight_boxes(quads: Floats, skew: float) -> Floats:
    """Bounds (N, 4) as x0, y0, x1, y1 of quads (N, 4, 2) once the page's skew is taken back, about its top left corner.

    A short box, whose own slant says little, is taken as upright where it stands: its sides would grow by turning it. No side
    is shorter than a pixel.
    """
    if not len(quads):
        return np.zeros((0, 4), np.float32)
    if skew:
        cos, sin = np.cos(np.radians(skew)), np.sin(np.radians(skew))
        turn = np.array([[cos, -sin], [sin, cos]], np.float32)
        quads = quads @ turn.T
    low = quads.min(axis=1)
    return np.concatenate([low, np.maximum(quads.max(axis=1), low + 1)], axis=1).astype(np.float32)
