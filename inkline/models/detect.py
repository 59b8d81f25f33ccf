"""Text detection: an image to boxes."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from inkline.engine import Engine
from inkline.errors import ModelError, near
from inkline.ops.dbnet import db_boxes
from inkline.ops.east import east_boxes
from inkline.ops.image import IMAGENET_MEAN, IMAGENET_STD, detect_size, normalize_table, pad_tiny, resize, to_tensor
from inkline.ops.looks import closer_size, is_sparse, merge_looks, tiles
from inkline.ops.sast import SastMaps, sast_boxes
from inkline.options import DetectOptions
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
        """meta: the model's description (see `inkline.zoo.local`)."""
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

        One look at the whole page; a closer one where its text is small; another at `sparse_side_len` where there is
        little text, which finds letters too large for the first.
        """
        padded = pad_tiny(image)
        height, width = padded.shape[:2]
        if not self._tiled:
            options = replace(options, tile_side=0)
        size = detect_size(height, width, options)
        found = self._look(padded, size, options)
        if options.input_shape is not None:
            return found
        closer = closer_size(found, height, width, size, options)
        if closer != size:
            return merge_looks(self._look(padded, closer, options), found)
        if options.sparse_side_len and is_sparse(found, size):
            other = detect_size(height, width, replace(options, limit_side_len=options.sparse_side_len))
            if other[0] * other[1] < size[0] * size[1]:
                found = merge_looks(found, self._look(padded, other, options))
        return found

    def _look(self, image: Image, size: tuple[int, int], options: DetectOptions) -> Detections:
        """Boxes of an image seen at a net size, in tiles where that is larger than one."""
        shown = resize(image, *(-(-side // self._multiple) * self._multiple for side in size))
        if not options.tile_side or max(size) <= options.tile_side:
            maps = self._maps(shown)
        else:
            probability = np.empty((1, *size), np.float32)
            for tile in tiles(*size, options.tile_side):
                (y0, y1, x0, x1), (top, bottom, left, right) = tile.window, tile.kept
                part = self._maps(shown[y0:y1, x0:x1])[0]
                probability[:, top:bottom, left:right] = part[:, top - y0 : bottom - y0, left - x0 : right - x0]
            most = options.max_candidates * math.ceil(probability.size / options.tile_side**2)
            maps, options = [probability], replace(options, max_candidates=most)
        return self._boxes(maps, image.shape[1], image.shape[0], options)

    def _maps(self, image: Image) -> list[Floats]:
        """The net's outputs (C, h, w) for an image of a size that the net takes."""
        x = np.empty((1, 3, *image.shape[:2]), np.float32)
        to_tensor(image, self._table, x[0], self._rgb)
        return [output[0] for output in self._engine(x)]
