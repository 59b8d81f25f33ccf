"""Augmentations of text lines, and of the images that orientation classifiers see; pure functions of (rng, image)."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from inkline.training.data.augment_pages import colour_jitter

MIN_SIDE = 20  # smaller images are not warped


@dataclass(frozen=True)
class RecAugment:
    """Shares (probabilities) of each step; defaults: the reference's RecAug (0.4) and RecConAug (0.5, two more lines).

    concat_ratio: a joined line is at most this wide, as a multiple of its height
    """

    tia: float = 0.4
    crop: float = 0.4
    blur: float = 0.4
    hsv: float = 0.4
    jitter: float = 0.4
    noise: float = 0.4
    reverse: float = 0.4
    jpeg: float = 0.2
    rotate: float = 0.0
    concat: float = 0.5
    concat_more: int = 2
    concat_ratio: float = 320 / 48


NO_REC_AUGMENT = RecAugment(tia=0, crop=0, blur=0, hsv=0, jitter=0, noise=0, reverse=0, jpeg=0, concat=0)


def augment_line(rng: np.random.Generator, image: np.ndarray, options: RecAugment) -> np.ndarray:
    """Apply each step with its share, in the reference's order. image BGR uint8 (H, W, 3); about the same size comes back."""
    h, w = image.shape[:2]
    if rng.random() < options.tia and min(h, w) >= MIN_SIDE:
        image = tia(rng, image)
    if rng.random() < options.rotate:
        image = rotate(rng, image)
    if rng.random() < options.crop and min(image.shape[:2]) >= MIN_SIDE:
        image = crop(rng, image)
    if rng.random() < options.blur:
        image = cv2.GaussianBlur(image, (5, 5), 0.3 + 0.9 * rng.random())
    if rng.random() < options.hsv:
        image = colour_jitter(rng, image, 0.5)
    if rng.random() < options.jitter:
        image = jitter(rng, image)
    if rng.random() < options.noise:
        image = noise(rng, image, 4 + 8 * rng.random())
    if rng.random() < options.reverse:
        image = 255 - image
    if rng.random() < options.jpeg:
        image = jpeg(rng, image)
    return image


