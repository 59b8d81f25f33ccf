"""Pale watermarks and stamps: with their large letters under or over it, a detector overlooks small text."""

import cv2
import numpy as np

from inkline.layout.geometry import scaled
from inkline.types import Image

PAPER_SHARE = 0.4  # of a page that is as bright as its paper, or it is a photograph
PAPER_SLACK = 8  # grey levels
PALEST, DARKEST = 16, 110  # grey levels below the paper, between which a watermark lies
MAX_SPREAD = 10.0  # standard deviation of a watermark's grey levels; a shadow's differ more
AROUND_PX = 61  # within which there is paper: what is darker over more than that is a shadow or a coloured field
MIN_STROKE_PX = 5  # of a watermark's letters on a page of SEEN_SIDE_PX
SEEN_SIDE_PX = 1000  # the longer side in which a page is searched for a watermark
MIN_SHARE, MAX_SHARE = 0.004, 0.4  # of the page, that such strokes cover
ROOM = 8  # grey levels between a watermark's darkest parts and what is left as ink


def without_pale(image: Image) -> Image | None:
    """The page, BGR uint8 (H, W, 3), with all that is as pale as its watermark made white; None where it has none.

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
    return np.asarray(cv2.LUT(image, table), np.uint8)
