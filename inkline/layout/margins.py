"""What stands sideways in a margin, such as a number of an archive: it is in no row of the page."""

from collections.abc import Sequence

import numpy as np

from inkline.types import Floats

MAX_STRIPS, MAX_SIDEWAYS = 2, 0.2  # of lines that stand sideways in the margins, and their share of a page's lines
MAX_LETTERS = 20  # of a strip that were found alone and upright, looked for one after the other
MIN_CHARS = 3  # of a line that surely stands sideways: one figure may be higher than wide
LETTERS = 2  # of a box that may be a part of a strip


def strips_aside(boxes: Floats, angles: Sequence[int], texts: Sequence[str]) -> list[list[int]]:
    """What stands sideways beside the text, strip by strip, in the order of reading, as indices.

    boxes: (N, 4) of a straight page, with their texts; angles: see `Line`. Heads of columns that stand so are no such strips.
    """
    sideways = [i for i in range(len(boxes)) if angles[i] % 180 == 90 and len(texts[i]) >= MIN_CHARS]
    strips = _strips(sideways, boxes)
    if len(strips) > MAX_STRIPS or len(sideways) > MAX_SIDEWAYS * len(boxes):
        return []
    letters = np.flatnonzero([len(text) <= LETTERS for text in texts]).tolist()
    out = []
    for strip in strips:
        whole = _with_letters(strip, letters, boxes)
        if _is_aside(whole, boxes):
            down = 1 if angles[strip[0]] == 90 else -1
            out.append([whole[k] for k in np.argsort(down * boxes[whole, 1], kind="stable")])
    return out


def _strips(sideways: list[int], boxes: Floats) -> list[list[int]]:
    """Boxes above each other, from the left."""
    strips: list[list[int]] = []
    for i in sorted(sideways, key=lambda i: boxes[i, 0]):
        if strips and boxes[i, 0] < boxes[strips[-1], 2].min():
            strips[-1].append(i)
        else:
            strips.append([i])
    return strips


def _with_letters(strip: list[int], letters: list[int], boxes: Floats) -> list[int]:
    """A strip and letters alone, each just above or below what is known of it: a detector takes them for upright ones."""
    inside, width = list(strip), float(np.median(boxes[strip, 2] - boxes[strip, 0]))
    for _ in range(MAX_LETTERS):
        x0, y0, x1, y1 = _bounds(inside, boxes)
        near = np.maximum(boxes[:, 1] - y1, y0 - boxes[:, 3]) < width
        within = near & (boxes[:, 0] > x0 - 0.5 * width) & (boxes[:, 2] < x1 + 0.5 * width)
        more = [i for i in letters if within[i] and i not in inside]
        if not more:
            break
        inside += more
    return inside


def _is_aside(strip: list[int], boxes: Floats) -> bool:
    """Whether there are other boxes beside a strip, all of them on the same side."""
    x0, y0, x1, y1 = _bounds(strip, boxes)
    others = np.delete(boxes, strip, axis=0)
    beside = others[(others[:, 1] < y1) & (others[:, 3] > y0)]
    return len(beside) > 0 and bool((beside[:, 2] <= x0).all() or (beside[:, 0] >= x1).all())


def _bounds(strip: list[int], boxes: Floats) -> list[float]:
    """x0, y0, x1, y1 of the boxes of a strip."""
    bounds: list[float] = [*boxes[strip, :2].min(axis=0).tolist(), *boxes[strip, 2:].max(axis=0).tolist()]
    return bounds
