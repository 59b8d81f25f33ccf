"""Augmentations of annotated pages: copy-paste, flips, turns, zoom, view, crops, colour. Pure functions of (rng, page, ...)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import cv2
import numpy as np

PASTE_SHARE = 0.2  # of the objects at hand, in the reference's CopyPaste
MAX_PASTED_REGIONS = 30
PASTE_TRIES = 10


@dataclass(frozen=True, eq=False)
class AnnotatedPage:
    """A page in training: image BGR uint8 (H, W, 3), polygons float32 (P, 2) in its pixels, one text and ignore flag each."""

    image: np.ndarray
    polygons: tuple[np.ndarray, ...]
    texts: tuple[str, ...]
    ignore: tuple[bool, ...]

    def keep(self, which: Sequence[bool]) -> "AnnotatedPage":
        """The page with only those regions for which `which` holds."""
        return AnnotatedPage(
            self.image,
            tuple(compress(self.polygons, which)),
            tuple(compress(self.texts, which)),
            tuple(compress(self.ignore, which)),
        )


@dataclass(frozen=True)
class DetAugment:
    """Shares (probabilities) and ranges of the detection augmentations; the defaults are the reference's v4 recipe.

    paste        share of pages that get regions of another page
    flip         left-right
    rotate       degrees, each way; rotate_share: share of pages; fit: grow the canvas so that nothing is lost
    resize       range of the zoom
    perspective  share of pages seen askew
    colour       share of pages whose brightness, contrast, saturation and hue change (and strength of the change)
    turns        share of pages turned by 90, 180 or 270 degrees (EAST trains so; 0 keeps reading directions)
    crop         (height, width) of the training crop; crop_tries, min_crop_side as in EAST
    """

    paste: float = 0.3
    flip: float = 0.5
    rotate: float = 10.0
    rotate_share: float = 1.0
    fit: bool = False
    resize: tuple[float, float] = (0.5, 3.0)
    perspective: float = 0.0
    colour: float = 0.0
    turns: float = 0.0
    crop: tuple[int, int] = (640, 640)
    crop_tries: int = 50
    min_crop_side: float = 0.1


def augment_page(
    rng: np.random.Generator, page: AnnotatedPage, other: AnnotatedPage | None, options: DetAugment
) -> AnnotatedPage:
    """The recipe in the reference's order, then a crop of exactly `options.crop`; `other` lends regions to paste."""
    if other is not None and rng.random() < options.paste:
        page = copy_paste(rng, page, other)
    if rng.random() < options.colour:
        page = replace(page, image=colour_jitter(rng, page.image, 1.0))
    if rng.random() < options.flip:
        page = flip(page)
    if rng.random() < options.turns:
        page = turn(page, 1 + int(rng.random() * 3))
    page = _geometry(rng, page, options)
    return random_crop(rng, page, options)


