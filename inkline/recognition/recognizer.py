"""Text recognition: line crops to text."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.errors import EngineError, ModelError, near
from inkline.options import RecognizeOptions
from inkline.recognition.attention import SPECIAL_TOKENS, attention_decode, class_count
from inkline.recognition.batching import Batch, make_batches, own_width, split_windows, width_share
from inkline.recognition.bidi import stored_order
from inkline.recognition.corrections import (
    classes_by_script,
    foreign_classes,
    homoglyphs_of,
    in_one_script,
    plain_classes,
    prefer_twins,
    remove_doubtful_accents,
    restore_spaces,
    twin_classes,
    unify_script,
)
from inkline.recognition.ctc import CtcPath, ctc_decode, join_paths, probability_of_others
from inkline.recognition.vowel_order import stored_vowels
from inkline.recognition.words import doubt_marks
from inkline.runtime import Engine
from inkline.runtime.tensors import normalize_table, resize, to_tensor
from inkline.types import Floats, Image, Text

LONG_LINE_RATIO = 8.0  # width to height; a wider line that was narrowed is read again at its own width below this score:
RETRY_BELOW_SCORE = 0.9

ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Classes = NDArray[np.int64]


class Recognizer:
    """Reads lines: `recognizer(crops, options) -> list[Text]`, one per crop, in order; any thread may call."""

    def __init__(
        self,
        engine: Engine,
        charset: Sequence[str],
        meta: Mapping[str, str],
        twins: Sequence[str] = (),
        letters: frozenset[str] = frozenset(),
    ) -> None:
        """charset: the characters in the order of their classes, with the space where the net has one.

        meta: the model's description (see `inkline.registry.inspect`); its decoder says where the classes begin, CTC's after
        the blank (`inkline.recognition.attention.SPECIAL_TOKENS`). twins: letters that the language does not have, each with
        those it has that look alike; letters: those it has, empty if that is not known.
        """
        self._engine = engine
        self.charset = tuple(charset)
        self._decoder = meta.get("inkline.decoder", "ctc")
        if self._decoder not in SPECIAL_TOKENS:
            raise ModelError(
                f"recogniser decoder {self._decoder!r} is unknown{near(self._decoder, SPECIAL_TOKENS)}; update inkline"
            )
        # Of two spaces the last is the one that was trained (`inkline.registry.inspect.ctc_charset`).
        self._space = len(self.charset) - self.charset[::-1].index(" ") if " " in self.charset else None
        self._plain = plain_classes(self.charset)
        self._twins = twin_classes(self.charset, twins)
        self._foreign = foreign_classes(self.charset, letters)
        self._homoglyphs = homoglyphs_of(self.charset)
        self._scripts = classes_by_script(self.charset) if self._decoder == "ctc" else None
        self._height = int(meta.get("inkline.input_height", "48"))
        self._table = normalize_table(
            json.loads(meta.get("inkline.mean", "[0.5, 0.5, 0.5]")),
            json.loads(meta.get("inkline.std", "[0.5, 0.5, 0.5]")),
        )
        self._rgb = meta.get("inkline.channel_order", "BGR") == "RGB"
        self._vowels_as_seen = meta.get("inkline.label_order") == "seen"

    def with_twins(self, twins: Sequence[str]) -> "Recognizer":
        """The same net, reading a language with these twins."""
        other = copy(self)
        other._twins = twin_classes(self.charset, twins)
        return other

    def __call__(self, crops: Sequence[Image], options: RecognizeOptions, run: ParallelMap = map) -> list[Text]:
        """Texts of crops uint8 (H, W, 3) BGR of any size; `run` maps over the batches, for instance on a thread pool.

        A line longer than `max_width` is read in overlapping windows (`width_rule` own), or narrowed (reference). A long
        line that was narrowed and is doubtful is read again at its own width, and the better reading counts.
        """
        texts = self._read_once(crops, options, run)
        again = [i for i, text in enumerate(texts) if text.score < RETRY_BELOW_SCORE and self._is_narrowed(crops[i], options)]
        retried = self._read_once([crops[i] for i in again], replace(options, width_scale=1.0), run)
        for i, text in zip(again, retried, strict=True):
            texts[i] = max(texts[i], text, key=lambda text: text.score)
        if options.width_rule == "own":
            texts = [doubt_marks(text, crop) for text, crop in zip(texts, crops, strict=True)]
        return texts

    def _is_narrowed(self, crop: Image, options: RecognizeOptions) -> bool:
        """Whether a crop is a long line that the options narrow."""
        if options.width_rule != "own" or options.input_shape is not None:
            return False
        is_long = own_width(crop, self._height) > LONG_LINE_RATIO * self._height
        return is_long and width_share(crop, self._height, options) < 1

    def _read_once(self, crops: Sequence[Image], options: RecognizeOptions, run: ParallelMap) -> list[Text]:
        """Every line read once, as the options say."""
        # Lines become windows, windows batches.
        is_ctc = self._decoder == "ctc"
        split = [split_windows(crop, self._height, options) if is_ctc else [(0, crop)] for crop in crops]
        parts = [part for line in split for _, part in line]
        lines = [crop for crop, line in zip(crops, split, strict=True) for _ in line]
        batches = make_batches(parts, self._height, options, lines)
        allowed = self._allowed(options.charset)

        # Batches are read, in any order.
        def read(batch: Batch) -> Sequence[CtcPath | Text]:
            return self._read_batch(batch, parts, options, allowed)

        seen: dict[int, CtcPath | Text] = {}
        for batch, results in zip(batches, run(read, batches), strict=True):
            seen.update(zip(batch.indices, results, strict=True))

        # Windows become lines again.
        found = iter(seen[i] for i in range(len(parts)))
        return [self._line_text([(start, next(found)) for start, _ in line]) for line in split]

    def _line_text(self, parts: list[tuple[int, CtcPath | Text]]) -> Text:
        """One line from what was seen in its windows, each with its start."""
        if isinstance(parts[0][1], Text):
            return parts[0][1]
        path = join_paths([(start, path) for start, path in parts if isinstance(path, CtcPath)])
        text = stored_order(ctc_decode(path, self.charset))
        if self._vowels_as_seen:
            text = stored_vowels(text)
        if self._homoglyphs is None:
            return text
        unified, plain = (unify_script(t, self._homoglyphs) for t in (text.text, text.plain))
        return replace(text, text=unified, plain=plain)

    def _read_batch(
        self, batch: Batch, crops: Sequence[Image], options: RecognizeOptions, allowed: Classes | None
    ) -> Sequence[CtcPath | Text]:
        """What the net sees in the crops of a batch, in its order."""
        # Draw the crops side by side into the net's input, padded with zeros, and run it.
        height = options.input_shape[1] if options.input_shape else self._height
        x = np.zeros((len(batch.indices), 3, height, batch.width), np.float32)
        for row, (index, width) in enumerate(zip(batch.indices, batch.widths, strict=True)):
            to_tensor(resize(crops[index], height, width), self._table, x[row], self._rgb)
        probability = self._engine(x)[0]
        self._check_classes(probability.shape[2])
        # The best class of each step, among those that may be read.
        best = probability.argmax(axis=2) if allowed is None else allowed[probability[:, :, allowed].argmax(axis=2)]
        prob = probability[np.arange(len(best))[:, None], np.arange(best.shape[1]), best]
        if np.isnan(prob).any():
            raise EngineError("the recogniser's answer is not a number: its file or the engine is at fault; try another engine")
        if self._decoder != "ctc":
            return [attention_decode(self._decoder, b, p, self.charset) for b, p in zip(best, prob, strict=True)]
        if allowed is not None:
            options = replace(options, accent_thresh=1.0)  # the plain letter may not be among those allowed
        extents = [(own_width(crops[i], height), w / batch.width) for i, w in zip(batch.indices, batch.widths, strict=True)]
        return [self._path(best[row], prob[row], probability[row], extent, options) for row, extent in enumerate(extents)]

    def _path(
        self, best: Classes, prob: Floats, probability: Floats, extent: tuple[int, float], options: RecognizeOptions
    ) -> CtcPath:
        """The path of one line in one script, with weak spaces restored, and what it is without doubtful accents.

        best, prob: (T,) the best classes and their probabilities; probability: (T, classes); extent: the line's width in
        pixels at the net's height, and the share of the steps that it covers.
        """
        if self._scripts is not None and not options.charset:
            best, prob = in_one_script(probability, self._scripts)
        if self._space is not None and options.space_thresh < 1:
            best, prob = restore_spaces(best, prob, probability[:, self._space], self._space, options.space_thresh)
        if self._twins and options.accent_thresh < 1:
            best, prob = prefer_twins(best, prob, probability, self._twins)
        for foreign, least in self._foreign if options.accent_thresh < 1 else ():
            best, prob = prefer_twins(best, prob, probability, foreign, least)
        plain = best
        if options.accent_thresh < 1:
            plain = remove_doubtful_accents(best, probability, self._plain, options.accent_thresh)
        return CtcPath(best, prob, plain, *extent, probability_of_others(best, probability))

    def _check_classes(self, classes: int) -> None:
        """ModelError unless the net's classes are those of its charset."""
        expected = class_count(self._decoder, len(self.charset))
        if classes != expected:
            raise ModelError(
                f"the net has {classes} classes, its charset {len(self.charset)} characters, with the special tokens of "
                f"{self._decoder} {expected}: give the charset that belongs to this model"
            )

    def _allowed(self, characters: str) -> Classes | None:
        """Classes that may be read: the decoder's special tokens and those of the given characters; None for all."""
        if not characters:
            return None
        wanted = set(characters)
        missing = wanted - set("".join(self.charset))
        if missing:
            raise ModelError(f"text_rec_charset: this model cannot read {''.join(sorted(missing))!r}; leave these out")
        before = SPECIAL_TOKENS[self._decoder].before
        classes = [i for i, token in enumerate(self.charset, before) if set(token) <= wanted]
        after = range(before + len(self.charset), class_count(self._decoder, len(self.charset)))
        return np.array([*range(before), *classes, *after], np.int64)