def tia(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """One of the three warps of Luo et al. 2020 (learn to augment): distort, stretch or perspective, 3 to 6 segments."""
    segments = 3 + int(rng.random() * 4)
    warp = (distort, stretch, perspective)[int(rng.random() * 3)]
    return warp(rng, image, segments)


def _columns(width: int, at: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shifts given at columns `at`, interpolated to every column, float32 (width,)."""
    return np.asarray(np.interp(np.arange(width), at, shifts).astype(np.float32))


def _warp(image: np.ndarray, source_x: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Sample so that column x shows column `source_x[x]`, its upper end at row `top[x]` and its lower end at `bottom[x]`."""
    h = image.shape[0]
    share = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    rows = top[None, :] * (1 - share) + bottom[None, :] * share
    columns = np.repeat(source_x[None, :], h, axis=0)
    return cv2.remap(image, columns, rows.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def distort(rng: np.random.Generator, image: np.ndarray, segments: int) -> np.ndarray:
    """Move points along both edges by up to a third of a segment across and a tenth of the height down or up."""
    h, w = image.shape[:2]
    at = np.linspace(0, w - 1, segments + 1)
    across = (rng.random(segments + 1) - 0.5) * (w / segments) / 3
    across[[0, -1]] = 0
    source_x = _columns(w, at, at + across)
    top = _columns(w, at, (rng.random(segments + 1) - 0.7) * h * 0.15)
    bottom = h - 1 - _columns(w, at, (rng.random(segments + 1) - 0.7) * h * 0.15)
    return _warp(image, source_x, top, bottom)


def stretch(rng: np.random.Generator, image: np.ndarray, segments: int) -> np.ndarray:
    """Widen some segments and narrow others, by up to a third; the height stays."""
    h, w = image.shape[:2]
    at = np.linspace(0, w - 1, segments + 1)
    across = (rng.random(segments + 1) - 0.5) * 2 * (w / segments) / 3
    across[[0, -1]] = 0
    return _warp(image, _columns(w, at, at + across), np.zeros(w, np.float32), np.full(w, h - 1, np.float32))


def perspective(rng: np.random.Generator, image: np.ndarray, segments: int) -> np.ndarray:
    """Make one end lower than the other: each corner moves by up to a quarter of the height, outwards more than inwards."""
    h, w = image.shape[:2]
    reach = (rng.random(4) - 0.7) * h * 0.25
    x = np.linspace(0, 1, w, dtype=np.float32)
    top = reach[0] * (1 - x) + reach[1] * x
    bottom = h - 1 - (reach[2] * (1 - x) + reach[3] * x)
    return _warp(image, np.arange(w, dtype=np.float32), top.astype(np.float32), bottom.astype(np.float32))


def crop(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Cut up to 7 rows off the top or the bottom, and never more than a tenth of the height."""
    rows = min(1 + int(rng.random() * 7), image.shape[0] // 10)
    return image[rows:] if rng.random() < 0.5 else image[: image.shape[0] - rows]


def rotate(rng: np.random.Generator, image: np.ndarray, most: float = 4.0) -> np.ndarray:
    """Turn by up to `most` degrees each way, borders repeated."""
    h, w = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), (rng.random() * 2 - 1) * most, 1.0)
    return cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE)


def jitter(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Draw every row and column again at most a hundredth of the height away: ragged edges."""
    h, w = image.shape[:2]
    reach = max(1.0, h * 0.01)
    rows = np.clip(np.arange(h) + np.round((rng.random(h) * 2 - 1) * reach), 0, h - 1).astype(np.intp)
    columns = np.clip(np.arange(w) + np.round((rng.random(w) * 2 - 1) * reach), 0, w - 1).astype(np.intp)
    return np.asarray(image[rows][:, columns])


def noise(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Add normal noise of `sigma` gray levels to each channel."""
    field = rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.clip(image + field * np.float32(sigma), 0, 255).astype(np.uint8))


def jpeg(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Through JPEG of quality 25 to 90 and back."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 25 + int(65 * rng.random())])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)) if ok else image


def concatenate(images: Sequence[np.ndarray], texts: Sequence[str], rtl: bool = False) -> tuple[np.ndarray, str]:
    """Join lines into one of the first one's height; texts follow reading order, so right-to-left ones turn around."""
    height = images[0].shape[0]
    scaled = [
        cv2.resize(i, (max(1, round(i.shape[1] * height / i.shape[0])), height), interpolation=cv2.INTER_LINEAR) for i in images
    ]
    return np.concatenate(scaled, axis=1), "".join(reversed(texts) if rtl else texts)


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


NO_CLS_AUGMENT = ClsAugment(crop=0, tilt_share=0, blur=0, noise=0, colour=0, gray=0, reverse=0, jpeg=0)


def turned(image: np.ndarray, label: str) -> np.ndarray:
    """The upright image as its label A shows it: turned counter-clockwise by A degrees, it is upright again."""
    return np.ascontiguousarray(np.rot90(image, -(int(label) // 90)))


def augment_turned(rng: np.random.Generator, image: np.ndarray, options: ClsAugment) -> np.ndarray:
    """Apply the steps to a BGR uint8 image of any size."""
    if rng.random() < options.crop:
        image = random_part(rng, image, options.zoom)
    if rng.random() < options.tilt_share:
        image = rotate(rng, image, options.tilt)
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
    """A random window that keeps at least `least` of each side."""
    h, w = image.shape[:2]
    h2, w2 = (max(1, round(side * (least + (1 - least) * rng.random()))) for side in (h, w))
    y, x = int(rng.random() * (h - h2 + 1)), int(rng.random() * (w - w2 + 1))
    return image[y : y + h2, x : x + w2]