def _geometry(rng: np.random.Generator, page: AnnotatedPage, options: DetAugment) -> AnnotatedPage:
    """Rotation, zoom and view as one resampling, so that the image is interpolated once."""
    h, w = page.image.shape[:2]
    low, high = options.resize
    zoom = low + (high - low) * rng.random()
    zoom = min(zoom, 4096 / max(h, w))
    matrix = np.diag([zoom, zoom, 1.0])
    w2, h2 = max(1, round(w * zoom)), max(1, round(h * zoom))
    if options.rotate and rng.random() < options.rotate_share:
        angle = (rng.random() * 2 - 1) * options.rotate
        spin = np.vstack([cv2.getRotationMatrix2D((w2 / 2, h2 / 2), angle, 1.0), [0, 0, 1]])
        if options.fit:
            c, s = abs(spin[0, 0]), abs(spin[0, 1])
            w3, h3 = int(np.ceil(w2 * c + h2 * s)), int(np.ceil(w2 * s + h2 * c))
            spin[:2, 2] += ((w3 - w2) / 2, (h3 - h2) / 2)
            w2, h2 = w3, h3
        matrix = spin @ matrix
    if rng.random() < options.perspective:
        corners = np.array([[0, 0], [w2, 0], [w2, h2], [0, h2]], np.float32)
        moved = corners + (rng.random((4, 2)) - 0.5) * np.array([w2, h2]) * 0.2
        moved -= moved.min(axis=0)
        w2, h2 = (max(1, int(np.ceil(v))) for v in moved.max(axis=0))
        matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32)) @ matrix
    image = cv2.warpPerspective(page.image, matrix, (w2, h2), flags=cv2.INTER_AREA if zoom < 0.6 else cv2.INTER_LINEAR)
    moved_page = replace(page, image=image, polygons=tuple(project(matrix, p) for p in page.polygons))
    return moved_page.keep([_overlaps(p, w2, h2) for p in moved_page.polygons])


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (P, 2) through a homography (3, 3), float32."""
    out = np.concatenate([points, np.ones((len(points), 1), points.dtype)], axis=1) @ matrix.T
    return np.asarray((out[:, :2] / out[:, 2:]).astype(np.float32))


def _overlaps(points: np.ndarray, width: float, height: float) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(high[0] > 0 and high[1] > 0 and low[0] < width and low[1] < height)


def flip(page: AnnotatedPage) -> AnnotatedPage:
    """Mirror left and right. Points are listed so that the polygon still starts at its top left and runs clockwise."""
    width = page.image.shape[1]
    polygons = tuple(mirror_order(np.stack([width - p[:, 0], p[:, 1]], axis=1)) for p in page.polygons)
    return replace(page, image=np.ascontiguousarray(page.image[:, ::-1]), polygons=polygons)


def mirror_order(points: np.ndarray) -> np.ndarray:
    """Restore top-left-first clockwise order after a mirroring, for polygons of two equal sides (upper, then lower)."""
    half = len(points) // 2
    return np.concatenate([points[:half][::-1], points[half:][::-1]])


def turn(page: AnnotatedPage, quarters: int) -> AnnotatedPage:
    """Turn by 90 degrees counter-clockwise, `quarters` times; polygons keep their first point, so they follow their text."""
    image, polygons = page.image, page.polygons
    for _ in range(quarters % 4):
        width = image.shape[1]
        image = np.rot90(image)
        polygons = tuple(np.stack([p[:, 1], width - p[:, 0]], axis=1) for p in polygons)
    return replace(page, image=np.ascontiguousarray(image), polygons=polygons)


def colour_jitter(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Change brightness, contrast, saturation (32/255, 50 %, 50 % at strength 1) and hue (9 degrees) of a BGR image."""
    shift = (rng.random() * 2 - 1) * 32 * strength
    gain = 1 + (rng.random() * 2 - 1) * 0.5 * strength
    table = np.clip((np.arange(256) - 128) * gain + 128 + shift, 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(cv2.LUT(image, table), cv2.COLOR_BGR2HSV)
    scale = 1 + (rng.random() * 2 - 1) * 0.5 * strength
    tables = np.stack([np.arange(256), np.clip(np.arange(256) * scale, 0, 255), np.arange(256)], axis=-1)
    tables[:, 0] = (tables[:, 0] + (rng.random() * 2 - 1) * 4.5 * strength) % 180
    return cv2.cvtColor(cv2.LUT(hsv, tables.astype(np.uint8)[None]), cv2.COLOR_HSV2BGR)


def copy_paste(rng: np.random.Generator, page: AnnotatedPage, other: AnnotatedPage) -> AnnotatedPage:
    """Paste a fifth of `other`'s regions (at most 30), turned by -45 to 45 degrees, where `page` has no text."""
    chosen = [i for i, skip in enumerate(other.ignore) if not skip and len(other.polygons[i]) >= 4]
    rng.shuffle(chosen)
    count = max(1, min(MAX_PASTED_REGIONS, round(len(chosen) * PASTE_SHARE)))

    # what is taken by text already
    image, polygons, texts, ignore = page.image.copy(), list(page.polygons), list(page.texts), list(page.ignore)
    taken = np.zeros(image.shape[:2], np.uint8)
    for polygon in polygons:
        cv2.fillPoly(taken, [np.round(polygon).astype(np.int32)], 1)

    for i in chosen[:count]:
        piece = _cut_turned(rng, other.image, other.polygons[i])
        place = _free_place(rng, taken, piece[1].shape) if piece is not None else None
        if piece is None or place is None:
            continue
        patch, mask, corners = piece
        (x, y), (height, width), inside = place, mask.shape, mask > 0
        image[y : y + height, x : x + width][inside] = patch[inside]
        taken[y : y + height, x : x + width] = 1
        polygons.append((corners + np.array(place, np.float32)).astype(np.float32))
        texts.append(other.texts[i])
        ignore.append(False)
    return AnnotatedPage(image, tuple(polygons), tuple(texts), tuple(ignore))


def _free_place(rng: np.random.Generator, taken: np.ndarray, size: tuple[int, ...]) -> tuple[int, int] | None:
    """Where a patch of `size` (height, width) covers nothing taken: its left top corner (x, y), or None after ten tries."""
    room_y, room_x = taken.shape[0] - size[0], taken.shape[1] - size[1]
    if room_y <= 0 or room_x <= 0:
        return None
    for _ in range(PASTE_TRIES):
        y, x = int(rng.random() * room_y), int(rng.random() * room_x)
        if not taken[y : y + size[0], x : x + size[1]].any():
            return x, y
    return None


def _cut_turned(
    rng: np.random.Generator, image: np.ndarray, polygon: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A region's rectangle, cut out and turned: patch (h, w, 3), mask (h, w), quad (4, 2); None when too small."""
    half = len(polygon) // 2
    quad = np.stack([polygon[0], polygon[half - 1], polygon[half], polygon[-1]]).astype(np.float32)
    width = float(np.linalg.norm(quad[1] - quad[0]))
    height = float(np.linalg.norm(quad[3] - quad[0]))
    if width < 4 or height < 4:
        return None
    angle = np.deg2rad((rng.random() * 2 - 1) * 45) if rng.random() < 0.5 else 0.0
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ spin.T
    flat = (flat - flat.min(axis=0)).astype(np.float32)
    size = tuple(int(v) for v in np.ceil(flat.max(axis=0)).astype(int) + 1)
    matrix = cv2.getPerspectiveTransform(quad, flat)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.round(flat).astype(np.int32), 255)
    return cv2.warpPerspective(image, matrix, (size[0], size[1])), mask, flat


def random_crop(rng: np.random.Generator, page: AnnotatedPage, options: DetAugment) -> AnnotatedPage:
    """Crop, through no text where possible (EAST), then fit into `options.crop`, padded with zeros.

    Regions outside the crop go; one that the crop cuts stays whole and may reach over the border.
    """
    height, width = options.crop
    care = [p for p, skip in zip(page.polygons, page.ignore, strict=True) if not skip]
    x, y, w, h = _crop_window(rng, page.image.shape[:2], care, options)
    scale = min(width / w, height / h)
    w2, h2 = max(1, int(w * scale)), max(1, int(h * scale))
    interpolation = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
    image = np.zeros((height, width, 3), np.uint8)
    image[:h2, :w2] = cv2.resize(page.image[y : y + h, x : x + w], (w2, h2), interpolation=interpolation)
    moved = replace(page, image=image, polygons=tuple(((p - (x, y)) * scale).astype(np.float32) for p in page.polygons))
    return moved.keep([_overlaps(p, w2, h2) for p in moved.polygons])


def _crop_window(
    rng: np.random.Generator, shape: tuple[int, ...], care: list[np.ndarray], options: DetAugment
) -> tuple[int, int, int, int]:
    """A window (x, y, w, h) with some text in it whose sides cross none; else the whole page."""
    h, w = shape[0], shape[1]
    rows, columns = np.zeros(h, bool), np.zeros(w, bool)
    for polygon in care:
        (x0, y0), (x1, y1) = np.clip(np.round([polygon.min(axis=0), polygon.max(axis=0)]).astype(int), 0, [w, h])
        rows[y0:y1], columns[x0:x1] = True, True
    free_rows, free_columns = np.flatnonzero(~rows), np.flatnonzero(~columns)
    if not len(free_rows) or not len(free_columns):
        return 0, 0, w, h
    for _ in range(options.crop_tries):
        x0, x1 = _two_of(rng, free_columns)
        y0, y1 = _two_of(rng, free_rows)
        if x1 - x0 < max(1, options.min_crop_side * w) or y1 - y0 < max(1, options.min_crop_side * h):
            continue
        if not care or any(_overlaps(p - (x0, y0), x1 - x0, y1 - y0) for p in care):
            return x0, y0, x1 - x0, y1 - y0
    return 0, 0, w, h


def _two_of(rng: np.random.Generator, free: np.ndarray) -> tuple[int, int]:
    """Two free positions in order, from two different stretches of free positions when there are several."""
    breaks = np.flatnonzero(np.diff(free) > 1) + 1
    if len(breaks):
        stretches = np.split(free, breaks)
        picked = [stretches[int(rng.random() * len(stretches))] for _ in range(2)]
        values = [int(s[int(rng.random() * len(s))]) for s in picked]
    else:
        values = [int(free[int(rng.random() * len(free))]) for _ in range(2)]
    return min(values), max(values)
