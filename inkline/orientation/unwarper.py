"""Unwarping: a photographed, bent page to a flat one, and the way back."""

from collections.abc import Mapping

import cv2
import numpy as np

from inkline.errors import ModelError
from inkline.layout.geometry import sample_by_grid
from inkline.runtime import Engine
from inkline.types import Floats, Image


class Unwarper:
    """Flattens a page: `unwarper(image) -> (flat image, grid)`; any thread may call.

    The net must answer with its sampling grid (1, 2, h, w) or (1, h, w, 2), x and y in -1..1 with corners aligned
    (UVDoc, Verhoeven et al., 2023); the image that published nets answer with beside it is not used, since it would
    leave no way back to the file's pixels. ModelError when there is no grid (see `inkline.registry.onnx_file`).
    """

    HEIGHT, WIDTH = 712, 488  # the net's input, where the file fixes no other

    def __init__(self, engine: Engine, meta: Mapping[str, str]) -> None:
        self._engine = engine
        self._rgb = meta.get("inkline.channel_order", "BGR") == "RGB"
        self._height = int(meta.get("inkline.input_height", self.HEIGHT))
        self._width = int(meta.get("inkline.input_width", self.WIDTH))

    def __call__(self, image: Image) -> tuple[Image, Floats]:
        """The flat image, of the size of `image` uint8 (H, W, 3), and the grid (h, w, 2) that `Transform` takes."""
        grid = self.grid(image)
        return sample_by_grid(image, grid), grid

    def grid(self, image: Image) -> Floats:
        """Where each point of the flat page lies in `image` uint8 (H, W, 3): float32 (h, w, 2), as `Transform` takes it."""
        # As the net was trained: bilinear with the corners aligned, which cv2.resize does not do.
        h, w = image.shape[:2]
        step = np.array([[(w - 1) / (self._width - 1), 0, 0], [0, (h - 1) / (self._height - 1), 0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        small = cv2.warpAffine(image, step, (self._width, self._height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if self._rgb:
            small = small[:, :, ::-1]
        x = np.ascontiguousarray(small.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)
        for output in reversed(self._engine(x)):  # a published net gives its image first, then the grid
            if output.ndim == 4 and 2 in (output.shape[1], output.shape[3]):
                points = output[0] if output.shape[3] == 2 else output[0].transpose(1, 2, 0)
                return np.ascontiguousarray((points + 1) / 2, np.float32)
        raise ModelError("this unwarping net gives no sampling grid; use the published UVDoc or one of `inkline export`")
