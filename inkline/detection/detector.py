"""Text detection: an image to boxes."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from inkline.detection.db import db_boxes
from inkline.detection.east import east_boxes
from inkline.detection.multiscale import closer_size, glances, is_sparse, merge_looks, share, tiles, windows
from inkline.detection.sast import SastMaps, sast_boxes
from inkline.errors import ModelError, near
from inkline.options import DetectOptions
from inkline.runtime import Engine
from inkline.runtime.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    detect_size,
    normalize_table,
    pad_tiny,
    resize,
    to_tensor,
)
from inkline.types import Detections, Floats, Image


def _db(maps: Sequence[Floats], width: int, height: int, options: DetectOptions) -> Detections:
    return db_boxes(maps[0][0], width, height, options)


def _east(maps: Sequence[Floats], width: int, height: int, options: DetectOptions) -> Detections:
    return east_boxes(maps[0][0], maps[1], width, height, options)


def _sast(maps: Sequence[Floats], width: int, height: int, options: DetectOptions) -> Detections:
    return sast_boxes(SastMaps(maps[0][0], *maps[1:4]), width, height, options)


# by the metadata `inkline.postprocess`: the net's outputs for one image, (C, h, w) each, to boxes
POSTPROCESS = {"db": _db, "east": _east, "sast": _sast}


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
        self._tiled = kind == "db"  # one map at the input's resolution, which tiles can be put together to
        self._multiple = int(meta.get("inkline.input_multiple", "32"))

    def __call__(self, image: Image, options: DetectOptions) -> Detections:
        """Boxes of an image uint8 (H, W, 3) BGR, in no particular order.

        One look at the whole page, or, where a smaller one at `sparse_side_len` shows that most of it is empty, at windows
        around what that saw; a closer look where the text is small. Where there is little text, the boxes of the smaller
        look join, which finds letters too large for the first.
        """
        padded = pad_tiny(image)
        height, width = padded.shape[:2]
        if not self._tiled:
            options = replace(options, tile_side=0)
        size = detect_size(height, width, options)
        if options.input_shape is not None:
            return self._look(padded, size, options)
        small = detect_size(height, width, replace(options, limit_side_len=options.sparse_side_len or 32))
        again = options.sparse_side_len > 0 and small[0] * small[1] < size[0] * size[1]
        seen = self._glance(padded, small, size, options) if again and self._tiled else None
        found = self._look(padded, size, options, seen)
        closer = closer_size(found, height, width, size, options)
        if closer != size:
            return merge_looks(self._look(padded, closer, options, seen), found)
        if seen is not None:
            return merge_looks(found, self._boxes([seen[None]], width, height, options))
        if again and is_sparse(found, size):
            found = merge_looks(found, self._look(padded, small, options))
        return found

    def _glance(
        self, image: Image, small: tuple[int, int], size: tuple[int, int], options: DetectOptions
    ) -> Floats | None:
        """The map of a look at size `small` where that says that one at `size` need not see the whole page, else None."""
        seen = None
        for at, least, most in glances(image.shape[0], small, size):
            seen = self._map(image, at, options)
            if share(seen, size, least) > most:
                return None
        return seen

    def _look(
        self, image: Image, size: tuple[int, int], options: DetectOptions, seen: Floats | None = None
    ) -> Detections:
        """Boxes of an image seen at a net size; with `seen`, a smaller look's map, only where that saw anything."""
        if self._tiled:
            maps = [self._map(image, size, options, seen)[None]]
            most = options.max_candidates * math.ceil(maps[0].size / (options.tile_side or max(size)) ** 2)
            options = replace(options, max_candidates=most)
        else:
            maps = self._maps(resize(image, *(-(-side // self._multiple) * self._multiple for side in size)))
        return self._boxes(maps, image.shape[1], image.shape[0], options)

    def _map(self, image: Image, size: tuple[int, int], options: DetectOptions, seen: Floats | None = None) -> Floats:
        """Probabilities (H, W) of an image seen at a net size: in tiles where it is larger than one, or in windows."""
        shown, probability = resize(image, *size), np.zeros(size, np.float32)
        side = options.tile_side or max(size)
        for tile in tiles(*size, side) if seen is None else windows(seen, size, side):
            (y0, y1, x0, x1), (top, bottom, left, right) = tile.window, tile.kept
            part = self._maps(shown[y0:y1, x0:x1])[0][0]
            probability[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
        return probability

    def _maps(self, image: Image) -> list[Floats]:
        """The net's outputs (C, h, w) for an image of a size that the net takes."""
        x = np.empty((1, 3, *image.shape[:2]), np.float32)
        to_tensor(image, self._table, x[0], self._rgb)
        return [output[0] for output in self._engine(x)]
