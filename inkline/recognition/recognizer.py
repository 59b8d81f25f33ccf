"""Text recognition: line crops to text."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.errors import ModelError, near
from inkline.options import RecognizeOptions
from inkline.recognition.attention import MARKS, attention_decode, class_count
from inkline.recognition.bidi import stored_order
from inkline.recognition.ctc import Path, ctc_decode, doubtful_accents, join_paths, mend_spaces, unaccented
from inkline.recognition.homoglyphs import lookalikes_of, one_script
from inkline.recognition.words import stroke_pitch
from inkline.runtime import Engine
from inkline.runtime.tensors import normalize_table, resize, to_tensor
from inkline.types import Image, Text

REFERENCE_WIDTH = 320  # the width that PaddleOCR pads to at least
WINDOW_OVERLAP = 192  # net pixels that two windows of a long line share: about eight letters
WORD = 3.0  # line heights; what is no wider, a few letters, keeps its shape
LONG = 8.0  # line heights; a squeezed line wider than this that is read with a lower score than SURE is read again
SURE = 0.9
STEP = 16  # own widths are rounded up to a multiple of this, two at least: bounds the shapes an engine sees

Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Batch:
    """Crops that go through the net together: their indices, each one's width in the net, and the width they share."""

    indices: tuple[int, ...]
    widths: tuple[int, ...]
    width: int


class Recognizer:
    """Reads lines: `recognizer(crops, options) -> list[Text]`, one a crop, in order; any thread may call."""

    def __init__(self, engine: Engine, charset: Sequence[str], meta: Mapping[str, str]) -> None:
        """charset: the characters in the order of their classes, with the space where the net has one.

        meta: the model's description (see `inkline.registry.inspect`); its decoder says where the classes begin, CTC's after
        the blank (`inkline.recognition.attention.MARKS`).
        """
        self._engine = engine
        self.charset = tuple(charset)
        self._decoder = meta.get("inkline.decoder", "ctc")
        if self._decoder not in MARKS:
            raise ModelError(
                f"recogniser decoder {self._decoder!r} is unknown{near(self._decoder, MARKS)}; update inkline"
            )
        self._space = self.charset.index(" ") + 1 if " " in self.charset else None
        self._plain = unaccented(self.charset)
        self._lookalikes = lookalikes_of(self.charset)
        self._height = int(meta.get("inkline.input_height", "48"))
        self._table = normalize_table(
            json.loads(meta.get("inkline.mean", "[0.5, 0.5, 0.5]")),
            json.loads(meta.get("inkline.std", "[0.5, 0.5, 0.5]")),
        )
        self._rgb = meta.get("inkline.channel_order", "BGR") == "RGB"

    def __call__(self, crops: Sequence[Image], options: RecognizeOptions, run: Run = map) -> list[Text]:
        """Texts of crops uint8 (H, W, 3) BGR of any size; `run` maps over the batches, for instance on a thread pool.

        A line longer than `max_width` is read in overlapping windows (`width_rule` own), or squeezed (reference). A long
        one that was squeezed and is doubtful is read again at its own width, and the better reading counts.
        """
        texts = self._once(crops, options, run)
        again = [i for i, text in enumerate(texts) if text.score < SURE and self._long(crops[i], options)]
        unsqueezed = self._once([crops[i] for i in again], replace(options, squeeze=1.0), run)
        for i, text in zip(again, unsqueezed, strict=True):
            texts[i] = max(texts[i], text, key=lambda text: text.score)
        return texts

    def _long(self, crop: Image, options: RecognizeOptions) -> bool:
        """Whether a crop is a long line that the options squeeze."""
        if options.width_rule != "own" or options.input_shape is not None:
            return False
        long = own_width(crop, self._height) > LONG * self._height
        return long and _share(crop, self._height, options) < 1

    def _once(self, crops: Sequence[Image], options: RecognizeOptions, run: Run) -> list[Text]:
        """Every line read once, as the options say."""
        ctc = self._decoder == "ctc"
        split = [windows(crop, self._height, options) if ctc else [(0, crop)] for crop in crops]
        parts = [part for line in split for _, part in line]
        lines = [crop for crop, line in zip(crops, split, strict=True) for _ in line]
        batches = plan(parts, self._height, options, lines)
        allowed = self._allowed(options.charset)

        def read(batch: Batch) -> list[Path | Text]:
            return self._read(batch, parts, options, allowed)

        seen: dict[int, Path | Text] = {}
        for batch, results in zip(batches, run(read, batches), strict=True):
            seen.update(zip(batch.indices, results, strict=True))
        found = iter(seen[i] for i in range(len(parts)))
        return [self._text([(start, next(found)) for start, _ in line]) for line in split]

    def _text(self, parts: list[tuple[int, Path | Text]]) -> Text:
        """One line from what was seen in its windows, each with its start."""
        if isinstance(parts[0][1], Text):
            return parts[0][1]
        path = join_paths([(start, path) for start, path in parts if isinstance(path, Path)])
        text = stored_order(ctc_decode(path, self.charset))
        if self._lookalikes is None:
            return text
        return replace(
            text, text=one_script(text.text, self._lookalikes), plain=one_script(text.plain, self._lookalikes)
        )

    def _read(
        self, batch: Batch, crops: Sequence[Image], options: RecognizeOptions, allowed: NDArray[np.int64] | None
    ) -> list[Path | Text]:
        height = options.input_shape[1] if options.input_shape else self._height
        x = np.zeros((len(batch.indices), 3, height, batch.width), np.float32)
        for row, (index, width) in enumerate(zip(batch.indices, batch.widths, strict=True)):
            to_tensor(resize(crops[index], height, width), self._table, x[row], self._rgb)
        probability = self._engine(x)[0]
        classes = class_count(self._decoder, len(self.charset))
        if probability.shape[2] != classes:
            raise ModelError(
                f"the net has {probability.shape[2]} classes, its charset {len(self.charset)} characters, with the marks of "
                f"{self._decoder} {classes}: give the charset that belongs to this model"
            )
        best = probability.argmax(axis=2) if allowed is None else allowed[probability[:, :, allowed].argmax(axis=2)]
        prob = np.take_along_axis(probability, best[:, :, None], axis=2)[:, :, 0]
        if self._decoder != "ctc":
            pairs = zip(best, prob, strict=True)
            return [attention_decode(self._decoder, row_best, row_prob, self.charset) for row_best, row_prob in pairs]
        paths: list[Path | Text] = []
        for row, (index, width) in enumerate(zip(batch.indices, batch.widths, strict=True)):
            path = best[row], prob[row]
            if self._space is not None and options.space_thresh < 1:
                path = mend_spaces(*path, probability[row, :, self._space], self._space, options.space_thresh)
            plain = path[0]
            if options.accent_thresh < 1 and allowed is None:
                plain = doubtful_accents(plain, probability[row], self._plain, options.accent_thresh)
            paths.append(Path(*path, plain, own_width(crops[index], height), width / batch.width))
        return paths

    def _allowed(self, characters: str) -> NDArray[np.int64] | None:
        """Classes that may be read: the decoder's marks and those of the given characters; None for all."""
        if not characters:
            return None
        wanted = set(characters)
        before = MARKS[self._decoder].before
        characters_end = before + len(self.charset)
        classes = [i for i, token in enumerate(self.charset, before) if set(token) <= wanted]
        missing = wanted - set("".join(self.charset))
        if missing:
            raise ModelError(f"text_rec_charset: this model cannot read {''.join(sorted(missing))!r}; leave these out")
        marks = range(characters_end, class_count(self._decoder, len(self.charset)))
        return np.array([*range(before), *classes, *marks], np.int64)


