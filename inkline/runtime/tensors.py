"""From an image to a net's input: sizes, resampling, normalisation."""

from collections.abc import Sequence

import cv2
import numpy as np

from inkline.types import Floats, Image

LINE_PART = 4.0  # line heights: of a longer part, squeezed to a small input, too little of the letters would be left
LINE_PARTS = 5  # of a line are looked at
TILES = 6  # of a page are looked at along each side
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def line_parts(image: Image, most: float = LINE_PART, count: int = LINE_PARTS) -> list[Image]:
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
    low, high = np.percentile(image, (2, 98))
    spread = (image.astype(np.float32) - (low + high) / 2) * (255 / max(float(high - low), 32.0)) + 127.5
    return np.asarray(np.clip(spread, 0, 255), np.uint8)


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
        places = [(y, x) for y in _starts(size[1], side, TILES) for x in _starts(size[0], side, TILES)]
        tiles += [page[y : y + side, x : x + side] for y, x in places]
    return tiles


def _starts(length: int, part: int, most: int) -> list[int]:
    """Where parts begin that cover a length evenly, `most` of them at most: then they leave gaps; one in the middle."""
    count = min(-(-length // part), most)
    if count == 1:
        return [(length - part) // 2]
    return [round(i * (length - part) / (count - 1)) for i in range(count)]


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
        out[c, :h, :w] = cv2.LUT(plane, table[c])
