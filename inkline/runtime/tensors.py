"""From an image to a net's input: resampling and normalisation."""

from collections.abc import Sequence

import cv2
import numpy as np

from inkline.types import Floats, Image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize(image: Image, height: int, width: int) -> Image:
    """Bilinear, without antialiasing, as the nets were trained; the image itself when the size fits."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def normalize_table(mean: Sequence[float], std: Sequence[float]) -> Floats:
    """The 256 values (v / 255 - mean) / std of each of three channels: float32 (3, 256)."""
    values = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    return np.stack([(values - np.float32(m)) / np.float32(s) for m, s in zip(mean, std, strict=True)])


def to_tensor(image: Image, table: Floats, out: Floats, rgb: bool = False) -> None:
    """Write uint8 (H, W, 3) as normalised planes into the top left of `out`, float32 (3, >=H, >=W).

    Plane c holds channel c of the image looked up in row c of `table` (`normalize_table`); `rgb` reverses the channels.
    """
    h, w = image.shape[:2]
    planes = cv2.split(image)
    for c, plane in enumerate(reversed(planes) if rgb else planes):
        cv2.LUT(plane, table[c], out[c, :h, :w])
