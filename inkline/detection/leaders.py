"""Dot leaders: the rows of dots that lead from a title to its page number, which are painted over before text is looked for.

A detector takes the dots for text of no interest, and with them the number, or the last letter of the title.
"""

from bisect import insort
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inkline.detection.ink import Ink
from inkline.types import Floats, Image

MIN_DOTS = 4
MAX_DOTS_ON_PAGE = 5000  # of more pieces of a dot's shape, the page is a halftone or full of specks
MAX_DOT_SHARE, MAX_DOT_PX = 0.006, 8.0  # of the page's longer side, or in pixels of a small page
MIN_FILLED = 0.7  # of the square around a dot
MIN_PITCH, MAX_PITCH = 1.6, 14.0  # of a dot's size, from one to the next
PITCH_SLACK = 0.2  # by which the pitch may differ in a row
MIN_SPREAD_PX = 1.5  # by which it may differ in any case
ROOM_ABOVE = 3.0  # of a dot's size, above the dots: no ink
ROOM_BELOW = 2.0  # of it, below them: no stems, as those of i have under their dots
REACH = 2.5  # of the pitch beyond the last dot, and REACH_DOTS of its size: there the number begins
REACH_DOTS = 10.0
MIN_NUMBER_HEIGHT = 2.5  # of a dot's size


def erase_leaders(image: Image, ink: Ink) -> Image:
    """The page without the dots of its leaders, BGR uint8 (H, W, 3); the page itself where it has none."""
    rows = list(leaders(ink))
    if not rows:
        return image
    out = image.copy()
    for dots in rows:
        x0, y0, x1, y1 = _bounds(dots, 2.0)
        part = out[max(y0, 0) : y1, max(x0, 0) : x1]
        part[:] = np.median(part.reshape(-1, 3), axis=0)
    return out


def leaders(ink: Ink) -> Iterator[Floats]:
    """The dots (N, 4) of each leader: evenly spaced on a line, nothing above them, and ink after the last."""
    sizes = ink.boxes[:, 2:] - ink.boxes[:, :2]
    limit = max(MAX_DOT_SHARE * max(ink.mask.shape) / ink.scale, MAX_DOT_PX)
    is_dot = (sizes.max(axis=1) <= limit) & (sizes.max(axis=1) <= 1.5 * sizes.min(axis=1) + 1)
    is_dot &= (ink.areas >= MIN_FILLED * sizes.prod(axis=1)) & (ink.areas >= 2)
    dots = ink.boxes[is_dot]
    if not MIN_DOTS <= len(dots) <= MAX_DOTS_ON_PAGE:
        return
    others = ink.boxes[sizes[:, 1] > np.float32(2)]
    for row in _rows(dots):
        for run in _even_runs(row):
            if _stands_free(run, ink) and _leads_somewhere(run, others):
                yield run


def _rows(dots: Floats) -> Iterator[Floats]:
    """Dots that stand on one line, from the left; a row is as high as its dots."""
    middle, size = (dots[:, 1] + dots[:, 3]) / 2, dots[:, 3] - dots[:, 1]
    order = np.argsort(middle)
    middle, size, dots = middle[order], size[order], dots[order]
    # Dots whose middles are nearly at one height; a slanted row of many is still one, step by step.
    apart = np.diff(middle) > np.maximum(0.35 * np.minimum(size[1:], size[:-1]), 0.6)
    for group in np.split(np.arange(len(dots)), np.flatnonzero(apart) + 1):
        if len(group) >= MIN_DOTS:
            yield dots[group][np.argsort(dots[group, 0])]


def _even_runs(row: Floats) -> Iterator[Floats]:
    """Runs of dots of one size, each as far from the next as the last."""
    left, size = row[:, 0].tolist(), (row[:, 2:] - row[:, :2]).max(axis=1).tolist()
    start, steps, sizes = 0, list[float](), size[:1]  # of the run so far, in order
    for i in range(1, len(row)):
        step = left[i] - left[i - 1]
        insort(steps, step)
        insort(sizes, size[i])
        if not _goes_on(step, size[i], _middle(steps), _middle(sizes)):
            if i - start >= MIN_DOTS:
                yield row[start:i]
            start, steps, sizes = i, [], [size[i]]
    if len(row) - start >= MIN_DOTS:
        yield row[start:]


def _middle(ordered: list[float]) -> float:
    """The median of numbers in order; numpy's takes a hundred times as long on a few."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _goes_on(step: float, size: float, usual_step: float, usual_size: float) -> bool:
    """Whether the last step from dot to dot is like those of a run, and the last dot's size like the others'."""
    slack = max(PITCH_SLACK * usual_step, MIN_SPREAD_PX)
    even = abs(step - usual_step) <= slack and MIN_PITCH * usual_size <= usual_step <= MAX_PITCH * usual_size
    return even and abs(size - usual_size) <= 0.4 * usual_size + 1


def _stands_free(run: Floats, ink: Ink) -> bool:
    """Whether there is no ink between the dots and above them, nor below most of them."""
    x0, y0, x1, y1 = run[0, 0], run[:, 1].min(), run[-1, 2], run[:, 3].max()
    size = float(np.median(run[:, 3] - run[:, 1]))
    dots = float((run[:, 2:] - run[:, :2]).prod(axis=1).sum())
    between = ink.share(x0, y0, x1, y1) * (x1 - x0) * (y1 - y0) <= 1.5 * dots
    if not between or ink.share(x0, y0 - ROOM_ABOVE * size, x1, y0 - 1) >= 0.01:
        return False
    stems = sum(ink.share(dot[0], dot[3] + 1, dot[2], dot[3] + 1 + ROOM_BELOW * size) > 0 for dot in run)
    return bool(stems < len(run) / 2)


def _leads_somewhere(run: Floats, others: Floats) -> bool:
    """Whether something higher than the dots begins soon after the last, at their height."""
    size, pitch = float(np.median(run[:, 3] - run[:, 1])), float(np.median(np.diff(run[:, 0])))
    end, middle = run[-1, 2], float((run[-1, 1] + run[-1, 3]) / 2)
    near = (others[:, 0] >= end - 1) & (others[:, 0] <= end + REACH * pitch + REACH_DOTS * size)
    at_height = (others[:, 1] < middle) & (others[:, 3] > middle - size)
    high = others[:, 3] - others[:, 1] >= MIN_NUMBER_HEIGHT * size
    return bool((near & at_height & high).any())


def _bounds(dots: Floats, margin: float) -> NDArray[np.int64]:
    """x0, y0, x1, y1 of dots, with a margin in pixels."""
    low, high = dots[:, :2].min(axis=0) - margin, dots[:, 2:].max(axis=0) + margin
    return np.concatenate([np.floor(low), np.ceil(high)]).astype(np.int64)
