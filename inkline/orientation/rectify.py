"""Turning a page upright and flattening it: by two nets where they are sure, and by reading its lines where they are not.

No net was trained for reading as a test: the detector says which way lines run, and the recogniser reads upright text with
more confidence than text that is upside down (measured in `benchmarks/orient.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inkline.errors import StageError
from inkline.layout.geometry import crop_quad, is_upright_column, sample_by_grid, turn
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.orientation.unwarper import Unwarper
from inkline.types import Detections, Floats, Image, Text, Transform

NOT_OPENED = "this object was opened without that model; enable the stage when creating the object: Ocr(use_...=True)"

MAX_SAMPLE_LINES = 8  # lines of a page that are read to learn which way is up
MAX_LENGTH_RATIO = 12  # a line longer than this many times its height tells no more
MIN_SCORE_GAIN = 0.05  # mean scores of two ways up that are closer than this decide nothing
ENOUGH_LINES = 5  # fewer tell something only when they read with a mean score of LEGIBLE_SCORE
LEGIBLE_SCORE = 0.8
CONFIDENT_SCORE = 0.9  # from here a line counts as read, where two versions of a page are compared

Find = Callable[[Image], Detections]
Read = Callable[[Sequence[Image]], list[Text]]


class ReadingTest:
    """What reading some lines tells about a page; find: boxes of an image; read: texts of line images."""

    def __init__(self, find: Find, read: Read) -> None:
        self._find, self._read = find, read

    def page_angle(self, image: Image) -> int:
        """By how many degrees (0, 90, 180, 270) counter-clockwise a page must be turned; 0 when its lines do not tell.

        Lines that run down may be those of a page on its side or columns of Chinese or Japanese: these are left alone.
        """
        # A sample of the lines, which run down or across, is read both ways up.
        sample, sideways = _sample(self._crops(image))
        if not sample:
            return 0
        texts = self._read(sample)
        score = _mean_score(texts)
        gain = _mean_score(self._read([turn(line, 180) for line in sample])) - score
        if len(sample) < ENOUGH_LINES and max(score, score + gain) < LEGIBLE_SCORE:
            return 0
        # Lines that run down must read clearly better one way, or the page stays as it is.
        if not sideways:
            return 180 if gain >= MIN_SCORE_GAIN else 0
        if gain >= MIN_SCORE_GAIN:
            return 270
        undecided = gain > -MIN_SCORE_GAIN or _is_cjk("".join(text.text for text in texts))
        return 0 if undecided else 90

    def reads_better(self, changed: Image, original: Image) -> bool:
        """Whether a changed page has more characters in lines that are read with confidence than the original.

        The mean score would not tell: a bent line that breaks into words, or is not found at all, costs it nothing.
        """
        return self._confident_characters(changed) > self._confident_characters(original)

    def _confident_characters(self, image: Image) -> int:
        lines = [turn(crop, 90) if is_upright_column(crop) else crop for crop in self._crops(image)]
        return sum(len(text.text) for text in self._read(lines) if text.score >= CONFIDENT_SCORE)

    def _crops(self, image: Image) -> list[Image]:
        crops = [crop_quad(image, quad) for quad in self._find(image).quads]
        return [crop for crop in crops if crop is not None]


def _sample(crops: list[Image]) -> tuple[list[Image], bool]:
    """The lines that are longest for their height, at most MAX_SAMPLE_LINES, and whether most of the text runs down.

    Only lines of the way that most of the text runs are taken; those that run down are turned by 90 degrees.
    """
    down = [turn(crop, 90) for crop in crops if is_upright_column(crop)]
    across = [crop for crop in crops if is_upright_column(turn(crop, 90))]
    sideways = sum(line.shape[1] for line in down) > sum(line.shape[1] for line in across)
    lines = sorted(down if sideways else across, key=lambda line: -min(line.shape[1] / line.shape[0], MAX_LENGTH_RATIO))
    return lines[:MAX_SAMPLE_LINES], sideways


def _mean_score(texts: Sequence[Text]) -> float:
    return float(np.mean([text.score for text in texts]))


def _is_cjk(text: str) -> bool:
    """Whether most of a text is Han, kana or Hangul, which are also written in columns."""
    letters = [c for c in text if c.isalpha()]
    columns = sum("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" or "\uf900" <= c <= "\ufaff" for c in letters)
    return columns > len(letters) / 2


class Rectifier:
    """`rectifier(image, options) -> (rectified image, Transform)`; any thread may call.

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

    def __call__(self, image: Image, options: OcrOptions, reading: ReadingTest | None = None) -> tuple[Image, Transform]:
        """image: uint8 (H, W, 3) BGR, given back itself when nothing was to be done.

        reading: asked where the classifier is not sure; without it such a page is left as it is. Also asked whether a
        page reads better flat; without it every bent page is flattened.
        """
        transform = Transform((image.shape[1], image.shape[0]))
        # Turn it upright.
        if options.use_doc_orientation_classify:
            angle = self._page_angle(image, options, reading)
            image, transform = turn(image, angle), replace(transform, angle=angle)
        # Flatten it where it is bent or skewed.
        if options.use_doc_unwarping and self._unwarp is not None:
            grid = self._unwarp.grid(image)
            if bend(grid, *transform.straight_size) >= options.orient.unwarp_thresh:
                flat = sample_by_grid(image, grid)
                if reading is None or reading.reads_better(flat, image):
                    image, transform = flat, replace(transform, grid=grid)
        return image, transform

    def _page_angle(self, image: Image, options: OcrOptions, reading: ReadingTest | None) -> int:
        """By how many degrees to turn a page: as the net says where it is sure and trusted, else as the lines do."""
        if options.orient.page_rule != "lines" and self._classify is not None:
            seen = self._classify([image])[0]
            is_trusted = options.orient.page_rule == "net" or seen.angle == 0 or reading is None
            if is_trusted and seen.score >= options.orient.page_thresh:
                return seen.angle
        return 0 if reading is None else reading.page_angle(image)


def bend(grid: Floats, width: int, height: int) -> float:
    """How far a grid (h, w, 2) is from a page that lies flat and straight: a length, as a fraction of its longer side.

    A flat page may be scaled and shifted, as the net cuts margins off; what is left after the best scale and shift of x
    and of y is skew, perspective and bending: the root of its mean square, in pixels, over the longer side.
    """
    rows, cols = grid.shape[:2]
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float64)
    mean_square = 0.0
    for axis, along, size in ((0, x, width), (1, y, height)):
        values = grid[..., axis].astype(np.float64).ravel()
        slope, shift = np.polyfit(along.ravel(), values, 1)
        mean_square += float((((values - slope * along.ravel() - shift) * size) ** 2).mean())
    return float(np.sqrt(mean_square)) / max(width, height)
