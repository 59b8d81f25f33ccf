"""The ink of a page, piece by piece: what small signs, dots of leaders and lone figures are found by, which a net overlooks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import scaled
from inkline.types import Floats, Image

MAX_SIDE_PX = 3200  # a larger page is looked at in this size
WINDOW_PX = 51  # around a pixel, whose mean is the paper there
MIN_CONTRAST = 20  # grey levels between ink and paper
MAX_INVERTED = 100  # grey level of a page on average, from which down its ink is light
MAX_PIECES = 20_000  # a page of more is a photograph or a worn copy


@dataclass(frozen=True, eq=False)
class Ink:
    """The pieces of ink on a page, dark or, where the page is, light.

    mask: (h, w) which pixels are ink, at `scale` of the page's size. grey: (h, w) the page in that size, ink darker than
    paper. boxes: (N, 4) float32, x0, y0, x1, y1 of each piece in pixels of the page; areas: (N,) pixels of ink in it, of the
    page.
    """

    mask: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    scale: float
    boxes: Floats
    areas: Floats

    def share(self, x0: float, y0: float, x1: float, y1: float) -> float:
        """The share of a part of the page, in its pixels, that is ink; 0 for a part without pixels."""
        left, top, right, bottom = (max(round(v * self.scale), 0) for v in (x0, y0, x1, y1))
        part = self.mask[top:bottom, left:right]
        return float(part.mean()) if part.size else 0.0


def page_ink(image: Image) -> Ink:
    """The ink of a page, BGR uint8 (H, W, 3); no pieces where there are too many to be text."""
    scale = min(1.0, MAX_SIDE_PX / max(image.shape[:2]))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if scale < 1:
        grey = scaled(np.asarray(grey, np.uint8), scale)
    if grey[::8, ::8].mean() < MAX_INVERTED:
        grey = cv2.bitwise_not(grey)  # light on dark
    around = cv2.ADAPTIVE_THRESH_MEAN_C
    mask = np.asarray(cv2.adaptiveThreshold(grey, 1, around, cv2.THRESH_BINARY_INV, WINDOW_PX, MIN_CONTRAST), np.uint8)
    boxes, areas = _pieces(mask)
    return Ink(
        mask, np.asarray(grey, np.uint8), scale, (boxes / scale).astype(np.float32), (areas / scale**2).astype(np.float32)
    )


def _pieces(mask: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Bounds (N, 4) and areas (N,) of the pieces of a mask, in its pixels; none where there are more than MAX_PIECES.

    They are put together from the runs of ink in each row: OpenCV's statistics look at every pixel of paper, too, and take
    three times as long.
    """
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    if count > MAX_PIECES:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    # Where runs begin and end, with paper at both ends of a row.
    flat = np.asarray(cv2.copyMakeBorder(mask, 0, 0, 1, 1, cv2.BORDER_CONSTANT)).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    length = edges[1::2] - edges[::2]
    y, x = np.divmod(edges[::2], mask.shape[1] + 2)
    # The extent and the area of each piece.
    piece = labels[y, x].astype(np.intp)
    low, high = np.full((2, count), max(mask.shape)), np.zeros((2, count), np.int64)
    for axis, start, end in ((0, x, x + length), (1, y, y + 1)):
        np.minimum.at(low[axis], piece, start)
        np.maximum.at(high[axis], piece, end)
    areas = np.bincount(piece, length, count)
    return np.concatenate([low, high]).T[1:].astype(np.float32), areas[1:].astype(np.float32)
