"""Augmentations and labels of the orientation classifiers: the turn is the label, everything else must not change it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inkline.training.data.augment_det import colour_jitter
from inkline.training.data.augment_rec import jpeg, noise


@dataclass(frozen=True)
class ClsAugment:
    """Shares of each step. `zoom`: the least part of each side that a random crop keeps; `tilt`: degrees each way."""

    crop: float = 0.5
    zoom: float = 0.5
    tilt: float = 4.0
    tilt_share: float = 0.3
    blur: float = 0.2
    noise: float = 0.2
    colour: float = 0.4
    gray: float = 0.2
    reverse: float = 0.05
    jpeg: float = 0.2


NONE = ClsAugment(crop=0, tilt_share=0, blur=0, noise=0, colour=0, gray=0, reverse=0, jpeg=0)


def turned(image: np.ndarray, label: str) -> np.ndarray:
    """Return the upright image as its label shows it.

    Label A means: turning the result counter-clockwise by A degrees makes it upright again.
    """
    return np.ascontiguousarray(np.rot90(image, -(int(label) // 90)))


def augment(rng: np.random.Generator, image: np.ndarray, options: ClsAugment) -> np.ndarray:
    """Apply the steps to a BGR uint8 image of any size."""
    if rng.random() < options.crop:
        image = random_part(rng, image, options.zoom)
    if rng.random() < options.tilt_share:
        h, w = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), (rng.random() * 2 - 1) * options.tilt, 1.0)
        image = cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < options.colour:
        image = colour_jitter(rng, image, 1.0)
    if rng.random() < options.gray:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < options.blur:
        image = cv2.GaussianBlur(image, (0, 0), 0.3 + rng.random())
    if rng.random() < options.noise:
        image = noise(rng, image, 10 * rng.random())
    if rng.random() < options.reverse:
        image = 255 - image
    return jpeg(rng, image) if rng.random() < options.jpeg else image


def random_part(rng: np.random.Generator, image: np.ndarray, least: float) -> np.ndarray:
    """Return a random window that keeps at least `least` of each side."""
    h, w = image.shape[:2]
    h2, w2 = (max(1, round(side * (least + (1 - least) * rng.random()))) for side in (h, w))
    y, x = int(rng.random() * (h - h2 + 1)), int(rng.random() * (w - w2 + 1))
    return image[y : y + h2, x : x + w2]
