"""Pale watermarks and stamps: with their large letters under or over it, a detector overlooks small text."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import scaled
from inkline.types import Floats, Image

PAPER_SHARE = 0.4  # of a page that is as bright as its paper, or it is a photograph
PAPER_SLACK = 8  # grey levels
PALEST, DARKEST = 16, 110  # grey levels below the paper, between which a watermark lies
MAX_SPREAD = 10.0  # standard deviation of a watermark's grey levels; a shadow's differ more
AROUND_PX = 61  # within which there is paper: what is darker over more than that is a shadow or a coloured field
MIN_STROKE_PX = 5  # of a watermark's letters on a page of SEEN_SIDE_PX
SEEN_SIDE_PX = 1000  # the longer side in which a page is searched for a watermark
MIN_SHARE, MAX_SHARE = 0.004, 0.4  # of the page, that such strokes cover
ROOM = 8  # grey levels between a watermark's darkest parts and what is left as ink
# Strokes that are letters, and no creases, shadows or grey fields
MAX_LETTER_SPREAD = 4.5  # standard deviation of their grey levels
MIN_LETTERS = 4  # or parts of letters, as text over them cuts them
LETTER_SIDE_PX = 14, 250  # the sides of their bounds on a page of SEEN_SIDE_PX
LETTER_FILLED = 0.2, 0.72  # of their bounds
LETTERS_SHARE = 0.5  # of all strokes
PIXELS_STEP = 9  # of their pixels one of so many is told


@dataclass(frozen=True, eq=False)
class Watermark:
    """A pale watermark or stamp: the page without it, BGR uint8 (H, W, 3), and the places of its letters.

    letters: (N, 2) float32, some pixels of the page that are of them; none where its strokes are no letters.
    """

    page_without: Image
    letters: Floats


def find_watermark(image: Image) -> Watermark | None:
    """The watermark of a page, BGR uint8 (H, W, 3), or None: all that is as pale is white on the page without it.

    A watermark: strokes wider than those of text, all of one pale grey or colour, on a page of paper.
    """
    # The paper, and what is a little darker.
    scale = min(1.0, SEEN_SIDE_PX / max(image.shape[:2]))
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    grey = scaled(grey, scale) if scale < 1 else grey
    counts = np.bincount(grey.ravel(), minlength=256)
    paper = int(counts.argmax())
    if counts[max(paper - PAPER_SLACK, 0) : paper + PAPER_SLACK + 1].sum() < PAPER_SHARE * grey.size:
        return None
    below = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((AROUND_PX, AROUND_PX), np.uint8)).astype(np.int16) - grey
    pale = ((below <= DARKEST) & (below >= PALEST) & (grey >= paper - DARKEST)).astype(np.uint8)
    # Of that, the wide strokes, all of one tone.
    strokes = cv2.erode(pale, np.ones((MIN_STROKE_PX, MIN_STROKE_PX), np.uint8))
    share = cv2.countNonZero(strokes) / grey.size
    if not MIN_SHARE <= share <= MAX_SHARE or float(grey[strokes > 0].std()) > MAX_SPREAD:
        return None
    white_from = float(np.percentile(grey[strokes > 0], 10)) - ROOM
    table = np.clip(np.arange(256) * (255 / max(white_from, 1)), 0, 255).astype(np.uint8)
    return Watermark(
        np.asarray(cv2.LUT(image, table), np.uint8), _letters(np.asarray(strokes, np.uint8), grey) / np.float32(scale)
    )


def _letters(strokes: NDArray[np.uint8], grey: NDArray[np.uint8]) -> Floats:
    """Some of the pixels (N, 2) x, y of strokes that are letters, in a page of these grey levels; none unless most are."""
    whole = cv2.dilate(strokes, np.ones((MIN_STROKE_PX, MIN_STROKE_PX), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    sides, areas = stats[:, 2:4], stats[:, 4]
    filled = areas / np.maximum(sides[:, 0] * sides[:, 1], 1)
    fits = (sides >= LETTER_SIDE_PX[0]).all(axis=1) & (sides <= LETTER_SIDE_PX[1]).all(axis=1)
    fits &= (filled >= LETTER_FILLED[0]) & (filled <= LETTER_FILLED[1])
    fits[0] = False
    are_letters = fits.sum() >= MIN_LETTERS and areas[fits].sum() >= LETTERS_SHARE * areas[1:].sum()
    if not are_letters or float(grey[strokes > 0].std()) > MAX_LETTER_SPREAD:
        return np.zeros((0, 2), np.float32)
    y, x = np.nonzero(fits[labels] & (strokes > 0))
    return np.stack([x, y], axis=1)[::PIXELS_STEP].astype(np.float32)
