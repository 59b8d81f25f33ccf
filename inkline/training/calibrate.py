"""Fits what `inkline.recognition.confidence` stores: logistic models by Newton's method, held near a first guess."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkline.errors import DataError, UsageError
from inkline.files import atomic_path
from inkline.metrics import aligned, calibration
from inkline.recognition.confidence import METADATA, UNFITTED, Fit, chance, general_odds
from inkline.recognition.words import WORD_PATTERN
from inkline.training.data.sample_sources import SampleSource
from inkline.types import Image, Text

MIN_LINES = 40  # fewer do not say how far a recogniser can be trusted
ROUNDS = 12
NEAR_GENERAL = (20.0, 2.0)  # how strongly slope and offset are drawn to 1 and 0
Numbers = NDArray[np.float64]


def logistic(features: ArrayLike, right: ArrayLike, weights: ArrayLike, strength: float = 2.0) -> Numbers:
    """Coefficients and, last, the constant (F + 1,) of the log odds of being right.

    features: (N, F); right: (N,) bool; weights: (N,); strength: how strongly coefficients are drawn
    to 0, of features of unit spread.
    """
    x = np.asarray(features, np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    scaled = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    penalty = np.append(np.full(x.shape[1], strength), 1e-6)
    found = _newton(scaled, right, weights, np.zeros(len(penalty)), penalty)
    slopes = found[:-1] / spread
    return np.append(slopes, found[-1] - slopes @ mean)


def slope_and_offset(odds: ArrayLike, right: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """What makes the log odds of one recogniser's lines (N,) of the general ones; few lines leave it near (1, 0)."""
    x = np.column_stack([np.asarray(odds, np.float64), np.ones(np.size(odds))])
    slope, offset = _newton(x, right, weights, np.array([1.0, 0.0]), np.array(NEAR_GENERAL))
    return max(float(slope), 0.1), float(offset)


def _newton(x: Numbers, right: ArrayLike, weights: ArrayLike, guess: Numbers, penalty: Numbers) -> Numbers:
    """The coefficients of largest likelihood, `penalty` drawing them towards the guess."""
    y, w, found = np.asarray(right, np.float64), np.asarray(weights, np.float64), guess.copy()
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (w * (chance - y)) + penalty * (found - guess)
        bend = (x * (w * chance * (1 - chance) + 1e-6)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        found -= step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-9))
    return found


@dataclass(frozen=True)
class OwnFit:
    """How the confidence of one recogniser is to be read, and the expected calibration errors without it and with it."""

    fit: Fit
    lines: int
    before: float
    after: float


def fit_own(read: Callable[[Sequence[Image]], Sequence[Text]], source: SampleSource, fold: Callable[[str], str]) -> OwnFit:
    """The fit of a recogniser to labelled lines. fold: what texts are compared as; DataError for too few lines."""
    kept = _read_lines(read, source, fold)
    shapes, truths, texts = zip(*kept, strict=True)
    odds = general_odds(texts, shapes)
    right = ["".join(truth.split()) == "".join(fold(text.text).split()) for truth, text in zip(truths, texts, strict=True)]
    words = [words_right(truth, [fold(word) for word in split(text.text)]) for truth, text in zip(truths, texts, strict=True)]
    # Lines, and the words of all lines.
    of_lines, of_words, ok = np.array([line for line, _ in odds]), np.concatenate([w for _, w in odds]), np.concatenate(words)
    fit = {
        "line": slope_and_offset(of_lines, right, np.ones(len(right))),
        "word": slope_and_offset(of_words, ok, np.ones(len(ok))),
    }
    before, after = (calibration(chance(of_lines, how["line"]), right)[0] for how in (UNFITTED, fit))
    return OwnFit(fit, len(kept), before, after)


def _read_lines(
    read: Callable[[Sequence[Image]], Sequence[Text]], source: SampleSource, fold: Callable[[str], str]
) -> list[tuple[tuple[int, ...], str, Text]]:
    """(shape of the picture, what it says, what is read) of the lines in which there is something; DataError for too few."""
    samples = [source.load(0, i) for i in range(len(source))]
    found = zip(samples, read([image for image, _ in samples]), strict=True)
    kept = [(image.shape, fold(truth), text) for (image, truth), text in found if text.text.strip() and truth.strip()]
    if len(kept) < MIN_LINES:
        raise DataError(f"{len(kept)} lines were read, {MIN_LINES} at least say how far a model can be trusted; give more")
    return kept


def write_fit(path: Path, fit: Fit) -> None:
    """Write a fit into the metadata of an ONNX file; UsageError for what is none."""
    import onnx

    if path.suffix != ".onnx" or not path.is_file():
        raise UsageError(f"{path}: the confidence of a model is written into its .onnx file; give that")
    model = onnx.load(path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**said, METADATA: json.dumps(fit)})
    with atomic_path(path) as draft:
        onnx.save(model, draft)


def words_right(truth: str, words: Sequence[str]) -> list[bool]:
    """Which words of a line are read rightly, from a shortest edit path of the texts without spaces.

    A word that lacks a character at its edge is wrong, and so is its neighbour if it cannot be told whose it is.
    """
    bare, read = "".join(truth.split()), "".join(words)
    pairs = aligned(bare, read)
    place = {r: t for t, r in pairs if bare[t] == read[r]}
    known = {t for t, _ in pairs} | {-1, len(bare)}
    out, start = [], 0
    for word in words:
        end = start + len(word)
        at = [place.get(i, -2) for i in range(start, end)]
        whole = -2 not in at and at[-1] - at[0] == len(word) - 1
        out.append(whole and {at[0] - 1, at[-1] + 1} <= known)
        start = end
    return out


def split(text: str) -> list[str]:
    """The words of a line, as `inkline.recognition.confidence` counts them."""
    return WORD_PATTERN.findall(text)


def auroc(confidence: ArrayLike, right: ArrayLike) -> float:
    """How well confidence tells right answers from wrong ones: how often a right one has more, a draw counting half.

    confidence: (N,); right: (N,) bool. Not a number where all answers are right, or all wrong.
    """
    hit = np.asarray(right, np.bool_)
    _, place, count = np.unique(np.asarray(confidence, np.float64), return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    pairs = hit.sum() * (~hit).sum()
    return float((rank[hit].sum() - hit.sum() * (hit.sum() + 1) / 2) / pairs) if pairs else float("nan")
