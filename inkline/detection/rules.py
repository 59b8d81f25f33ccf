"""The rules of tables: grids of lines that cross, and boxes of text that reach over one."""

from collections.abc import Iterator
from dataclasses import dataclass
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
SLACK_PX = 2  # by which a box may end before what it holds
RULE_WIDTH_PX = 2  # of the ink's own pixels, to either side of where the rule is

# Text over a rule, in heights of its box
BESIDE = 0.6  # to either side of a rule, where text is looked for
CORE = 0.15  # of a box above and below, which may hold no text
SPARED = 0.07  # paper between a rule and the text on both its sides, together, up to which that is one word
ACROSS_SHARE = 0.9  # of the way beside a rule that is ink: a rule across
RULE_SHARE = 0.5  # of the rows above and below a text in which a rule's own columns are ink
MIN_TEXT_SHARE = 0.04  # of the rows of a text that are ink where it is

# A stroke that runs into a rule, in shares of the contrast between ink and paper
STROKE = 0.5  # how dark its first two pixels beside the rule are
NOTCH = 0.1  # by which the pixel next to the rule is lighter than what is on both its sides, where paper is between them
MIN_CONTRAST = 60  # grey levels between paper and text
RULE_QUANTILE = 0.15  # of the rows beside a text, of which all others are dark in a rule's columns


def find_grids(found: Detections, ink: Ink) -> list[Grid]:
    """The grids with text in them, from what is joined ink with rules across and down within it."""
    if not len(found):
        return []
    low, high = found.quads.min(axis=1), found.quads.max(axis=1)
    usual = float(np.median(high[:, 1] - low[:, 1]))
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    large = (sizes.min(axis=1) >= MIN_SIDE * usual) & (ink.areas <= MAX_FILLED * sizes.prod(axis=1))
    grids = (_grid(box, ink, MIN_CELL * usual) for box in ink.boxes[large])
    parting = (_without_overwritten(grid, found, ink) for grid in grids if grid is not None)
    return [grid for grid in parting if len(grid.xs) > 2]


def cut_at_rules(found: Detections, grids: list[Grid], ink: Ink) -> Detections:
    """The boxes, those that reach over a rule between two columns cut there.

    A cell over several columns has no rule in it, and a word that is written over a rule stays whole.
    """
    if not grids or not len(found.quads) or found.polygons is not None:
        return found
    boxes = np.concatenate([found.quads.min(axis=1), found.quads.max(axis=1)], axis=1)
    quads: list[Floats] = []
    scores: list[float] = []
    for quad, score in zip(found.quads, found.scores, strict=True):
        (x0, y0), (x1, y1) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
        cuts = _cuts(x0, y0, x1, y1, grids, ink)
        pieces = [_within_rules(a, y0, b, y1, boxes, grids, ink) for a, b in pairwise([x0, *cuts, x1])]
        # One without a rule in it or at its ends stays, however it leans.
        quads += [quad] if pieces == [(x0, y0, x1, y1)] else [_upright(*piece) for piece in pieces]
        scores += [float(score)] * len(pieces)
    return Detections(np.stack(quads).astype(np.float32), np.array(scores, np.float32))


def _cuts(x0: float, y0: float, x1: float, y1: float, grids: list[Grid], ink: Ink) -> list[float]:
    """Where rules part what is in a box, from the left."""
    reach = REACH * (y1 - y0)
    beside = [grid for grid in grids if grid.ys[0] < (y0 + y1) / 2 < grid.ys[-1]]
    rules = [(x, grid) for grid in beside for x in grid.xs if x0 + reach < x < x1 - reach]
    return sorted(x for x, grid in rules if _passes(ink, x, y0, y1, grid) and not _is_overwritten(ink, x, y0, y1, grid))


def _within_rules(
    x0: float, y0: float, x1: float, y1: float, boxes: Floats, grids: list[Grid], ink: Ink
) -> tuple[float, float, float, float]:
    """A box, ending beside the rules that it begins or ends on or reaches over by little: they look like I or [.

    boxes: (N, 4), all there are: what it holds behind the rule is paper, or in one of them.
    """
    reach, start, end = REACH * (y1 - y0), x0, x1
    middle = (y0 + y1) / 2
    row = boxes[(boxes[:, 1] < middle) & (boxes[:, 3] > middle)]
    for x, left, right in _rules_at_ends(x0, y0, x1, y1, grids, ink):
        if x <= x0 + reach and _is_elsewhere(ink, (x0, y0, left - 1, y1), row[row[:, 0] < x - reach]):
            start = max(start, min(right, x1 - 1))
        elif x >= x1 - reach and _is_elsewhere(ink, (right + 1, y0, x1, y1), row[row[:, 2] > x + reach]):
            end = min(end, max(left, x0 + 1))
    return start, y0, end, y1


