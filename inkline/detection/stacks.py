"""Figures below each other that a detector takes for one upright line, such as 1 to 9 in the first column of a table."""

import numpy as np

from inkline.detection.ink import Ink
from inkline.layout.in_row import measure, texts_beside
from inkline.types import Detections, Floats

MIN_RATIO = 2.2  # height to width of such a box
MAX_STACKS = 50  # on a page; more are columns of Chinese or a pattern

# In heights of the page's boxes
MIN_SIZE = 0.12  # of the longer side of a piece of ink; smaller ones are specks
JOINED = 0.15  # pieces nearer than this are one figure
MIN_FIGURE, MAX_FIGURE = 0.3, 1.2  # height of a figure
MIN_PITCH = 0.7  # from a figure's middle to that of the next
MARGIN = 0.15  # around it
IN_ROWS = 0.8  # of the figures stand in the row of a text


def with_stacks_parted(found: Detections, ink: Ink) -> Detections:
    """The boxes, those of figures below each other parted where each figure stands in a row of text."""
    if len(found) < 2 or found.polygons is not None:
        return found
    boxes = measure(found.quads)
    low, high = found.quads.min(axis=1), found.quads.max(axis=1)
    sizes = high - low
    tall = np.flatnonzero(sizes[:, 1] >= MIN_RATIO * sizes[:, 0])
    if not len(tall) or len(tall) > min(MAX_STACKS, len(found) / 2):
        return found
    usual = float(np.median(np.delete(sizes[:, 1], tall)))
    out, scores, kept = [], [], np.ones(len(found), bool)
    for i in tall.tolist():
        figures = _figures(np.concatenate([low[i], high[i]]), ink, usual)
        middles, inside = (figures[:, :2] + figures[:, 2:]) / 2, figures[:, 2:] - figures[:, :2]
        fits = (inside[:, 1] >= MIN_FIGURE * usual) & (inside[:, 1] <= MAX_FIGURE * usual)
        apart = np.diff(middles[:, 1]) >= MIN_PITCH * usual  # what stands sideways is tighter than rows
        if len(figures) < 2 or not fits.all() or not apart.all():
            continue
        if (texts_beside(boxes, middles.astype(np.float32), inside.astype(np.float32)) >= 0).mean() < IN_ROWS:
            continue
        kept[i] = False
        out += [_framed(figure, MARGIN * usual) for figure in figures]
        scores += [float(found.scores[i])] * len(figures)
    if kept.all():
        return found
    quads = np.concatenate([found.quads[kept], np.stack(out)])
    return Detections(quads, np.concatenate([found.scores[kept], np.array(scores, np.float32)]))


def _figures(box: Floats, ink: Ink, usual: float) -> Floats:
    """The bounds (N, 4) of what stands below each other in a box (4,), from the top. usual: height of the page's boxes."""
    middles, sizes = (ink.boxes[:, :2] + ink.boxes[:, 2:]) / 2, ink.boxes[:, 2:] - ink.boxes[:, :2]
    inside = ((middles > box[:2]) & (middles < box[2:])).all(axis=1) & (sizes.max(axis=1) >= MIN_SIZE * usual)
    pieces = ink.boxes[inside]
    figures: list[Floats] = []
    for piece in pieces[np.argsort(pieces[:, 1], kind="stable")]:
        if figures and piece[1] < figures[-1][3] + JOINED * usual:
            figures[-1] = np.concatenate([np.minimum(figures[-1][:2], piece[:2]), np.maximum(figures[-1][2:], piece[2:])])
        else:
            figures.append(piece)
    return np.array(figures, np.float32).reshape(-1, 4)


def _framed(figure: Floats, margin: float) -> Floats:
    """The quad (4, 2) of a figure (4,) with a margin such as detectors leave."""
    x0, y0, x1, y1 = figure.tolist()
    a, b, c, d = x0 - margin, y0 - margin, x1 + margin, y1 + margin
    return np.array([[a, b], [c, b], [c, d], [a, d]], np.float32)
