"""Papers and scenery to write on, and what printing, scanning, photographing and storing do to an image."""

from functools import lru_cache

import cv2
import numpy as np

from inkline.training.synth.tokens import between, pick

TILE_PX = 512
TILE_COUNT = 24


def _cloud(rng: np.random.Generator, size: int, octaves: int) -> np.ndarray:
    """Smooth noise of several scales, float32 (size, size), roughly -1..1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        cells = 3 * 2**octave
        coarse = rng.standard_normal((cells, cells), dtype=np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / max(float(np.abs(total).max()), 1e-6)


@lru_cache(maxsize=1)
def textures() -> tuple[np.ndarray, ...]:
    """The pool of paper-like textures, int8 (TILE_PX, TILE_PX) deviations from the paper's tone; the same in every process."""
    rng = np.random.default_rng(20)
    tiles = []
    for i in range(TILE_COUNT):
        cloud = _cloud(rng, TILE_PX, 2 + i % 5)
        grain = rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
        if i % 3 == 1:
            grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8 + (i % 4) * 0.4) * 2)
        if i % 6 == 5:
            fibres = rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
            grain += cv2.GaussianBlur(fibres, (0, 0), sigmaX=6, sigmaY=0.7) * 4
        tiles.append(np.clip(cloud * 60 + grain * 22, -127, 127).astype(np.int8))
    return tuple(tiles)


@lru_cache(maxsize=1)
def noise_tile() -> np.ndarray:
    """Sensor noise to crop from: int8 (2 * TILE_PX, 4 * TILE_PX), normal, of standard deviation 32."""
    rng = np.random.default_rng(21)
    return np.clip(rng.standard_normal((2 * TILE_PX, 4 * TILE_PX), dtype=np.float32) * 32, -127, 127).astype(np.int8)


def crop_tile(rng: np.random.Generator, tile: np.ndarray, height: int, width: int) -> np.ndarray:
    """A random (height, width) part of `tile`, mirrored at its ends when the part is larger."""
    h, w = tile.shape
    if height > h or width > w:
        tile = np.pad(tile, ((0, max(0, height - h)), (0, max(0, width - w))), mode="symmetric")
        h, w = tile.shape
    y, x = int(rng.random() * (h - height + 1)), int(rng.random() * (w - width + 1))
    return tile[y : y + height, x : x + width]


def paper(rng: np.random.Generator, height: int, width: int, tone: float, roughness: float) -> np.ndarray:
    """Return gray paper, float32 (height, width), mean `tone` (0..255), texture of `roughness` gray levels."""
    sheet = np.full((height, width), tone, np.float32)
    if roughness > 0:
        tile = textures()[int(rng.random() * TILE_COUNT)]
        sheet += crop_tile(rng, tile, height, width) * np.float32(roughness / 64)
    return sheet


def scenery(rng: np.random.Generator, height: int, width: int, colour: np.ndarray, contrast: float) -> np.ndarray:
    """A colour surface, float32 (height, width, 3) BGR around `colour`: smooth clouds, a gradient or a few shapes."""
    out = np.empty((height, width, 3), np.float32)
    form = rng.random()
    if form < 0.5:
        for c in range(3):
            tile = textures()[int(rng.random() * TILE_COUNT)]
            out[..., c] = colour[c] + crop_tile(rng, tile, height, width) * np.float32(contrast / 64)
        return out
    ramp = np.linspace(-contrast, contrast, width if form < 0.75 else height, dtype=np.float32)
    ramp = ramp[None, :] if form < 0.75 else ramp[:, None]
    out[:] = colour.astype(np.float32)
    out += (ramp * np.float32(rng.random() * 2 - 1))[..., None]
    for _ in range(int(rng.random() * 4)):
        centre = (int(rng.random() * width), int(rng.random() * height))
        axes = (1 + int(rng.random() * width / 2), 1 + int(rng.random() * height / 2))
        tone = colour + (rng.random(3) * 2 - 1) * contrast
        cv2.ellipse(out, centre, axes, rng.random() * 180, 0, 360, [float(t) for t in tone], -1)
    return out


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
    field = crop_tile(rng, noise_tile(), h, w)
    if image.ndim == 3:
        if rng.random() < 0.5:
            field = np.stack([field, crop_tile(rng, noise_tile(), h, w), crop_tile(rng, noise_tile(), h, w)], axis=-1)
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


def compress_jpeg(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Through JPEG and back, quality 95 down to 95 - 70 * strength."""
    quality = int(95 - 70 * strength * rng.random())
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)) if ok else image


def low_resolution(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Shrink by up to a factor 1 + 1.5 * strength and enlarge again, as an upscaled scan."""
    factor = 1 + 1.5 * strength * rng.random()
    h, w = image.shape[:2]
    size = max(2, round(w / factor)), max(2, round(h / factor))
    small = cv2.resize(image, size, interpolation=pick(rng, (cv2.INTER_AREA, cv2.INTER_LINEAR)))
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
    """A random few of the steps above in the order in which they happen, on uint8, gray or BGR; same shape out.

    `strength` 0 leaves it as it is, 1 is the full range; `scale` lowers blur for text smaller than 32 px.
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
        image = compress_jpeg(rng, image, strength)
    return image
