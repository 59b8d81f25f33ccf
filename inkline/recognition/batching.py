"""How line crops go through the recogniser: at which width, in which windows, in which batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inkline.options import RecognizeOptions
from inkline.recognition.words import stroke_pitch
from inkline.types import Image

REFERENCE_WIDTH_PX = 320  # the width that PaddleOCR pads to at least
WINDOW_OVERLAP_PX = 192  # of the net's input, shared by two windows of a long line: about eight letters
WIDTH_STEP_PX = 16  # own widths are rounded up to a multiple of this, two at least: bounds the shapes an engine sees
MIN_NARROWED_RATIO = 3.0  # width to height; what is no wider, a few letters, keeps its shape


@dataclass(frozen=True)
class Batch:
    """Crops that go through the net together: their indices, each one's width in the net, and the width they share."""

    indices: tuple[int, ...]
    widths: tuple[int, ...]
    width: int


def own_width(crop: Image, height: int) -> int:
    """The width in pixels of a crop that is brought to a height."""
    rows, columns = crop.shape[:2]
    return max(math.ceil(height * int(columns) / int(rows)), 1)


def width_share(line: Image, height: int, options: RecognizeOptions) -> float:
    """The share of its width at which a line is fed: narrowed as far as its strokes allow it, or widened."""
    share = options.width_scale
    if share < 1 and own_width(line, height) <= MIN_NARROWED_RATIO * height:
        return 1.0
    if share < 1 and options.stroke_pitch:
        share = min(max(options.stroke_pitch * height / stroke_pitch(line, height), share), 1.0)
    return share


def split_windows(crop: Image, height: int, options: RecognizeOptions) -> list[tuple[int, Image]]:
    """A line as (start in net pixels, part of the crop): itself, or overlapping windows of `max_width`."""
    width = own_width(crop, height)
    side = options.max_width // WIDTH_STEP_PX * WIDTH_STEP_PX
    if options.input_shape is not None or options.width_rule == "reference" or width <= options.max_width:
        return [(0, crop)]
    overlap = min(WINDOW_OVERLAP_PX, side // 2)
    count = math.ceil((width - overlap) / (side - overlap))
    starts = [round(i * (width - side) / (count - 1) / WIDTH_STEP_PX) * WIDTH_STEP_PX for i in range(count)]
    scale = crop.shape[0] / height
    return [(start, crop[:, round(start * scale) : round((start + side) * scale)]) for start in starts]


def make_batches(crops: Sequence[Image], height: int, options: RecognizeOptions, lines: Sequence[Image] = ()) -> list[Batch]:
    """Divide crops into batches; every crop is in exactly one. lines: the lines that the crops are windows of, if they are.

    `own`: each crop at its own width, narrowed as the options say; those whose widths round up to the same multiple of 16
    may share a batch, so how a line is fed never depends on the others; the widest come first, so that no thread is left
    with a long line at the end. `reference`: as PaddleOCR does it (docs/reference_rules.md, Recognition input and CTC).
    """
    if options.input_shape is not None:
        width = options.input_shape[2]
        return _fill_batches([(width, i, width) for i in range(len(crops))], options.batch_size)
    if options.width_rule == "reference":
        return _reference_batches(crops, height, options)
    shares = [width_share(line, height, options) for line in lines or crops]
    wanted = [math.ceil(own_width(crop, height) * share) for crop, share in zip(crops, shares, strict=True)]
    widths = [min(width, options.max_width) for width in wanted]
    rows = [(max(math.ceil(width / WIDTH_STEP_PX), 2) * WIDTH_STEP_PX, i, width) for i, width in enumerate(widths)]
    return _fill_batches(sorted(rows, key=lambda row: -row[0]), options.batch_size)


def _reference_batches(crops: Sequence[Image], height: int, options: RecognizeOptions) -> list[Batch]:
    """Sorted by width, each batch as wide as its widest line and 320 px at least."""
    ratios = [crop.shape[1] / crop.shape[0] for crop in crops]
    order = sorted(range(len(crops)), key=lambda i: ratios[i])
    # A line wider than 320 px is resized to a whole number of pixels from below, a narrower one from above.
    room = [min(int(height * max(REFERENCE_WIDTH_PX / height, r)), options.max_width) for r in ratios]
    inner = [min(math.ceil(height * r), room[i]) for i, r in enumerate(ratios)]
    parts = (order[at : at + options.batch_size] for at in range(0, len(order), options.batch_size))
    return [Batch(tuple(part), tuple(inner[i] for i in part), max(room[i] for i in part)) for part in parts]


def _fill_batches(rows: list[tuple[int, int, int]], size: int) -> list[Batch]:
    """Rows (batch width, index, own width), equal batch widths together, as batches of at most `size` rows."""
    batches: list[Batch] = []
    for batch_width, index, width in rows:
        last = batches[-1] if batches else None
        if last and last.width == batch_width and len(last.indices) < size:
            batches[-1] = Batch((*last.indices, index), (*last.widths, width), batch_width)
        else:
            batches.append(Batch((index,), (width,), batch_width))
    return batches
