"""Images to network inputs as numpy arrays, by the rules of inference: sizes, padding, normalisation, channel order."""

from __future__ import annotations

import cv2
import numpy as np

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def imagenet(image: np.ndarray) -> np.ndarray:
    """(x/255 - mean) / std in the channel order of the image, float32 (3, H, W)."""
    return np.ascontiguousarray(((image.astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1))


def centred(image: np.ndarray) -> np.ndarray:
    """(x/255 - 0.5) / 0.5, float32 (C, H, W)."""
    return np.ascontiguousarray((image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))


def fit_line(image: np.ndarray, height: int, max_width: int, least: int = 1, width_scale: float = 1.0) -> np.ndarray:
    """Resize a line to `height` and `width_scale` of the width that keeps its shape, at most `max_width` and at least `least`
    pixels; bilinear.
    """
    width = int(np.ceil(image.shape[1] * height / image.shape[0] * width_scale))
    width = max(1, min(max_width, max(width, least)))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def to_gray(image: np.ndarray) -> np.ndarray:
    """BGR uint8 (H, W, 3) to (H, W, 1)."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None]


def resize_short_and_crop(image: np.ndarray, short: int, side: int) -> np.ndarray:
    """Resize the shorter side to `short` (bilinear) and cut the middle `side` x `side` out: what page classifiers see."""
    h, w = image.shape[:2]
    scale = short / min(h, w)
    image = cv2.resize(
        image, (max(side, round(w * scale)), max(side, round(h * scale))), interpolation=cv2.INTER_LINEAR
    )
    y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[y : y + side, x : x + side]
