"""Pixels of any kind to BGR uint8: ranges of values, grey, and transparency."""

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.errors import SourceError, TooLargeError
from inkline.types import Floats, Image

Pixels = NDArray[Any]

AROUND_TEXT_PX = 9  # around visible pixels of an image with alpha: what lies closer together is one region
MIN_EDGE_SHARE = 0.15  # of the visible pixels of a region, at its edges: it is text and no picture
MIN_SEEN_CONTRAST = 64  # grey levels, below which text cannot be seen on what lies under it


def array_to_bgr(array: Pixels, max_pixels: int) -> Image:
    """A user's array as BGR uint8 (H, W, 3), C-contiguous and read-only, without a copy where it is that already.

    Taken: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) BGR, (H, W, 4) BGRA; of booleans, integers or
    floats (see `value_range`). Errors: SourceError for any other shape or type, TooLargeError above `max_pixels`.
    """
    array = np.asarray(array)
    _check_array(array)
    check_size(array.shape[1], array.shape[0], max_pixels)
    if array.dtype != np.uint8:
        # The alpha channel, which always spans its whole range, says nothing about the colours'.
        has_alpha = array.ndim == 3 and array.shape[2] in (2, 4)
        array = to_uint8(array, value_range([array[:, :, :-1] if has_alpha else array]))
    out = np.ascontiguousarray(_to_three_channels(array)).view()
    out.flags.writeable = False
    return out


def _check_array(array: Pixels) -> None:
    """SourceError for an array that cannot be an image."""
    if array.dtype.kind not in "buif":
        raise SourceError(f"an array of type {array.dtype} is no image: give uint8, uint16, float or bool")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        hint = "give (H, W) or (H, W, 3) in BGR order"
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = "channels come last: array.transpose(1, 2, 0)"
        raise SourceError(f"an array of shape {array.shape} is no image; {hint}")
    if array.size == 0:
        raise SourceError(f"an array of shape {array.shape} has no pixels")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """TooLargeError when an image has more pixels than allowed, SourceError when it has none."""
    if width < 1 or height < 1:
        raise SourceError(f"an image of {width} x {height} pixels has nothing to read")
    if width * height > max_pixels:
        raise TooLargeError(
            f"{width} x {height} pixels are more than the {max_pixels} allowed; make it smaller or raise max_image_pixels"
        )


def check_bytes(width: int, height: int, per_pixel: int, limit: int) -> None:
    """TooLargeError when decoding an image, at some bytes per pixel, takes more memory than allowed."""
    size = width * height * per_pixel
    if size > limit:
        raise TooLargeError(
            f"{width} x {height} pixels take {size >> 20} MiB to decode, more than max_decode_bytes={limit}; make it smaller"
        )


def value_range(strips: Iterable[Pixels]) -> tuple[float, float]:
    """Which values of the pixels mean black and white; SourceError where none is finite, others do not count.

    Floats within 0..1 (with a little overshoot) span 0..1; values with negative ones span their own minimum to maximum;
    others span 0 to the largest number of as many bits as the highest of them has, at least 8. So 16-bit scans that use
    ten or twelve bits come out neither black nor clipped, and a blank page stays blank.
    """
    low, high, floats = math.inf, -math.inf, False
    for strip in strips:
        floats = strip.dtype.kind == "f"
        if strip.dtype.kind == "b":
            return 0.0, 1.0
        # Lowest and highest of the values that count, over all strips.
        finite = strip[np.isfinite(strip)] if floats else strip
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise SourceError("all pixels are NaN or infinite, so there is nothing to read; give finite values")
    if floats and low >= -0.5 and high <= 1.5:
        return 0.0, 1.0
    if low < 0:  # signed values: no convention says what is black
        return low, max(high, low + 1)
    return 0.0, 2.0 ** max(8, math.ceil(math.log2(high + 1))) - 1


