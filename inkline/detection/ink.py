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
MAX_PIECES = 20_000  # a page of more is a photograph or a worn copy


@dataclass(frozen=True, eq=False)
class Ink:
    """The pieces of dark ink on a page.

    mask: (h, w) which pixels are ink, at `scale` of the page's size. boxes: (N, 4) float32, x0, y0, x1, y1 of each piece in
    pixels of the page; areas: (N,) pixels of ink in it, of the page.
    """

    mask: NDArray[np.uint8]
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
    around = cv2.ADAPTIVE_THRESH_MEAN_C
    mask = np.asarray(cv2.adaptiveThreshold(grey, 1, around, cv2.THRESH_BINARY_INV, WINDOW_PX, MIN_CONTRAST), np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    pieces = np.asarray(stats[1:], np.float32) if count <= MAX_PIECES else np.zeros((0, 5), np.float32)
    boxes = np.concatenate([pieces[:, :2], pieces[:, :2] + pieces[:, 2:4]], axis=1) / scale
    return Ink(mask, scale, boxes.astype(np.float32), (pieces[:, 4] / scale**2).astype(np.float32))
