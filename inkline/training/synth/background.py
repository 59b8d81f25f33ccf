"""Papers, screens and textures to write on: a pool of tiles made once per process, cropped for each sample."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TILE = 512
TILES = 24


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
    """Return the pool of paper-like textures, int8 (TILE, TILE) deviations from the paper's tone; the same in every
    process.
    """
    rng = np.random.default_rng(20)
    tiles = []
    for i in range(TILES):
        cloud = _cloud(rng, TILE, 2 + i % 5)
        grain = rng.standard_normal((TILE, TILE), dtype=np.float32)
        if i % 3 == 1:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.8 + (i % 4) * 0.4) * 2
        if i % 6 == 5:  # fibres
            grain += (
                cv2.GaussianBlur(rng.standard_normal((TILE, TILE), dtype=np.float32), (0, 0), sigmaX=6, sigmaY=0.7) * 4
            )
        tiles.append(np.clip(cloud * 60 + grain * 22, -127, 127).astype(np.int8))
    return tuple(tiles)


@lru_cache(maxsize=1)
def noise() -> np.ndarray:
    """Return a large tile of unit-free normal noise, int8 (2 * TILE, 4 * TILE), standard deviation 32: sensor noise to
    crop from.
    """
    rng = np.random.default_rng(21)
    return np.clip(rng.standard_normal((2 * TILE, 4 * TILE), dtype=np.float32) * 32, -127, 127).astype(np.int8)


def crop_tile(rng: np.random.Generator, tile: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a random (height, width) part of `tile`, mirrored at its ends when the part is larger."""
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
        tile = textures()[int(rng.random() * TILES)]
        sheet += crop_tile(rng, tile, height, width) * np.float32(roughness / 64)
    return sheet


def scenery(rng: np.random.Generator, height: int, width: int, colour: np.ndarray, contrast: float) -> np.ndarray:
    """Return a colour surface, float32 (height, width, 3) BGR around `colour`: smooth clouds, a gradient or a few
    shapes.
    """
    out = np.empty((height, width, 3), np.float32)
    form = rng.random()
    if form < 0.5:
        for c in range(3):
            tile = textures()[int(rng.random() * TILES)]
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