def to_uint8(strip: Pixels, span: tuple[float, float]) -> NDArray[np.uint8]:
    """Values to 0..255, where `span` says what is black and white; what lies beyond is clipped, NaN is white."""
    black, white = span
    scaled = (strip.astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black))
    clipped = np.clip(np.nan_to_num(scaled, nan=255.0, posinf=255.0, neginf=0.0), 0, 255)
    out: NDArray[np.uint8] = np.rint(clipped).astype(np.uint8)
    return out


def _to_three_channels(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 of one to four channels to BGR."""
    if array.ndim == 3 and array.shape[2] == 3:
        return array
    if array.ndim == 2 or array.shape[2] == 1:
        return grey_to_bgr(array.reshape(array.shape[:2]))
    if array.shape[2] == 2:
        array = np.dstack([array[:, :, 0]] * 3 + [array[:, :, 1]])
    return flatten(array, background([array]))


def grey_to_bgr(grey: NDArray[np.uint8]) -> Image:
    """(H, W) uint8 to (H, W, 3)."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2BGR), np.uint8)


def background(strips: Iterable[NDArray[np.uint8]]) -> int:
    """The grey, 0 or 255, on which most of what is drawn in (H, W, 4) images with alpha can be seen.

    What counts is the brightness of the visible pixels next to transparent ones: nearly all pixels of text are next to
    them, but only the borders of pictures.
    """
    light = total = 0.0
    for strip in strips:
        if strip[:, :, 3].min() >= 128:
            continue
        weight = _edge_weight(strip)
        light += float((weight * strip[:, :, :3].mean(axis=2, dtype=np.float32)).sum())
        total += float(weight.sum())
    return 0 if total and light / total > 127 else 255


def _edge_weight(strip: NDArray[np.uint8]) -> Floats:
    """How visible the pixels (H, W, 4) are that lie within two pixels of transparent ones: (H, W), 0 for all others."""
    alpha = strip[:, :, 3]
    near = cv2.dilate((alpha < 128).astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray(alpha.astype(np.float32) * near, np.float32)


def flatten(strip: NDArray[np.uint8], grey: int) -> Image:
    """(H, W, 4) with alpha last, laid on a grey: (H, W, 3) in the same channel order.

    Text that could not be seen on it lies on the opposite grey, so that inks of several colours all can be read.
    """
    color, alpha = strip[:, :, :3], strip[:, :, 3:].astype(np.uint16)
    under = _backdrop(strip, grey)
    mixed = (color * alpha + under[:, :, None] * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def _backdrop(strip: NDArray[np.uint8], grey: int) -> NDArray[np.uint16]:
    """What lies under each pixel (H, W, 4): the grey, or its opposite around text that is hardly other than the grey."""
    under = np.full(strip.shape[:2], grey, np.uint16)
    visible = (strip[:, :, 3] >= 128).astype(np.uint8)
    if visible.all():
        return under
    # What lies close together is one region, with the brightness of its edges; text is nearly all edges.
    around = np.ones((2 * AROUND_TEXT_PX + 1, 2 * AROUND_TEXT_PX + 1), np.uint8)
    count, labels = cv2.connectedComponents(np.asarray(cv2.dilate(visible, around), np.uint8), ltype=cv2.CV_32S)
    weight, flat = _edge_weight(strip), np.asarray(labels).ravel()
    edges = np.bincount(flat, weight.ravel(), count)
    light = np.bincount(flat, (weight * strip[:, :, :3].mean(axis=2, dtype=np.float32)).ravel(), count)
    seen = np.bincount(flat, (visible * strip[:, :, 3]).ravel(), count)
    is_text = edges > MIN_EDGE_SHARE * seen
    unseen = np.abs(light / np.maximum(edges, 1) - grey) < MIN_SEEN_CONTRAST
    chosen = is_text & unseen & (edges > 0)
    chosen[0] = False  # where nothing is drawn
    under[chosen[labels]] = 255 - grey
    return under
