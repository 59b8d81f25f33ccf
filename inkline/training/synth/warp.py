"""How a camera sees a page: a curl of the paper and a perspective view, applied to pixels and to points alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Warp:
    """Flat page to photograph: y grows by `reach * sin(turns * x / width * pi + phase)`, then the homography `matrix`
    follows.

    `source` and `target` are (width, height) in pixels of the flat page and of the photograph.
    """

    matrix: np.ndarray
    reach: float
    turns: float
    phase: float
    source: tuple[int, int]
    target: tuple[int, int]

    def bend(self, x: np.ndarray) -> np.ndarray:
        """The vertical shift at page column `x`, in pixels."""
        return np.asarray(self.reach * np.sin(self.turns * np.pi * x / self.source[0] + self.phase))

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2) of the flat page to the photograph, float32."""
        bent = points.astype(np.float64).copy()
        bent[..., 1] += self.bend(bent[..., 0])
        ones = np.concatenate([bent, np.ones((*bent.shape[:-1], 1))], axis=-1) @ self.matrix.T
        return (ones[..., :2] / ones[..., 2:]).astype(np.float32)

    def apply(self, page: np.ndarray, surroundings: np.ndarray) -> np.ndarray:
        """Return the photograph of a uint8 page (H, W, 3) lying on `surroundings` (target height, target width, 3)."""
        width, height = self.target
        inverse = np.linalg.inv(self.matrix)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        m = inverse.astype(np.float32)
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        source_x = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth
        source_y = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth
        if self.reach:
            source_y -= self.bend(source_x).astype(np.float32)
        seen = cv2.remap(page, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (source_x >= 0) & (source_x < self.source[0]) & (source_y >= 0) & (source_y < self.source[1])
        return np.where(inside[..., None], seen, surroundings)

    def quad(self, quad: np.ndarray) -> np.ndarray:
        """Map a quad (4, 2): its corners when the paper is flat, else the smallest rectangle around its bent sides."""
        if not self.reach:
            return self.forward(quad)
        t = np.linspace(0, 1, 9)[:, None]
        top = self.forward(quad[0] + (quad[1] - quad[0]) * t)
        bottom = self.forward(quad[3] + (quad[2] - quad[3]) * t)
        box = cv2.boxPoints(cv2.minAreaRect(np.concatenate([top, bottom])))
        corners = np.stack([top[0], top[-1], bottom[-1], bottom[0]])
        turns = [float(np.linalg.norm(np.roll(box, -k, axis=0) - corners)) for k in range(4)]
        return np.roll(box, -int(np.argmin(turns)), axis=0).astype(np.float32)

    def grid(self, height: int, width: int) -> np.ndarray:
        """Return where the nodes of a (height, width) mesh over the flat page lie in the photograph: float32 (h, w, 2),
        -1..1.
        """
        w, h = self.source
        x, y = np.meshgrid(np.linspace(0, w - 1, width), np.linspace(0, h - 1, height))
        nodes = self.forward(np.stack([x, y], axis=-1))
        return (nodes / (np.array(self.target) - 1) * 2 - 1).astype(np.float32)


def draw_warp(rng: np.random.Generator, size: tuple[int, int], strength: float) -> Warp:
    """Draw a view of a page of `size` (width, height): corners moved by up to 12 % * strength, turned a little, curled
    half of the time.
    """
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + (rng.random((4, 2)) * 2 - 1) * np.array([width, height]) * 0.12 * strength
    angle = np.deg2rad((rng.random() * 2 - 1) * 8 * strength)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (moved - moved.mean(axis=0)) @ turn.T
    moved -= moved.min(axis=0)
    border = rng.random(2) * 0.08 * np.array([width, height])
    moved += border
    reach = height * 0.03 * strength * (rng.random() * 2 - 1) if rng.random() < 0.5 else 0.0
    target = np.ceil(moved.max(axis=0) + border + abs(reach)).astype(int)
    shrink = min(1.0, max(size) / max(target))
    matrix = cv2.getPerspectiveTransform(corners, (moved * shrink).astype(np.float32))
    seen = (max(16, int(target[0] * shrink)), max(16, int(target[1] * shrink)))
    return Warp(matrix, float(reach), 0.5 + 1.5 * rng.random(), rng.random() * np.pi, size, seen)
