"""Turning a page upright and flattening it: by two nets where they are sure, and by reading its lines where they are not.

No net was trained for reading as a test: the detector says which way lines run, and the recogniser reads upright text with
more confidence than text that is upside down (measured in `benchmarks/orient.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inkline.errors import StageError
from inkline.layout.geometry import crop_quad, is_upright_column, sample_by_grid, turn
from inkline.layout.skew import page_skew
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.orientation.unwarper import Unwarper
from inkline.recognition.recognizer import ParallelMap
from inkline.transform import Floats, Transform, through_grid
from inkline.types import Detections, Image, Text

NOT_OPENED = "this object was opened without that model; enable the stage when creating the object: Ocr(use_...=True)"

MAX_SAMPLE_LINES = 8  # lines of a page that are read to learn which way is up
LOOK_LINES = 3  # that the line classifier sees, of a page that nobody said may be turned
MIN_TURNED_LINES = 2  # of them that look upside down, for the page to be tested by reading
MAX_LENGTH_RATIO = 12  # a line longer than this many times its height tells no more
MIN_SCORE_GAIN = 0.05  # mean scores of two ways up that are closer than this decide nothing
ENOUGH_LINES = 5  # fewer tell something only when they read with a mean score of LEGIBLE_SCORE
LEGIBLE_SCORE = 0.8
SECOND_PASS_SIZE = 976, 1424  # in pixels, of the flat page that the net sees again: twice its input
CONFIDENT_SCORE = 0.9  # from here a line counts as read, where two versions of a page are compared

Find = Callable[[Image], Detections]
Read = Callable[[Sequence[Image]], list[Text]]


class ReadingTest:
    """What reading some lines tells about a page.

    find: boxes of an image; read: texts of line images; run: maps over batches of the line classifier.
    """

    def __init__(self, find: Find, read: Read, run: ParallelMap = map) -> None:
        self._find, self._read, self._run = find, read, run

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

    def looks_turned(self, image: Image, classify: Classifier) -> bool:
        """Whether a page is worth that test: its lines run down, or most of some look upside down to the line classifier."""
        quads = self._find(image).quads
        across, down = (np.linalg.norm(quads[:, 0] - quads[:, corner], axis=1) for corner in (1, 3))
        is_down = down >= 1.5 * across
        if down[is_down].sum() > across[~is_down].sum():
            return True
        ratios = np.where(is_down, 0.0, np.minimum(across / np.maximum(down, 1), MAX_LENGTH_RATIO))
        longest = np.argsort(-ratios, kind="stable")[:LOOK_LINES]
        crops = [crop for i in longest if (crop := crop_quad(image, quads[i])) is not None]
        return sum(line.angle == 180 for line in classify(crops, run=self._run)) >= MIN_TURNED_LINES

    def reads_better(self, changed: Image, original: Image) -> bool:
        """Whether a changed page has more characters in lines that are read with confidence than the original.

        The mean score would not tell: a bent line that breaks into words, or is not found at all, costs it nothing.
        """
        return self._confident_characters(changed) > self._confident_characters(original)

    def boxes(self, image: Image) -> Floats:
        """The quads (N, 4, 2) that are found on an image."""
        return self._find(image).quads

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

    classify, unwarp: the nets that were opened; None for a stage that cannot be asked for. look: the classifier of lines, for
    pages that nobody said may be turned.
    """

    def __init__(self, classify: Classifier | None, unwarp: Unwarper | None, look: Classifier | None = None) -> None:
        self._classify, self._unwarp, self._look = classify, unwarp, look

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
        angle = 0
        if options.use_doc_orientation_classify:
            angle = self._page_angle(image, options, reading)
        elif options.orient.look and self._look is not None and reading is not None:
            angle = reading.page_angle(image) if reading.looks_turned(image, self._look) else 0
        image, transform = turn(image, angle), replace(transform, angle=angle)
        # Flatten it where it is bent.
        if options.use_doc_unwarping and self._unwarp is not None:
            grid = self._flat_grid(self._unwarp, image, options.orient.unwarp_thresh)
            if grid is not None:
                size = flat_size(grid, *transform.straight_size)
                flat = sample_by_grid(image, grid, size)
                if reading is None or reading.reads_better(flat, image):
                    return flat, replace(transform, grid=grid, flat_size=size)
        # Or straighten it, where its lines rise or fall.
        return _straightened(image, transform, options, reading)

    @staticmethod
    def _flat_grid(unwarp: Unwarper, image: Image, thresh: float) -> Floats | None:
        """The grid that flattens a page, None for one that is not bent by `thresh`; what it leaves bent is flattened too."""
        size = image.shape[1], image.shape[0]
        grid = unwarp.grid(image)
        if bend(grid, *size) < thresh:
            return None
        again = unwarp.grid(sample_by_grid(image, grid, SECOND_PASS_SIZE))
        return through_grid(grid, _uncropped(again)) if bend(again, *flat_size(grid, *size)) >= thresh else grid

    def _page_angle(self, image: Image, options: OcrOptions, reading: ReadingTest | None) -> int:
        """By how many degrees to turn a page: as the net says where it is sure and trusted, else as the lines do."""
        if options.orient.page_rule != "lines" and self._classify is not None:
            seen = self._classify([image])[0]
            is_trusted = options.orient.page_rule == "net" or seen.angle == 0 or reading is None
            if is_trusted and seen.score >= options.orient.page_thresh:
                return seen.angle
        return 0 if reading is None else reading.page_angle(image)


