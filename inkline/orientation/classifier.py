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
from inkline.runtime.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    full_contrast,
    line_parts,
    normalize_table,
    page_tiles,
    resize,
    to_tensor,
)
from inkline.types import Floats, Image

LEAST = 1e-6  # probability: so sure that no other part counts is no part


@dataclass(frozen=True)
class Orientation:
    """By how many degrees counter-clockwise the image must be turned to be upright, and the net's probabilities.

    scores: one a label, 0..1, in the order of the classifier's labels. score: that of the chosen label.
    """

    angle: int
    score: float
    scores: tuple[float, ...]


class Classifier:
    """An orientation net: `classifier(images) -> list[Orientation]`; any thread may call.

    metadata `inkline.resize` says how an image becomes the net's input: `stretch` to the input size, `center_crop`
    after bringing the shorter side to 8/7 of it, or `pad` on the right after bringing the height to the input height
    (FACTS 3.8). Ours look at several parts of an image, each of which is an input, and take the geometric mean of what
    the net says of them: `parts` of a line, stretched, at full contrast and both ways up, and `tiles` of a page.
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
        """What the parts of an image say together; those of a line on its head say the opposite."""
        if self._rule == "parts":
            half = len(scores) // 2
            scores = [*scores[:half], *(row[::-1] for row in scores[half:])]
        together = scores[0]
        if len(scores) > 1:
            together = np.exp(np.log(np.maximum(scores, LEAST)).mean(axis=0))
            together /= together.sum()
        best = int(together.argmax())
        return Orientation(self.labels[best], float(together[best]), tuple(together.tolist()))

    def _fill(self, image: Image, out: Floats) -> None:
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
