"""Text detection: an image to boxes."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from inkline.detection.db import db_boxes
from inkline.detection.east import east_boxes
from inkline.detection.multiscale import (
    STRIDE_PX,
    coarse_passes,
    detect_size,
    finer_size,
    has_little_text,
    merge_passes,
    pad_tiny,
    text_windows,
    tiles,
    windows_share,
)
from inkline.detection.sast import SastMaps, sast_boxes
from inkline.errors import ModelError, near
from inkline.options import MIN_TILE_PX, DetectOptions
from inkline.runtime import Engine
from inkline.runtime.tensors import IMAGENET_MEAN, IMAGENET_STD, normalize_table, resize, to_tensor
from inkline.types import Detections, Floats, Image

Postprocess = Callable[[Sequence[Floats], int, int, DetectOptions], Detections]

# by the metadata `inkline.postprocess`: the net's outputs for one image, (C, h, w) each, to boxes
POSTPROCESS: Mapping[str, Postprocess] = {
    "db": lambda maps, width, height, options: db_boxes(maps[0][0], width, height, options),
    "east": lambda maps, width, height, options: east_boxes(maps[0][0], maps[1], width, height, options),
    "sast": lambda maps, width, height, options: sast_boxes(SastMaps(maps[0][0], *maps[1:4]), width, height, options),
}


class Detector:
    """Finds text: `detector(image, options) -> Detections` in the image's pixels; any thread may call."""

    def __init__(self, engine: Engine, meta: Mapping[str, str]) -> None:
        """meta: the model's description (see `inkline.registry.inspect`)."""
        self._engine = engine
        self._table = normalize_table(
            json.loads(meta.get("inkline.mean", json.dumps(IMAGENET_MEAN))),
            json.loads(meta.get("inkline.std", json.dumps(IMAGENET_STD))),
        )
        self._rgb = meta.get("inkline.channel_order", "BGR") == "RGB"
        kind = meta.get("inkline.postprocess", "db")
        if kind not in POSTPROCESS:
            raise ModelError(f"detector post-processing {kind!r} is unknown{near(kind, POSTPROCESS)}; update inkline")
        self._boxes = POSTPROCESS[kind]
        self._multiscale = kind == "db"  # one map at the input's resolution, which tiles can be put together to
        self._multiple = int(meta.get("inkline.input_multiple", str(STRIDE_PX)))
        sides = [int(meta.get(f"inkline.input_{side}", "0")) for side in ("height", "width")]
        self._fixed = (sides[0], sides[1]) if all(sides) else None
        if self._fixed and min(self._fixed) < MIN_TILE_PX:
            raise ModelError(f"this detector takes {sides[0]} x {sides[1]} px alone, too few for a page; give one of any size")

    def __call__(self, image: Image, options: DetectOptions) -> Detections:
        """Boxes of an image uint8 (H, W, 3) BGR, in no particular order.

        One pass over the whole page, or, where a coarse one at `sparse_side_len` shows that most of it is empty, over
        windows around the text it saw; a finer pass where the text is small. Where there is little text, the boxes of the
        coarse pass join, which finds letters too large for the full one.
        """
        # The size of the full pass, and that of the coarse one if it is to be made.
        padded = pad_tiny(image)
        height, width = padded.shape[:2]
        if not self._multiscale:
            options = replace(options, tile_side=0)
        size = detect_size(height, width, options)
        if options.input_shape is not None:
            return self._detect_at(padded, size, options)
        coarse = detect_size(height, width, replace(options, limit_side_len=options.sparse_side_len or STRIDE_PX))
        wants_coarse = options.sparse_side_len > 0 and coarse[0] * coarse[1] < size[0] * size[1]
        # A coarse pass first, where it can spare the full one most of the page.
        seen = self._coarse_map(padded, coarse, size, options) if wants_coarse and self._multiscale else None
        found = self._detect_at(padded, size, options, seen)
        # A finer pass for small text; else what only the coarse pass shows.
        finer = finer_size(found, height, width, size, options)
        if finer != size:
            return merge_passes(self._detect_at(padded, finer, options, seen), found)
        if seen is not None:
            return merge_passes(found, self._boxes([seen[None]], width, height, options))
        if wants_coarse and has_little_text(found, size):
            found = merge_passes(found, self._detect_at(padded, coarse, options))
        return found

    def _coarse_map(
        self, image: Image, coarse: tuple[int, int], size: tuple[int, int], options: DetectOptions
    ) -> Floats | None:
        """The map (h, w) of a pass at the size `coarse`; None where the pass at `size` should see the whole page."""
        probability = None
        for step in coarse_passes(image.shape[0], coarse, size):
            probability = self._map(image, step.size, options)
            if windows_share(probability, size, step.min_probability) > step.max_share:
                return None
        return probability

    def _detect_at(self, image: Image, size: tuple[int, int], options: DetectOptions, seen: Floats | None = None) -> Detections:
        """Boxes of a pass at a net size; with `seen`, a coarse pass's map, only where that saw anything."""
        if self._multiscale:
            maps = [self._map(image, size, options, seen)[None]]
            tile_count = math.ceil(maps[0].size / (options.tile_side or max(size)) ** 2)
            options = replace(options, max_candidates=options.max_candidates * tile_count)
        else:
            rows, columns = self._fixed or (math.ceil(side / self._multiple) * self._multiple for side in size)
            maps = self._run(resize(image, rows, columns))
        return self._boxes(maps, image.shape[1], image.shape[0], options)

    def _map(self, image: Image, size: tuple[int, int], options: DetectOptions, seen: Floats | None = None) -> Floats:
        """Probabilities (H, W) of an image at a net size: in tiles where it is larger than one, or in windows.

        A net of one size sees tiles that are no larger, what is smaller with its edge drawn out.
        """
        resized, side = resize(image, *size), min([options.tile_side or max(size), *(self._fixed or ())])
        windows = tiles(*size, side) if seen is None else text_windows(seen, size, side)
        if len(windows) == 1 and windows[0].kept == (0, size[0], 0, size[1]):
            return np.asarray(self._run(resized)[0][0][: size[0], : size[1]], np.float32)
        probability = np.zeros(size, np.float32)
        for tile in windows:
            (y0, y1, x0, x1), (top, bottom, left, right) = tile.window, tile.kept
            part = self._run(resized[y0:y1, x0:x1])[0][0]
            probability[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
        return probability

    def _run(self, image: Image) -> list[Floats]:
        """The net's outputs (C, h, w) for an image of a size that the net takes, or of less than the one that it takes."""
        if self._fixed:
            missing = [fixed - side for fixed, side in zip(self._fixed, image.shape, strict=False)]
            image = np.asarray(cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE), np.uint8)
        x = np.empty((1, 3, *image.shape[:2]), np.float32)
        to_tensor(image, self._table, x[0], self._rgb)
        return [output[0] for output in self._engine(x)]
