"""Fields of printed dots, such as the grey rows of a table in a scan in black and white: the text on them is overlooked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
ROUNDING = 1e-3  # of shares
LETTERS_CELLS = 3, 9  # the height and width of the gaps that text makes in a field
DARK_BELOW = 127  # grey level of a field, from which down its text is light
BLUR, BLUR_DARK = 0.4, 0.6  # standard deviation of what smooths pale and dark fields, in sides of a dot

# The same for dots that a scan in grey has blurred; there text has more of them, so a field must be a screen, too
SOFT_STEP = 32
SOFT_DOTTED, SOFT_EVENLY, SOFT_PARTLY = 0.26, 0.18, 0.2
# A screen: dots in even rows, which are a few sharp peaks of the spectrum
SCREEN_CELLS = 8  # the sides of the part of a field whose spectrum is looked at
SCREEN_SHARE = 0.85  # of its cells that are dotted, of those of the part that has most
MIN_FREQUENCY = 0.1  # of a peak, in periods a pixel; letters and lines of text have lower ones
MIN_PEAK_RATIO = 30.0  # of the highest peak to the median of the spectrum
MIN_CROSSING = 0.5  # of the highest peak to that, of the highest in another direction, which rows of text do not have
MIN_ANGLE_SINE = 0.5  # of the angle between two directions
# Of the higher of the two, and of the waves where both meet, at most: waves of twice its frequency, which fine lines across
# each other have, such as a grid or a guilloche, and dots hardly
MAX_TWICE, MAX_TWICE_TO_MEETING, SURELY_NONE = 0.15, 0.5, 0.05
MIN_PEAK, MAX_PEAKS = 0.15, 12  # of the highest peak: what is taken away, and how many of them
PEAK_WIDTH = 0.02  # periods a pixel, standard deviation
SOFT_BLUR_PX = 0.8  # standard deviation of what smooths the rest

Direction = Literal["across", "down"]
_Peak = tuple[float, float, float]  # its height, and its frequency down and across, in periods a pixel


@dataclass(frozen=True, eq=False)
class _Field:
    """Rows and columns of a part of a page, in its pixels, and which of those pixels (h, w) are of a field of dots."""

    part: tuple[slice, slice]
    inside: NDArray[np.bool_]
    share: float  # the usual one of its cells, as `_shares` tells it


def without_halftone(image: Image) -> Image:
    """The page, BGR uint8 (H, W, 3), with fields of dots made an even grey; the same image where it has none."""
    # What differs by STEP differs by SOFT_STEP, too: most pages differ too little for either, most of them in one direction.
    soft = _shares(image, SOFT_STEP, "down")
    if _may_have_dots(soft):
        soft = np.minimum(soft, _shares(image, SOFT_STEP, "across"))
    if not _may_have_dots(soft):
        return image
    # Dots in black and white are smoothed as they are large.
    shares = np.minimum(_shares(image, STEP, "down"), _shares(image, STEP, "across"))
    dotted = _dotted(shares, DOTTED, EVENLY)
    out, done = image, np.zeros(shares.shape, np.bool_)
    for field, cells in _fields(image, dotted, shares, PARTLY):
        out, done = image.copy() if out is image else out, done | cells
        pixels = image[field.part]
        blur = BLUR if pixels[field.inside].mean() > DARK_BELOW else BLUR_DARK
        smooth = cv2.GaussianBlur(pixels, (0, 0), blur / field.share)
        out[field.part][field.inside] = _at_full_contrast(np.asarray(smooth[field.inside], np.float32))
    # Of blurred ones their frequencies are taken away.
    dotted = _dotted(soft, SOFT_DOTTED, SOFT_EVENLY) & ~done
    for field, cells in _fields(image, dotted, soft, SOFT_PARTLY):
        screen = _screen(image, dotted & cells)
        if screen is not None:
            out = image.copy() if out is image else out
            pixels = image[field.part].astype(np.float32)
            even = pixels - np.asarray(cv2.filter2D(pixels, -1, screen, borderType=cv2.BORDER_REFLECT))
            smooth = cv2.GaussianBlur(even, (0, 0), SOFT_BLUR_PX)
            out[field.part][field.inside] = _at_full_contrast(np.asarray(smooth[field.inside], np.float32))
    return out


def _may_have_dots(shares: Floats) -> bool:
    """Whether a page may have a field of either kind, by the shares of SOFT_STEP, of one direction or the smaller of both."""
    on_average, each = min(DOTTED, SOFT_DOTTED) - ROUNDING, min(EVENLY, SOFT_EVENLY) - ROUNDING
    return int(np.count_nonzero(_dotted(shares, on_average, each))) >= MIN_CELLS


def _fields(
    image: Image, dotted: NDArray[np.bool_], shares: Floats, partly: float
) -> Iterator[tuple[_Field, NDArray[np.bool_]]]:
    """The fields of a page, each with its cells (h, w): the dotted ones, with the text on them and their edges."""
    if np.count_nonzero(dotted) < MIN_CELLS:
        return
    closed = cv2.morphologyEx(dotted.astype(np.uint8), cv2.MORPH_CLOSE, _cells(*LETTERS_CELLS))
    parts, around = cv2.dilate(closed, _cells(3, 3)), cv2.dilate(closed, _cells(5, 5))
    parts = np.where(shares > partly, around, parts).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(parts)
    cells = np.bincount(labels[dotted], minlength=count)
    for i in np.flatnonzero(cells >= MIN_CELLS):
        x, y, width, height = boxes[i, :4].tolist()
        of_field = labels[y : y + height, x : x + width] == i
        share = float(np.median(shares[y : y + height, x : x + width][of_field]))
        part = (slice(y * CELL_PX, (y + height) * CELL_PX), slice(x * CELL_PX, (x + width) * CELL_PX))
        size = image[part].shape[:2]
        inside = of_field.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[: size[0], : size[1]]
        yield _Field(part, inside, share), labels == i


def _screen(image: Image, dotted: NDArray[np.bool_]) -> Floats | None:
    """The kernel (k, k) that a field of dots is filtered with to have its dots alone; None where it is no screen.

    dotted: the cells (h, w) of the field that are dots and nothing else.
    """
    # The spectrum of the part that has most of them, of such the one where the cells are most alike: without text.
    side, size = SCREEN_CELLS * CELL_PX, (SCREEN_CELLS, SCREEN_CELLS)
    ground = np.asarray(cv2.resize(image, dotted.shape[::-1], interpolation=cv2.INTER_AREA), np.float32).mean(axis=2)
    anchor, border = (0, 0), cv2.BORDER_CONSTANT
    counts, mean, square = (
        np.asarray(cv2.boxFilter(part, -1, size, anchor=anchor, borderType=border))
        for part in (dotted.astype(np.float32), ground, ground * ground)
    )
    spread = np.where(counts >= SCREEN_SHARE * counts.max(), square - mean * mean, np.inf)
    y, x = (int(at) * CELL_PX for at in np.unravel_index(spread.argmin(), dotted.shape))
    grey = cv2.cvtColor(image[y : y + side, x : x + side], cv2.COLOR_BGR2GRAY).astype(np.float32)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    spectrum = np.abs(np.fft.rfft2((grey - grey.mean()) * window, (side, side)))
    down, across = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    high = np.hypot(down, across) >= MIN_FREQUENCY
    spectrum = np.where(high, spectrum, 0)
    usual = float(np.median(spectrum[high]))
    # Its peaks, the highest ones first.
    whole = spectrum.copy()
    peaks: list[_Peak] = []
    while len(peaks) < MAX_PEAKS:
        at = np.unravel_index(spectrum.argmax(), spectrum.shape)
        height, fy, fx = float(spectrum[at]), float(down[at]), float(across[at])
        if height <= MIN_PEAK * (peaks[0][0] if peaks else MIN_PEAK_RATIO / MIN_PEAK * usual):
            break
        peaks.append((height, fy, fx))
        near = np.minimum(np.hypot(down - fy, across - fx), np.hypot(down + fy, across + fx))
        spectrum[near < 2 * PEAK_WIDTH] = 0
    crossing = _crossing(peaks)
    is_screen = crossing is not None and _are_dots(whole, peaks[0], crossing)
    return _kernel([(fy, fx) for _, fy, fx in peaks]) if is_screen else None


def _crossing(peaks: list[_Peak]) -> _Peak | None:
    """The highest peak in another direction than the first of all, if it is high enough."""
    for height, fy, fx in peaks[1:]:
        _, y, x = peaks[0]
        sine = abs(fy * x - fx * y) / (np.hypot(fy, fx) * np.hypot(y, x))
        if height >= MIN_CROSSING * peaks[0][0] and sine >= MIN_ANGLE_SINE:
            return height, fy, fx
    return None


def _are_dots(spectrum: Floats, first: _Peak, second: _Peak) -> bool:
    """Whether two peaks of a spectrum (side, side // 2 + 1) are those of dots, and not of lines that cross each other."""
    (height, ay, ax), (_, by, bx) = first, second
    twice = max(_height_at(spectrum, 2 * ay, 2 * ax), _height_at(spectrum, 2 * by, 2 * bx)) / height
    meeting = min(_height_at(spectrum, ay + by, ax + bx), _height_at(spectrum, ay - by, ax - bx)) / height
    return twice <= MAX_TWICE and (twice <= SURELY_NONE or twice <= MAX_TWICE_TO_MEETING * meeting)


def _height_at(spectrum: Floats, down: float, across: float) -> float:
    """The height of a spectrum (side, side // 2 + 1) at a frequency, in periods a pixel, or one step beside it."""
    side = spectrum.shape[0]
    # What is too high is seen as a lower one, and half of the spectrum is not kept, as it is the other half's mirror image.
    y, x = round(down * side) % side, round(across * side) % side
    if x > side // 2:
        y, x = -y % side, side - x
    ys, xs = [(y + step) % side for step in (-1, 0, 1)], [min(abs(x + step), side // 2) for step in (-1, 0, 1)]
    return float(spectrum[np.ix_(ys, xs)].max())


def _kernel(frequencies: list[tuple[float, float]]) -> Floats:
    """The kernel (k, k) that passes waves of these frequencies, down and across, in periods a pixel, and nothing else."""
    reach = round(1.5 / PEAK_WIDTH / np.pi)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    window = np.exp(-2 * (np.pi * PEAK_WIDTH) ** 2 * (x * x + y * y))
    waves = sum(2 * np.cos(2 * np.pi * (fy * y + fx * x)) for fy, fx in frequencies)
    return np.asarray(waves * window / window.sum(), np.float32)


def _dotted(shares: Floats, on_average: float, each: float) -> NDArray[np.bool_]:
    """Which cells of (h, w) are of a field of dots, by what `_shares` tells of them and of those around."""
    if not shares.size:
        return np.zeros(shares.shape, np.bool_)
    evenly = np.asarray(cv2.erode(shares, _cells(3, 3))) > each
    return np.asarray(evenly & (np.asarray(cv2.blur(shares, (3, 3))) > on_average))


def _at_full_contrast(pixels: NDArray[np.uint8] | Floats) -> NDArray[np.uint8]:
    """Pixels (N, 3) of a field, its usual grey made white where its text is darker, black where it is lighter."""
    ground = float(np.median(pixels))
    low, high = (0.0, ground) if ground > DARK_BELOW else (ground, 255.0)
    return np.asarray(np.clip((pixels - low) * (255 / (high - low)), 0, 255), np.uint8)


def _shares(image: Image, step: int, direction: Direction) -> Floats:
    """Of each cell (h, w) of a page, BGR uint8 (H, W, 3), the share of pixels that differ by a step from the next one.

    Looked at band by band, as a large page takes hundreds of megabytes and what is made of it would several times more.
    """
    height = image.shape[0]
    starts = range(0, max(1, height - CELL_PX + 1), BAND_PX)
    bands = zip(starts, (*starts[1:], height), strict=True)
    return np.concatenate([_band_shares(image[y : end + 1], end - y, step, direction) for y, end in bands])


def _band_shares(image: Image, rows: int, step: int, direction: Direction) -> Floats:
    """The same of a band of so many rows, below which `image` has one more unless the page ends there."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    height, width = -(-rows // CELL_PX), -(-grey.shape[1] // CELL_PX)
    below, beside = max(0, height * CELL_PX - grey.shape[0]), width * CELL_PX - grey.shape[1]
    whole = np.asarray(cv2.copyMakeBorder(grey, 0, below, 0, beside, cv2.BORDER_REFLECT)) if below or beside else grey
    band = whole[: height * CELL_PX]
    before, after = (band[:, :-1], band[:, 1:]) if direction == "across" else (whole[:-1], whole[1:])
    differs = cv2.threshold(cv2.absdiff(before, after), step, 255, cv2.THRESH_BINARY)[1]
    down, right = band.shape[0] - differs.shape[0], band.shape[1] - differs.shape[1]
    if down or right:
        differs = cv2.copyMakeBorder(differs, 0, down, 0, right, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.resize(differs, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)


def _cells(height: int, width: int) -> NDArray[np.uint8]:
    return np.ones((height, width), np.uint8)