def _straightened(
    image: Image, transform: Transform, options: OcrOptions, reading: ReadingTest | None
) -> tuple[Image, Transform]:
    """A page that was not flattened, turned so that its lines are level; itself where they are, or nobody asked for it."""
    if not options.orient.deskew or reading is None:
        return image, transform
    quads = reading.boxes(image)
    skew = page_skew(quads)
    if not skew:
        return image, transform
    grid, size = straight_grid(*transform.straight_size, skew, quads)
    return sample_by_grid(image, grid, size), replace(transform, grid=grid, flat_size=size)


def straight_grid(width: int, height: int, skew: float, quads: Floats) -> tuple[Floats, tuple[int, int]]:
    """The grid (2, 2, 2) that turns a page whose lines rise by some degrees, and the size of the straight page.

    width, height: of the page, in pixels. The straight page is as large, about the same middle, and larger where its quads
    (N, 4, 2) reach further: corners of the page on which nothing was found are cut off.
    """
    # A page turned about its middle, with what was found on it and a margin around that.
    cos, sin = np.cos(np.radians(skew)), np.sin(np.radians(skew))
    turn_back = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([width - 1, height - 1]) / 2
    found = (quads.reshape(-1, 2) - middle) @ turn_back.T
    low, high = np.floor(np.minimum(found.min(axis=0), -middle)), np.ceil(np.maximum(found.max(axis=0), middle))
    # Its corners, back on the page as it is.
    x, y = np.meshgrid([low[0], high[0]], [low[1], high[1]])
    corners = np.stack([x, y], axis=-1) @ turn_back + middle
    grid = (corners / np.maximum([width - 1, height - 1], 1)).astype(np.float32)
    return grid, (int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)


def _uncropped(grid: Floats) -> Floats:
    """A grid (h, w, 2) without its scale and shift: the net cuts the margins off, which a page that was cut out has lost."""
    y, x = np.mgrid[0 : 1 : grid.shape[0] * 1j, 0 : 1 : grid.shape[1] * 1j]
    out = np.empty_like(grid)
    for axis, along in enumerate((x, y)):
        slope, shift = np.polyfit(along.ravel(), grid[..., axis].ravel(), 1)
        out[..., axis] = grid[..., axis] - slope * along - shift + along
    return out


def flat_size(grid: Floats, width: int, height: int) -> tuple[int, int]:
    """The size of the flat page: as wide to high as its rows and columns are long, with as many pixels as the photograph.

    width, height: of the photograph, in pixels. The net's page fills its grid whatever its shape: without this a receipt in
    a wide photograph would come out as wide as that.
    """
    at = grid * np.array([width, height], np.float32)
    across, down = (float(np.linalg.norm(np.diff(at, axis=axis), axis=-1).sum(axis=axis).mean()) for axis in (1, 0))
    scale = (width * height / max(across * down, 1.0)) ** 0.5
    return max(1, round(across * scale)), max(1, round(down * scale))


def bend(grid: Floats, width: int, height: int) -> float:
    """How far lines of text leave a straight line where a grid (h, w, 2) flattens them: as a fraction of the longer side.

    For each row of the grid the root of the mean square of what is left after the best straight line through it, in pixels
    of the photograph (width x height); of these the median. Skew and perspective count for nothing: lines are cut out along
    their own slant. Scans have up to 0.002 by the published net's error, bent pages of photographs 0.004 and more.
    """
    at = grid.astype(np.float64) * [width, height]
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (at[..., 0], at[..., 1]))
    slope = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-9)
    off = np.sqrt(((y - slope[:, None] * x) ** 2).mean(axis=1))
    return float(np.median(off)) / max(width, height)
