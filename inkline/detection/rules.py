"""The rules of tables: grids of lines that cross, and boxes of text that reach over one."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkline.detection.ink import Ink
from inkline.layout.tables import Grid
from inkline.types import Detections, Floats

MAX_FILLED = 0.3  # of a grid's bounds is ink; more is a picture
DRAWN_SHARE = 0.7  # of a grid's width or height, which a rule takes at least
MIN_CELL = 0.7  # distance of two rules, in heights of a line
MIN_SIDE = 3.0  # of a grid, in heights of a line
REACH = 0.4  # in its heights, how far a box reaches over a rule on both sides, at least, to be cut there
PASSES_BY = 0.25  # in heights of a box, how far a rule that cuts it goes on above and below
PASSES_SHARE = 0.95  # of that way on which ink is seen
RULE_WIDTH_PX = 2  # of the ink's own pixels, to either side of where the rule is


def find_grids(found: Detections, ink: Ink) -> list[Grid]:
    """The grids with text in them, from what is joined ink with rules across and down within it."""
    if not len(found):
        return []
    low, high = found.quads.min(axis=1), found.quads.max(axis=1)
    usual = float(np.median(high[:, 1] - low[:, 1]))
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    large = (sizes.min(axis=1) >= MIN_SIDE * usual) & (ink.areas <= MAX_FILLED * sizes.prod(axis=1))
    grids = (_grid(box, ink, MIN_CELL * usual) for box in ink.boxes[large])
    return [grid for grid in grids if grid is not None]


def cut_at_rules(found: Detections, grids: list[Grid], ink: Ink) -> Detections:
    """The boxes, those that reach over a rule between two columns cut there; cells over several columns have none in them."""
    if not grids or not len(found.quads) or found.polygons is not None:
        return found
    quads: list[Floats] = []
    scores: list[float] = []
    for quad, score in zip(found.quads, found.scores, strict=True):
        (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
        reach = REACH * (y1 - y0)
        rules = [x for x in _rules_beside(grids, float(y0 + y1) / 2) if x0 + reach < x < x1 - reach]
        cuts = [x for x in rules if _passes(ink, x, y0, y1)]
        edges = [float(x0), *sorted(cuts), float(x1)]
        pieces = [_upright(a, y0, b, y1) for a, b in pairwise(edges)]
        quads += pieces if cuts else [quad]
        scores += [float(score)] * (len(cuts) + 1)
    return Detections(np.stack(quads).astype(np.float32), np.array(scores, np.float32))


def _rules_beside(grids: list[Grid], y: float) -> list[float]:
    """Where rules go down in the grids at a height."""
    return [x for grid in grids if grid.ys[0] < y < grid.ys[-1] for x in grid.xs]


def _passes(ink: Ink, x: float, y0: float, y1: float) -> bool:
    """Whether the rule down at x is drawn beside all of a box from y0 to y1, and a little above and below it."""
    beyond = PASSES_BY * (y1 - y0)
    top, bottom = (round(float(y) * ink.scale) for y in (y0 - beyond, y1 + beyond))
    middle = round(x * ink.scale)
    strip = ink.mask[max(top, 0) : bottom, max(middle - RULE_WIDTH_PX, 0) : middle + RULE_WIDTH_PX + 1]
    return strip.size > 0 and bool(strip.any(axis=1).mean() >= PASSES_SHARE)


def _upright(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def _grid(box: Floats, ink: Ink, min_cell: float) -> Grid | None:
    """The grid that a piece of ink is: rules along its sides and at least one across and one down between them; or None."""
    left, top, right, bottom = (round(float(v) * ink.scale) for v in box)
    mask = ink.mask[top:bottom, left:right]
    xs = _rules(mask.mean(axis=0), left, min_cell * ink.scale) / ink.scale
    ys = _rules(mask.mean(axis=1), top, min_cell * ink.scale) / ink.scale
    if len(xs) < 3 or len(ys) < 3:
        return None
    return Grid(tuple(xs.tolist()), tuple(ys.tolist()))


def _rules(share: NDArray[np.float64], start: int, apart: float) -> NDArray[np.float64]:
    """Where rules are, by the share of each row or column that is ink; those nearer than `apart` are one."""
    drawn = np.flatnonzero(share >= DRAWN_SHARE)
    if not len(drawn):
        return np.zeros(0)
    groups = np.split(drawn, np.flatnonzero(np.diff(drawn) > apart) + 1)
    return np.array([start + (group[0] + group[-1]) / 2 for group in groups])