def own_width(crop: Image, height: int) -> int:
    """The width in pixels of a crop that is brought to a height."""
    rows, columns = crop.shape[:2]
    return max(math.ceil(height * int(columns) / int(rows)), 1)


def windows(crop: Image, height: int, options: RecognizeOptions) -> list[tuple[int, Image]]:
    """A line as (start in net pixels, part of the crop): itself, or windows of `max_width` that share WINDOW_OVERLAP."""
    width = own_width(crop, height)
    side = options.max_width // STEP * STEP
    if options.input_shape is not None or options.width_rule == "reference" or width <= options.max_width:
        return [(0, crop)]
    overlap = min(WINDOW_OVERLAP, side // 2)
    count = math.ceil((width - overlap) / (side - overlap))
    starts = [round(i * (width - side) / (count - 1) / STEP) * STEP for i in range(count)]
    scale = crop.shape[0] / height
    return [(start, crop[:, round(start * scale) : round((start + side) * scale)]) for start in starts]


def plan(crops: Sequence[Image], height: int, options: RecognizeOptions, lines: Sequence[Image] = ()) -> list[Batch]:
    """Share crops out into batches; every crop is in exactly one. lines: those that the crops are windows of, if they are.

    `own`: each crop at its own width, squeezed as the options say; those whose widths round up to the same multiple of 16
    may share a batch, so what a line is fed never depends on its company; the widest come first, so that no thread is left
    with a long line at the end. `reference`: sorted by width, each batch as wide as its widest line and 320 px at least
    (FACTS 3.7).
    """
    if options.input_shape is not None:
        width = options.input_shape[2]
        return _cut([(width, i, width) for i in range(len(crops))], options.batch_size)
    if options.width_rule == "own":
        shares = [_share(line, height, options) for line in lines or crops]
        wanted = [math.ceil(own_width(crop, height) * share) for crop, share in zip(crops, shares, strict=True)]
        widths = [min(width, options.max_width) for width in wanted]
        rows = [(max(-(-w // STEP), 2) * STEP, i, w) for i, w in enumerate(widths)]
        return _cut(sorted(rows, key=lambda row: -row[0]), options.batch_size)
    ratios = [crop.shape[1] / crop.shape[0] for crop in crops]
    order = sorted(range(len(crops)), key=lambda i: ratios[i])
    # A line wider than 320 px is squeezed to a whole number of pixels from below, a narrower one from above.
    room = [min(int(height * max(REFERENCE_WIDTH / height, r)), options.max_width) for r in ratios]
    inner = [min(math.ceil(height * r), room[i]) for i, r in enumerate(ratios)]
    parts = (order[at : at + options.batch_size] for at in range(0, len(order), options.batch_size))
    return [Batch(tuple(part), tuple(inner[i] for i in part), max(room[i] for i in part)) for part in parts]


def _share(line: Image, height: int, options: RecognizeOptions) -> float:
    """The share of its width at which a line is fed: squeezed as far as its strokes allow it, or widened."""
    share = options.squeeze
    if share < 1 and own_width(line, height) <= WORD * height:
        return 1.0
    if share < 1 and options.stroke_pitch:
        share = min(max(options.stroke_pitch * height / stroke_pitch(line, height), share), 1.0)
    return share


def _cut(rows: list[tuple[int, int, int]], size: int) -> list[Batch]:
    """Rows (bucket width, index, own width), those of a bucket together, to batches of at most `size` of one bucket."""
    batches: list[Batch] = []
    for bucket, index, width in rows:
        last = batches[-1] if batches else None
        if last and last.width == bucket and len(last.indices) < size:
            batches[-1] = Batch((*last.indices, index), (*last.widths, width), bucket)
        else:
            batches.append(Batch((index,), (width,), bucket))
    return batches
