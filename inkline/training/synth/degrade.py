"""What printing, scanning, photographing and storing do to an image; each step is a small function on uint8 or float32."""

from __future__ import annotations

import cv2
import numpy as np

from inkline.training.synth.background import crop_tile, noise, textures
from inkline.training.synth.tokens import between, pick


def blur(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Gaussian, box or motion blur whose radius grows with `strength` (1 = just about legible for 32 px text)."""
    form = rng.random()
    if form < 0.6:
        return cv2.GaussianBlur(image, (0, 0), 0.3 + strength * rng.random() * 1.2)
    size = 2 + int(rng.random() * strength * 3)
    if form < 0.8:
        return cv2.blur(image, (size, size))
    kernel = np.zeros((size + 1, size + 1), np.float32)
    angle = rng.random() * np.pi
    centre, reach = size / 2, size / 2
    ends = [(round(centre + s * reach * np.cos(angle)), round(centre + s * reach * np.sin(angle))) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def grain(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Add sensor noise of `sigma` gray levels to a uint8 image, the same in all channels half of the time."""
    h, w = image.shape[:2]
    field = crop_tile(rng, noise(), h, w)
    if image.ndim == 3:
        if rng.random() < 0.5:
            field = np.stack([field, crop_tile(rng, noise(), h, w), crop_tile(rng, noise(), h, w)], axis=-1)
        else:
            field = np.repeat(field[..., None], image.shape[2], axis=-1)
    return np.clip(image + field * np.float32(sigma / 32), 0, 255).astype(np.uint8)


def specks(rng: np.random.Generator, image: np.ndarray, share: float) -> np.ndarray:
    """Salt and pepper on `share` of the pixels."""
    out = image.copy()
    h, w = image.shape[:2]
    count = max(1, int(h * w * share * rng.random()))
    where = rng.random((count, 2), dtype=np.float32)
    value = 0 if rng.random() < 0.6 else 255
    out[(where[:, 0] * h).astype(np.intp), (where[:, 1] * w).astype(np.intp)] = value
    return out


def jpeg(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Through JPEG and back, quality 95 down to 95 - 70 * strength."""
    quality = int(95 - 70 * strength * rng.random())
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if ok else image


def low_resolution(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Shrink by up to a factor 1 + 1.5 * strength and enlarge again, as an upscaled scan."""
    factor = 1 + 1.5 * strength * rng.random()
    h, w = image.shape[:2]
    small = cv2.resize(
        image,
        (max(2, round(w / factor)), max(2, round(h / factor))),
        interpolation=pick(rng, (cv2.INTER_AREA, cv2.INTER_LINEAR)),
    )
    return cv2.resize(small, (w, h), interpolation=pick(rng, (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)))


def tone(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Brightness, contrast and gamma through one table."""
    x = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp((rng.random() * 2 - 1) * 0.5 * strength)
    contrast = 1 - 0.4 * strength * rng.random()
    offset = (1 - contrast) * rng.random()
    return cv2.LUT(image, np.clip((x**gamma * contrast + offset) * 255, 0, 255).astype(np.uint8))


def binarize(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Black and white at a threshold near the one Otsu finds, as a fax or bitonal scan."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    level, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)
    out = np.where(gray > level + (rng.random() * 2 - 1) * 25, 255, 0).astype(np.uint8)
    return cv2.cvtColor(out, cv2.COLOR_GRAY2BGR) if image.ndim == 3 else out


def shade(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Uneven light: a linear fall-off, or a soft-edged shadow over one side, darkening by up to 60 % * strength."""
    h, w = image.shape[:2]
    angle = rng.random() * 2 * np.pi
    across = np.linspace(-1, 1, w, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    down = np.linspace(-1, 1, h, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    ramp = (across + down) * np.float32(0.7)
    if rng.random() < 0.5:
        ramp = np.tanh((ramp - np.float32(rng.random() - 0.5)) * np.float32(2 + 8 * rng.random()))
    light = 1 - np.float32(0.6 * strength * rng.random()) * (ramp + 1) / 2
    return np.clip(image * (light[..., None] if image.ndim == 3 else light), 0, 255).astype(np.uint8)


def spread(rng: np.random.Generator, mask: np.ndarray, strength: float) -> np.ndarray:
    """Thicken, thin or break the ink of a coverage mask, as presses, worn type and ink on rough paper do."""
    form = rng.random()
    if form < 0.3:
        return cv2.dilate(mask, np.ones((pick(rng, (1, 2)), 2), np.uint8))
    if form < 0.45:
        thin = cv2.erode(mask, np.ones((pick(rng, (1, 2)), 2), np.uint8))
        return cv2.addWeighted(thin, 0.6, mask, 0.4, 0)
    field = crop_tile(rng, textures()[int(rng.random() * len(textures()))], *mask.shape)
    keep = np.clip(1 - (field.astype(np.float32) / 90 + 0.3 * rng.random()) * strength, 0, 1)
    return (mask * keep).astype(np.uint8)


def wear(rng: np.random.Generator, image: np.ndarray, strength: float, scale: float = 1.0) -> np.ndarray:
    """Apply a random few of the steps above in the order in which they happen; `scale` lowers blur for text smaller
    than 32 px.

    image uint8, gray or BGR; same shape out. `strength` 0 leaves it as it is, 1 is the full range.
    """
    if strength <= 0:
        return image
    uneven = rng.random() < 0.25 * strength
    if uneven:
        image = shade(rng, image, strength)
    roll = rng.random()
    if roll < 0.3 * strength:
        image = blur(rng, image, strength * scale)
    elif roll < 0.5 * strength:
        image = low_resolution(rng, image, strength * scale)
    if rng.random() < 0.5 * strength:
        image = tone(rng, image, strength)
    bitonal = not uneven and rng.random() < 0.08 * strength
    if not bitonal and rng.random() < 0.4 * strength:
        image = grain(rng, image, between(rng, 1, 14) * strength)
    if rng.random() < 0.06 * strength:
        image = specks(rng, image, 0.02)
    if bitonal:
        image = binarize(rng, image)
    if rng.random() < 0.3 * strength:
        image = jpeg(rng, image, strength)
    return image
