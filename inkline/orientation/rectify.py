"""Turning a page upright and flattening it, as far as the nets are sure that it needs that."""

from dataclasses import replace

import numpy as np

from inkline.errors import StageError
from inkline.layout.geometry import sample_by_grid, turn
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.orientation.judge import Judge
from inkline.orientation.unwarper import Unwarper
from inkline.types import Floats, Image, Transform

NOT_OPENED = "this object was opened without that model; say so when it is made: Ocr(...), PaddleOCR(...)"


class Straightener:
    """`straightener(image, options) -> (straight image, Transform)`; any thread may call.

    classify, unwarp: the nets that were opened; None for a stage that cannot be asked for.
    """

    def __init__(self, classify: Classifier | None, unwarp: Unwarper | None) -> None:
        self._classify, self._unwarp = classify, unwarp

    def check(self, options: OcrOptions) -> None:
        """StageError when the options ask for a stage whose net was not opened."""
        needs_net = options.use_doc_orientation_classify and options.orient.page_rule != "lines"
        for name, missing in (
            ("use_doc_orientation_classify", needs_net and self._classify is None),
            ("use_doc_unwarping", options.use_doc_unwarping and self._unwarp is None),
        ):
            if missing:
                raise StageError(f"{name}=True: {NOT_OPENED}")

    def __call__(self, image: Image, options: OcrOptions, judge: Judge | None = None) -> tuple[Image, Transform]:
        """image: uint8 (H, W, 3) BGR, given back itself when nothing was to be done.

        judge: asked where the classifier is not sure, without it such a page is left as it is; and whether a page reads
        better flat, without it that of every bent page is taken for granted.
        """
        transform = Transform((image.shape[1], image.shape[0]))
        if options.use_doc_orientation_classify:
            angle = self._angle(image, options, judge)
            image, transform = turn(image, angle), replace(transform, angle=angle)
        if options.use_doc_unwarping and self._unwarp is not None:
            grid = self._unwarp.grid(image)
            if bend(grid, *transform.straight_size) >= options.orient.unwarp_thresh:
                flat = sample_by_grid(image, grid)
                if judge is None or judge.prefers(flat, image):
                    image, transform = flat, replace(transform, grid=grid)
        return image, transform

    def _angle(self, image: Image, options: OcrOptions, judge: Judge | None) -> int:
        """By how many degrees to turn a page: as the net says where it is sure and trusted, else as the lines do."""
        if options.orient.page_rule != "lines" and self._classify is not None:
            seen = self._classify([image])[0]
            trusted = options.orient.page_rule == "net" or seen.angle == 0 or judge is None
            if trusted and seen.score >= options.orient.page_thresh:
                return seen.angle
        return 0 if judge is None else judge.angle(image)


def bend(grid: Floats, width: int, height: int) -> float:
    """How far a grid (h, w, 2) is from a page that lies flat and straight: a length, as a fraction of its longer side.

    A flat page may be scaled and shifted, as the net cuts margins off; what is left after the best scale and shift of x
    and of y is skew, perspective and bending: the root of its mean square, in pixels, over the longer side.
    """
    rows, cols = grid.shape[:2]
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float64)
    total = 0.0
    for axis, along, size in ((0, x, width), (1, y, height)):
        values = grid[..., axis].astype(np.float64).ravel()
        slope, shift = np.polyfit(along.ravel(), values, 1)
        total += float((((values - slope * along.ravel() - shift) * size) ** 2).mean())
    return float(np.sqrt(total)) / max(width, height)
