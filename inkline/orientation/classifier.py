"""Orientation of pages (0, 90, 180, 270 degrees) and lines (0, 180): an image to a label and its probability."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inkline.errors import ModelError
from inkline.recognition.recognizer import ParallelMap
from inkline.runtime import Engine
from inkline.runtime.tensors import IMAGENET_MEAN, IMAGENET_STD, normalize_table, resize, to_tensor
from inkline.types import Floats, Image

LINE_PART_HEIGHTS = 4.0  # width of a line part, in line heights: a longer one would lose its letters in a small input
MAX_LINE_PARTS = 5
MAX_TILES_PER_SIDE = 6  # of a page
MIN_PROBABILITY = 1e-6  # no part of an image may outvote all others


@dataclass(frozen=True)
class Orientation:
    """By how many degrees counter-clockwise the image must be turned to be upright, and the net's probabilities.

    scores: one per label, 0..1, in the order of the classifier's labels. score: that of the chosen label.
    """

    angle: int
    score: float
    scores: tuple[float, ...]


class Classifier:
    """An orientation net: `classifier(images) -> list[Orientation]`; any thread may call.

    metadata `inkline.resize` says how an image becomes the net's input: `stretch` to the input size, `center_crop`
    after bringing the shorter side to 8/7 of it, or `pad` on the right after bringing the height to the input height
    (docs/reference_rules.md). Ours look at several parts of an image, each of which is an input, and take the geometric
    mean of what the net says of them: `parts` of a line, stretched, at full contrast and both ways up, and `tiles` of a page.
    """

    def __init__(self, engine: Engine, meta: Mapping[str, str]) -> None:
        """meta: the model's description (see `inkline.registry.inspect`)."""
        self._engine = engine
        self.labels = tuple(int(str(label).removesuffix("_degree")) for label in json.loads(meta["inkline.labels"]))
        self._rule = meta.get("inkline.resize", "stretch")
        if self._rule not in ("stretch", "center_crop", "pad", "parts", "tiles"):
            raise ModelError(f"orientation resize rule {self._rule!r} is unknown; update inkline")
        self._height, self._width = int(meta["inkline.input_height"]), int(meta["inkline.input_width"])
        self._table = normalize_table(
            json.loads(meta.get("inkline.mean", json.dumps(IMAGENET_MEAN))),
            json.loads(meta.get("inkline.std", json.dumps(IMAGENET_STD))),
        )
        self._rgb = meta.get("inkline.channel_order", "RGB") == "RGB"

    def __call__(self, images: Sequence[Image], batch_size: int = 8, run: ParallelMap = map) -> list[Orientation]:
        """Orientations of images uint8 (H, W, 3) BGR, in order; `batch_size` inputs go through the net together."""
        # Images become parts, parts batches, and what is said of the parts is put together again.
        parts = [self._parts(image) for image in images]
        inputs = [part for several in parts for part in several]
        batches = [inputs[at : at + batch_size] for at in range(0, len(inputs), batch_size)]
        scores = iter(row for batch in run(self._scores, batches) for row in batch)
        return [self._orientation([next(scores) for _ in several]) for several in parts]

    def _parts(self, image: Image) -> list[Image]:
        if self._rule == "parts":
            parts = line_parts(image)
            return parts + [part[::-1, ::-1] for part in parts]
        return page_tiles(image, self._height) if self._rule == "tiles" else [image]

    def _scores(self, images: Sequence[Image]) -> Floats:
        x = np.zeros((len(images), 3, self._height, self._width), np.float32)
        for row, image in enumerate(images):
            self._fill(image, x[row])
        return np.asarray(self._engine(x)[0], np.float32)

    def _orientation(self, scores: Sequence[Floats]) -> Orientation:
        """What the parts of an image say together; those of a line shown upside down say the opposite."""
        if self._rule == "parts":
            half = len(scores) // 2
            scores = [*scores[:half], *(row[::-1] for row in scores[half:])]
        together = scores[0]
        if len(scores) > 1:
            together = np.exp(np.log(np.maximum(scores, MIN_PROBABILITY)).mean(axis=0))
            together /= together.sum()
        best = int(together.argmax())
        return Orientation(self.labels[best], float(together[best]), tuple(together.tolist()))

    def _fill(self, image: Image, out: Floats) -> None:
        """Write an image, brought to the net's input size by the rule, into `out`, float32 (3, height, width)."""
        h, w = image.shape[:2]
        if self._rule in ("stretch", "parts", "tiles"):
            image = resize(image, self._height, self._width)
            if self._rule == "parts":
                image = full_contrast(image)
        elif self._rule == "pad":
            image = resize(image, self._height, min(math.ceil(self._height * w / h), self._width))
        else:
            scale = self._height * 8 / 7 / min(h, w)
            shrink = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
            size = (max(round(w * scale), self._width), max(round(h * scale), self._height))
            image = np.asarray(cv2.resize(image, size, interpolation=shrink), np.uint8)
            top, left = (image.shape[0] - self._height) // 2, (image.shape[1] - self._width) // 2
            image = image[top : top + self._height, left : left + self._width]
        to_tensor(image, self._table, out, self._rgb)


def line_parts(image: Image, most: float = LINE_PART_HEIGHTS, count: int = MAX_LINE_PARTS) -> list[Image]:
    """Up to `count` parts of a line, spread evenly, each at most `most` times its height wide; a short line in one."""
    height, width = image.shape[:2]
    kept = max(1, round(height * most))
    if width <= kept:
        return [image]
    return [image[:, x : x + kept] for x in _starts(width, kept, count)]


def full_contrast(image: Image) -> Image:
    """The image with its values spread over 0..255 but for 2 % at each end, so that faint signs are as plain as print.

    A range of less than 32 is spread as one of 32, lest the grain of empty paper look like ink.
    """
    # As numpy's percentiles of all values, from how often each is there.
    below = np.cumsum(cv2.calcHist([image.reshape(-1, 1)], [0], None, [256], [0, 256]).ravel().astype(np.int64))
    at, part = np.divmod(np.array([0.02, 0.98]) * (image.size - 1), 1)
    first = np.searchsorted(below, at, "right")
    last = np.searchsorted(below, np.minimum(at + 1, image.size - 1), "right")
    step = (last - first).astype(np.float64)
    low, high = np.where(part < 0.5, first + step * part, last - step * (1 - part))
    spread = (np.arange(256) - (low + high) / 2) * (255 / max(float(high - low), 32.0)) + 127.5
    return np.asarray(cv2.LUT(image, np.clip(spread, 0, 255).astype(np.uint8)), np.uint8)


def page_tiles(image: Image, side: int) -> list[Image]:
    """Squares of a page, its shorter side brought to `side` and to twice that, which cover it twice.

    A page more than three times as long as wide shows gaps; its longer side is 16 times `side` at most.
    """
    height, width = image.shape[:2]
    tiles = []
    for factor in (1, 2):
        scale = min(factor * side / min(height, width), 16 * side / max(height, width))
        size = max(round(width * scale), side), max(round(height * scale), side)
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        page = np.asarray(cv2.resize(image, size, interpolation=shrink), np.uint8)
        xs, ys = (_starts(length, side, MAX_TILES_PER_SIDE) for length in size)
        tiles += [page[y : y + side, x : x + side] for y in ys for x in xs]
    return tiles


def _starts(length: int, part: int, most: int) -> list[int]:
    """Where parts begin that cover a length evenly, `most` of them at most: then they leave gaps; one in the middle."""
    count = min(-(-length // part), most)
    if count == 1:
        return [(length - part) // 2]
    return [round(i * (length - part) / (count - 1)) for i in range(count)]