def _rules_at_ends(
    x0: float, y0: float, x1: float, y1: float, grids: list[Grid], ink: Ink
) -> Iterator[tuple[float, float, float]]:
    """The rules drawn near the left or right end of a box: where they are, begin and end."""
    reach = REACH * (y1 - y0)
    beside = [grid for grid in grids if grid.ys[0] < (y0 + y1) / 2 < grid.ys[-1]]
    for grid in beside:
        near = (x for x in grid.xs if x0 - 1 <= x <= x0 + reach or x1 - reach <= x <= x1 + 1)
        yield from ((x, *_edges(ink, x, y0, y1)) for x in near if _passes(ink, x, y0, y1, grid))


def _is_elsewhere(ink: Ink, part: tuple[float, float, float, float], others: Floats) -> bool:
    """Whether what a part of a box, x0, y0, x1, y1, holds is paper alone, or within another box (N, 4) of its row."""
    within = (others[:, 0] <= part[0] + SLACK_PX) & (others[:, 2] >= part[2] - SLACK_PX)
    return bool(within.any()) or part[2] <= part[0] or not ink.share(*part)


def _edges(ink: Ink, x: float, y0: float, y1: float) -> tuple[float, float]:
    """Where the rule down at x begins and ends beside a box from y0 to y1: columns of ink from top to bottom."""
    start, middle = max(round(x * ink.scale) - 2 * RULE_WIDTH_PX, 0), round(x * ink.scale)
    strip = ink.mask[max(round(y0 * ink.scale), 0) : round(y1 * ink.scale), start : middle + 2 * RULE_WIDTH_PX + 1]
    drawn = np.flatnonzero(strip.mean(axis=0) >= PASSES_SHARE) if strip.size else np.zeros(0, np.int64)
    if not len(drawn):
        return x, x
    return (start + int(drawn[0])) / ink.scale, (start + int(drawn[-1]) + 1) / ink.scale


def _without_overwritten(grid: Grid, found: Detections, ink: Ink) -> Grid:
    """The grid without rules between columns that more lines run over than texts begin behind: these part nothing."""
    low, high = found.quads.min(axis=1), found.quads.max(axis=1)
    middle, height = (low[:, 1] + high[:, 1]) / 2, high[:, 1] - low[:, 1]
    inside = (middle > grid.ys[0]) & (middle < grid.ys[-1])
    kept = [grid.xs[0]]
    for x, end in pairwise(grid.xs[1:]):
        # Texts that reach the rule from the left, and what is behind it; one that only comes close may be either.
        to_rule = np.flatnonzero(inside & (low[:, 0] < x - REACH * height) & (high[:, 0] > x - BESIDE * height))
        around = {i: _around(ink, x, float(low[i, 1]), float(high[i, 1]), grid) for i in to_rule.tolist()}
        close = [i for i, part in around.items() if _is_close(part)]
        over = [i for i in close if _is_touched(around[i])]
        behind = inside & (low[:, 0] > x - REACH * height) & (low[:, 0] < end)
        cut = np.setdiff1d(to_rule[high[to_rule, 0] > x + REACH * height[to_rule]], close)
        if len(over) <= behind.sum() + len(cut):
            kept.append(x)
    return Grid((*kept, grid.xs[-1]), grid.ys)


def _passes(ink: Ink, x: float, y0: float, y1: float, grid: Grid) -> bool:
    """Whether the rule down at x is drawn beside all of a box from y0 to y1, and a little above and below it in its grid."""
    top, bottom = _beyond(ink, y0, y1, grid)
    middle = round(x * ink.scale)
    strip = ink.mask[top:bottom, max(middle - RULE_WIDTH_PX, 0) : middle + RULE_WIDTH_PX + 1]
    return strip.size > 0 and bool(strip.any(axis=1).mean() >= PASSES_SHARE)


def _beyond(ink: Ink, y0: float, y1: float, grid: Grid) -> tuple[int, int]:
    """Rows of the ink from a little above a box to a little below it, within its grid."""
    beyond = PASSES_BY * (y1 - y0)
    top, bottom = max(y0 - beyond, grid.ys[0]), min(y1 + beyond, grid.ys[-1])
    return max(round(top * ink.scale), 0), max(round(bottom * ink.scale), 0)


def _is_overwritten(ink: Ink, x: float, y0: float, y1: float, grid: Grid) -> bool:
    """Whether a word runs over the rule down at x beside a box from y0 to y1: strokes of what is close to the rule touch it."""
    part = _around(ink, x, y0, y1, grid)
    return _is_close(part) and _is_touched(part)


