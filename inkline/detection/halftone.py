"""Fields of printed dots, such as the grey rows of a table in a scan in black and white: the text on them is overlooked."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats, Image

CELL_PX = 8  # a page is looked at in squares of this size
BAND_PX = 64 * CELL_PX  # rows that are looked at together
STEP = 64  # grey levels between neighbouring pixels, one of a dot and one of paper
# Shares of the neighbouring pixels of a cell, across and down, that differ so: the smallest text has as many, but not all over
DOTTED = 0.25  # of a cell and those around, on average
EVENLY = 0.2  # of each of them
PARTLY = 0.08  # of a cell at the edge of a field
MIN_CELLS = 60  # of a field that are dotted as those around
LETTERS_CELLS = 3, 9  # the height and width of the gaps that text makes in a field
DARK_BELOW = 127  # grey level of a field, from which down its text is light
BLUR, BLUR_DARK = 0.4, 0.6  # standard deviation of what smooths pale and dark fields, in sides of a dot


def without_halftone(image: Image) -> Image:
    """The page, BGR uint8 (H, W, 3), with fields of dots made an even grey; the same image where it has none."""
    shares = _shares(image)
    dotted = _dotted(shares)
    if np.count_nonzero(dotted) < MIN_CELLS:
        return image
    # The fields, with the text on them and their edges.
    closed = cv2.morphologyEx(dotted.astype(np.uint8), cv2.MORPH_CLOSE, _cells(*LETTERS_CELLS))
    parts, around = cv2.dilate(closed, _cells(3, 3)), cv2.dilate(closed, _cells(5, 5))
    parts = np.where(shares > PARTLY, around, parts).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(parts)
    cells = np.bincount(labels[dotted], minlength=count)
    # Each one smoothed as its dots are large.
    fields = np.flatnonzero(cells >= MIN_CELLS)
    out = image.copy() if len(fields) else image
    for i in fields:
        x, y, width, height = boxes[i, :4].tolist()
        of_field = labels[y : y + height, x : x + width] == i
        share = float(np.median(shares[y : y + height, x : x + width][of_field]))
        field = (slice(y * CELL_PX, (y + height) * CELL_PX), slice(x * CELL_PX, (x + width) * CELL_PX))
        inside = of_field.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[: image[field].shape[0], : image[field].shape[1]]
        blur = BLUR if image[field][inside].mean() > DARK_BELOW else BLUR_DARK
        out[field][inside] = _at_full_contrast(cv2.GaussianBlur(image[field], (0, 0), blur / share)[inside])
    return out


def _dotted(shares: Floats) -> NDArray[np.bool_]:
    """Which cells of (h, w) are of a field of dots, by what `_shares` tells of them and of those around."""
    if not shares.size:
        return np.zeros(shares.shape, np.bool_)
    evenly = np.asarray(cv2.erode(shares, _cells(3, 3))) > EVENLY
    return np.asarray(evenly & (np.asarray(cv2.blur(shares, (3, 3))) > DOTTED))


def _at_full_contrast(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (N, 3) of a field, its usual grey made white where its text is darker, black where it is lighter."""
    ground = float(np.median(pixels))
    low, high = (0.0, ground) if ground > DARK_BELOW else (ground, 255.0)
    return np.asarray(np.clip((pixels - low) * (255 / (high - low)), 0, 255), np.uint8)


def _shares(image: Image) -> Floats:
    """Of each cell (h, w) of a page, BGR uint8 (H, W, 3), the share of neighbouring pixels that differ by a STEP: across or
    down, the smaller one.

    Looked at band by band, as a large page takes hundreds of megabytes and what is made of it would several times more.
    """
    height = image.shape[0]
    starts = range(0, max(1, height - CELL_PX + 1), BAND_PX)
    ends = (*starts[1:], height)
    return np.concatenate([_band_shares(image[y : end + 1], end - y) for y, end in zip(starts, ends, strict=True)])


def _band_shares(image: Image, rows: int) -> Floats:
    """The same of a band of so many rows, below which `image` has one more unless the page ends there."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    height, width = -(-rows // CELL_PX), -(-grey.shape[1] // CELL_PX)
    below, beside = max(0, height * CELL_PX - grey.shape[0]), width * CELL_PX - grey.shape[1]
    whole = np.asarray(cv2.copyMakeBorder(grey, 0, below, 0, beside, cv2.BORDER_REFLECT))
    band = whole[: height * CELL_PX]
    by_axis = []
    for before, after in ((band[:, :-1], band[:, 1:]), (whole[:-1], whole[1:])):
        differs = cv2.threshold(cv2.absdiff(before, after), STEP, 255, cv2.THRESH_BINARY)[1]
        down, right = band.shape[0] - differs.shape[0], band.shape[1] - differs.shape[1]
        filled = cv2.copyMakeBorder(differs, 0, down, 0, right, cv2.BORDER_CONSTANT)
        by_axis.append(cv2.resize(filled, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(np.minimum(*by_axis) / np.float32(255), np.float32)


def _cells(height: int, width: int) -> NDArray[np.uint8]:
    return np.ones((height, width), np.uint8)
