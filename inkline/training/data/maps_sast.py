"""Target maps of SAST: text centre band, offsets to the upper and lower border, to the corners and to the centre."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inkline.training.data.maps_east import STRIDE, to_quad

BAND = 0.3  # share of the height that the centre band covers
ENDS = 0.15  # of the height, cut off at both ends of the band
IGNORED = 0.15  # what is left of the loss on ignored text


def band_of(polygon: np.ndarray, share: float = BAND) -> np.ndarray:
    """The middle `share` of a polygon between its upper and lower side, same number of points."""
    half = len(polygon) // 2
    upper, lower = polygon[:half], polygon[: half - 1 : -1]
    return np.concatenate(
        [upper + (lower - upper) * (0.5 - share / 2), (upper + (lower - upper) * (0.5 + share / 2))[::-1]]
    )


def pieces_of(polygon: np.ndarray) -> np.ndarray:
    """Cut a polygon of paired upper and lower points into quads TL, TR, BR, BL: float (P/2 - 1, 4, 2)."""
    half = len(polygon) // 2
    upper, lower = polygon[:half], polygon[: half - 1 : -1]
    return np.stack([upper[:-1], upper[1:], lower[1:], lower[:-1]], axis=1)


def _trim(quads: np.ndarray, cut: float) -> list[tuple[int, np.ndarray]]:
    """Cut `cut` pixels (along the upper side) off both ends of a chain of quads; what remains, with the number of its
    quad.
    """
    lengths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    out = []
    for i, quad in enumerate(quads):
        low, high = max(cut, starts[i]), min(ends[-1] - cut, ends[i])
        if high <= low or lengths[i] <= 0:
            continue
        a, b = (low - starts[i]) / lengths[i], (high - starts[i]) / lengths[i]
        upper, lower = quad[1] - quad[0], quad[2] - quad[3]
        out.append((i, np.stack([quad[0] + upper * a, quad[0] + upper * b, quad[3] + lower * b, quad[3] + lower * a])))
    return out


def _cross(point: np.ndarray, direction: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Where lines through points (N, 2) along `direction` meet the line from `start` to `end`, (N, 2)."""
    side = end - start
    across = direction[0] * side[1] - direction[1] * side[0]
    if abs(across) < 1e-6:
        return point
    t = ((start[0] - point[:, 0]) * side[1] - (start[1] - point[:, 1]) * side[0]) / across
    return point + t[:, None] * direction


def _upright(quad: np.ndarray) -> np.ndarray:
    """The mean direction from the lower to the upper side, a unit vector."""
    up = np.stack([quad[0] - quad[3], quad[1] - quad[2]])
    angles = np.arctan2(up[:, 1], up[:, 0])
    return np.array([np.cos(angles.mean()), np.sin(angles.mean())])


def sast_maps(
    shape: tuple[int, int],
    polygons: Sequence[np.ndarray],
    ignore: Sequence[bool],
    text_size: tuple[float, float] = (10, 512),
) -> dict[str, np.ndarray]:
    """Return score (1, h, w), border (5, h, w), mask (1, h, w), tvo (9, h, w) and tco (3, h, w), float32, at a quarter
    of `shape`.

    Offsets are in cells: border is target minus cell in (y, x) order, tvo and tco are cell minus target in (x, y)
    order. Regions
    whose shorter side is outside `text_size` (pixels of the page) take no part.
    """
    h, w = shape[0] // STRIDE, shape[1] // STRIDE
    score, mask = np.zeros((h, w), np.float32), np.ones((h, w), np.float32)
    border = np.zeros((5, h, w), np.float32)
    tvo, tco = np.zeros((9, h, w), np.float32), np.zeros((3, h, w), np.float32)
    for polygon, skip in zip(polygons, ignore, strict=True):
        cells = np.clip(polygon, 0, [shape[1] - 1, shape[0] - 1]).astype(np.float64) / STRIDE
        if len(cells) % 2:  # sides of unequal length have no pairs
            cells = to_quad(cells).astype(np.float64)
        quad = to_quad(cells).astype(np.float64)
        sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
        short = min((sides[1] + sides[3]) / 2, (sides[0] + sides[2]) / 2)
        if (
            cv2.contourArea(quad.astype(np.float32), oriented=True) < 0
            or not text_size[0] <= short * STRIDE <= text_size[1]
        ):
            continue
        if skip:
            cv2.fillPoly(mask, [cells.astype(np.int32)], IGNORED)
            continue
        spot = _draw_border_offsets(score, border, cells)
        cv2.fillPoly(spot, [np.round(band_of(cells)).astype(np.int32)], 1)
        _draw_corner_offsets(tvo, tco, spot, quad, short)
    return {"score": score[None], "border": border, "mask": mask[None], "tvo": tvo, "tco": tco}


def _draw_border_offsets(score: np.ndarray, border: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Fill the trimmed centre band of a region into `score`, its offsets to both sides into `border` (in
    place); return the cells filled."""
    whole, band = pieces_of(cells), pieces_of(band_of(cells))
    height = min(
        np.linalg.norm(cells[0] - cells[-1]), np.linalg.norm(cells[len(cells) // 2 - 1] - cells[len(cells) // 2])
    )
    length = float(np.linalg.norm(band[:, 1] - band[:, 0], axis=1).sum())
    filled = np.zeros(score.shape, np.uint8)
    for number, part in _trim(band, min(float(height), length) * ENDS):
        spot = np.zeros(score.shape, np.uint8)
        cv2.fillPoly(spot, [np.round(part).astype(np.int32)], 1)
        ys, xs = np.nonzero(spot)
        score[ys, xs] = filled[ys, xs] = 1
        quad = whole[number]
        points = np.stack([xs, ys], axis=1).astype(np.float64)
        up = _upright(quad)
        upper, lower = _cross(points, up, quad[0], quad[1]) - points, _cross(points, up, quad[3], quad[2]) - points
        tall = (np.linalg.norm(quad[0] - quad[3]) + np.linalg.norm(quad[1] - quad[2])) / 2
        wide = (np.linalg.norm(quad[0] - quad[1]) + np.linalg.norm(quad[2] - quad[3])) / 2
        border[0, ys, xs], border[1, ys, xs] = upper[:, 1], upper[:, 0]
        border[2, ys, xs], border[3, ys, xs] = lower[:, 1], lower[:, 0]
        border[4, ys, xs] = 2 / max(min(tall, wide), 1.0)
    return filled


def _draw_corner_offsets(tvo: np.ndarray, tco: np.ndarray, spot: np.ndarray, quad: np.ndarray, short: float) -> None:
    """Fill offsets to the corners and the centre into the cells of `spot` (in place)."""
    h, w = tvo.shape[1:]
    if np.linalg.norm(quad[0] - quad[1]) * 1.5 < np.linalg.norm(
        quad[1] - quad[2]
    ):  # upright text: reading starts at another corner
        quad = np.roll(quad, -1, axis=0)
    ys, xs = np.nonzero(spot)
    for corner in range(4):
        tvo[2 * corner, ys, xs] = xs - np.clip(quad[corner, 0], 0, w)
        tvo[2 * corner + 1, ys, xs] = ys - np.clip(quad[corner, 1], 0, h)
    centre = quad.mean(axis=0)
    tco[0, ys, xs], tco[1, ys, xs] = xs - centre[0], ys - centre[1]
    tvo[8, ys, xs] = tco[2, ys, xs] = 1 / max(short, 1.0)