@dataclass(frozen=True, eq=False)
class _Around:
    """The ink around a rule beside a box.

    mask, grey: (h, w) of `Ink`; text, beyond: (h,) which rows hold the box's text, and which are above and below it, all
    without rules across; middle: the rule's column; height: of the box, in pixels of the ink.
    """

    mask: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    text: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    middle: int
    height: float


def _around(ink: Ink, x: float, y0: float, y1: float, grid: Grid) -> _Around:
    """What is around the rule down at x beside a box from y0 to y1."""
    (top, bottom), left = _beyond(ink, y0, y1, grid), max(round((x - BESIDE * (y1 - y0)) * ink.scale), 0)
    part = slice(top, bottom), slice(left, round((x + BESIDE * (y1 - y0)) * ink.scale) + 1)
    mask = ink.mask[part]
    at = (np.arange(top, top + len(mask)) / ink.scale - y0) / (y1 - y0)
    drawn = mask.mean(axis=1) < ACROSS_SHARE if mask.size else np.zeros(len(mask), np.bool_)
    text, beyond = drawn & (at > CORE) & (at < 1 - CORE), drawn & ((at < 0) | (at > 1))
    return _Around(mask, ink.grey[part], text, beyond, round(x * ink.scale) - left, (y1 - y0) * ink.scale)


def _is_close(part: _Around) -> bool:
    """Whether ink comes up to the rule on both sides: a word over it, or narrow cells."""
    rest = part.mask[part.beyond if part.beyond.any() else part.text]
    return bool(part.text.any()) and _touches_both_sides(part.mask[part.text], rest, part.middle, part.height)


def _is_touched(part: _Around) -> bool:
    """Whether a stroke beside the rule runs into it: between cells, be they narrow, is paper."""
    return bool(part.text.any()) and _stroke_into_rule(255.0 - part.grey[part.text], part.middle)


def _stroke_into_rule(dark: Floats, middle: int) -> bool:
    """Whether ink goes on from a rule, left or right: rows (N, W) of a text, how dark they are, and the column of the rule.

    A pixel of paper between the rule and a letter is blurred, but lighter than both.
    """
    # The rule is where it is darkest; its columns are dark in nearly all rows.
    paper = float(np.quantile(dark, 0.1))
    usual = np.median(dark, axis=0)
    start = max(middle - RULE_WIDTH_PX, 0)
    rule = start + int(usual[start : middle + RULE_WIDTH_PX + 1].argmax())
    is_rule = np.quantile(dark, RULE_QUANTILE, axis=0) > (paper + usual[rule]) / 2
    light = np.flatnonzero(~is_rule)
    before, behind = light[light < rule], light[light > rule]
    if len(before) < 3 or len(behind) < 3:
        return False
    # The pixels next to it on each side, from the rule outwards.
    beside = np.concatenate([dark[:, : before[-1]], dark[:, behind[0] + 1 :]], axis=1)
    contrast = max(float(np.quantile(beside, 0.95)) - paper, MIN_CONTRAST)
    sides = dark[:, before[-1] + 1 : max(before[-1] - 4, 0) : -1], dark[:, behind[0] - 1 : behind[0] + 4]
    return any(_is_stroke((side - paper) / contrast).any() for side in sides if side.shape[1] > 3)


def _is_stroke(side: Floats) -> NDArray[np.bool_]:
    """In which rows ink goes on from a rule: rows (N, 4 or 5), how dark the rule's edge and the pixels beside it are."""
    edge, first, second, third = side.T[:4]
    notched = first < np.minimum(edge, side[:, 2:].max(axis=1)) - NOTCH
    return np.asarray((first > STROKE) & (second > STROKE) & (first >= np.minimum(second, third) - NOTCH) & ~notched)


def _touches_both_sides(text: NDArray[np.uint8], rest: NDArray[np.uint8], middle: int, height: float) -> bool:
    """Whether hardly any paper is left and right of a rule in a text: rows of ink of a text, and of what is above and below.

    middle: the rule's column; height: of the text's box, both in pixels of the ink.
    """
    rule = np.flatnonzero(rest.mean(axis=0) >= RULE_SHARE)
    rule = rule[np.abs(rule - middle) <= max(RULE_WIDTH_PX, 0.1 * height)]
    inked = np.flatnonzero(text.mean(axis=0) >= MIN_TEXT_SHARE)
    if not len(rule) or not len(inked):
        return False
    # The pixels next to a rule are its blurred edges.
    before, behind = inked[inked < rule[0] - 1], inked[inked > rule[-1] + 1]
    if not len(before) or not len(behind):
        return False
    return bool(rule[0] - before[-1] + behind[0] - rule[-1] - 4 <= SPARED * height)


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
