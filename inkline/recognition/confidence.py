"""How likely a reading is right: a logistic model of what the net saw, its numbers fitted on labelled lines.

The general numbers hold for every recogniser; a slope and an offset fit them to one of them, or to one of its scripts
(`confidence.toml`). A model that its owner fitted says them itself (`inkline.confidence` in its file).
`python -m benchmarks.calibration` fits and judges them.
"""

import functools
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.errors import ModelError
from inkline.recognition.words import WORD_PATTERN
from inkline.scripts import script_of
from inkline.types import Text

NUMBERS = Path(__file__).with_name("confidence.toml")
METADATA = "inkline.confidence"  # of a model's file: JSON, "line" and "word" with slope and offset each
FEATURES = (
    "all_read",  # log odds that every character is the one read, were they independent of one another
    "no_other",  # that none is another one
    "none_missing",  # that none is missing between two
    "mean",  # of a character's probability
    "characters",  # how many, log
    "height",  # of the line in pixels, log
    "pitch",  # width of a character by the line's height, log
    *("digits", "capitals", "marks", "beyond_ascii"),  # shares of the characters
)
DIGITS = 6
SURE = 1e-5  # no probability is nearer to 0 or 1

Numbers = NDArray[np.float64]
Fit = Mapping[str, tuple[float, float]]  # "line" and "word": slope and offset of the general log odds


@dataclass(frozen=True)
class Confidence:
    """The chances that a line and each of its words (`WORD_PATTERN`, in order) are read rightly, 0..1."""

    line: float
    words: tuple[float, ...]


def confidences(
    texts: Sequence[Text], shapes: Sequence[tuple[int, ...]], model: str, own: Fit | None = None
) -> list[Confidence]:
    """The confidence of lines. shapes: height and width in pixels of each one's crop.

    model: the recogniser of texts that do not name theirs; own: what its file says of itself. A line without a character, or
    whose marks stand for other ink (`doubt_marks`), has none or less.
    """
    kept = [i for i, text in enumerate(texts) if text.text.strip()]
    out = [Confidence(0.0, ())] * len(texts)
    read = [texts[i] for i in kept]
    for i, text, odds in zip(kept, read, general_odds(read, [shapes[i] for i in kept]), strict=True):
        fit = own if own and text.reader in ("", model) else fit_for(text.reader or model, script_of(text.text))
        out[i] = _confidence(text, fit, *odds)
    return out


def general_odds(texts: Sequence[Text], shapes: Sequence[tuple[int, ...]]) -> list[tuple[float, Numbers]]:
    """Log odds of each line and of its words by the numbers for all recognisers; a word's hang on its line's.

    Every text has a character that is no space; shapes: height and width in pixels of the crops.
    """
    if not texts:
        return []
    general, (lines, words) = numbers()["general"], line_and_word_features(texts, shapes)
    of_lines = lines @ general["line"][:-1] + general["line"][-1]
    counts = [len(of_line) for of_line in words]
    flat = np.column_stack([np.concatenate(words), np.repeat(of_lines, counts)])
    of_words = flat @ general["word"][:-1] + general["word"][-1]
    return list(zip(of_lines.tolist(), np.split(of_words, np.cumsum(counts)[:-1]), strict=True))


def _confidence(text: Text, fit: Fit, line_odds: float, word_odds: Numbers) -> Confidence:
    """The chances of a line and its words, as the recogniser's fit says; a word's is no less than its line's.

    Rounded, so that the last bits, which differ by what else is on the page, do not show.
    """
    marks_alone = not any(c.isalnum() for c in text.text)
    sure = min(text.score / max(float(text.char_scores.mean()), SURE), 1.0) if marks_alone else 1.0
    line, words = sure * chance(line_odds, fit["line"]), sure * chance(word_odds, fit["word"])
    return Confidence(round(float(line), DIGITS), tuple(np.maximum(words, line).round(DIGITS).tolist()))


def chance(odds: Any, fit: tuple[float, float]) -> Any:
    """The probability of general log odds, fitted to a recogniser."""
    return 1 / (1 + np.exp(-np.clip(fit[0] * odds + fit[1], -30, 30)))


def line_and_word_features(texts: Sequence[Text], shapes: Sequence[tuple[int, ...]]) -> tuple[Numbers, list[Numbers]]:
    """The features of lines (N, len(FEATURES)), and of each one's words; every line has a character that is no space."""
    # The characters of all lines, spaces left out; where lines and words begin and end among them.
    evidence = np.concatenate([text.evidence for text in texts]).astype(np.float64)
    kinds = np.array([_kinds(c) for text in texts for c in text.text], np.float64)
    shown = ~kinds[:, 0].astype(np.bool_)
    before = np.concatenate([[0], np.cumsum(shown)])
    starts = np.concatenate([[0], np.cumsum([len(text.text) for text in texts])])
    spans = [(before[a], before[b]) for a, b in pairwise(starts)]
    words = [[match.span() for match in WORD_PATTERN.finditer(text.text)] for text in texts]
    of_words = [(before[at + a], before[at + b]) for at, line in zip(starts, words, strict=False) for a, b in line]
    # Sums up to each character give those of every span.
    sums = _running_sums(evidence[shown], kinds[shown, 1:])
    sizes = np.array([(shape[0], shape[1] / shape[0] / (b - a)) for shape, (a, b) in zip(shapes, spans, strict=True)])
    lines = _features(sums, np.array(spans), sizes)
    counts = [len(line) for line in words]
    flat = _features(sums, np.array(of_words), np.repeat(sizes, counts, axis=0))
    return lines, np.split(flat, np.cumsum(counts)[:-1])


@functools.lru_cache(4096)
def _kinds(char: str) -> tuple[bool, ...]:
    """Whether a character is a space, a digit, a capital, neither letter nor digit, beyond ASCII."""
    return char.isspace(), char.isdigit(), char.isupper(), not char.isalnum(), not char.isascii()


def _running_sums(evidence: Numbers, kinds: Numbers) -> Numbers:
    """(M + 1, 8): of log probabilities that a character is read, no other, none missing; of probabilities; of kinds."""
    read, other, missing = np.clip(evidence, SURE, 1 - SURE).T
    rows = np.column_stack([np.log(read), np.log1p(-other), np.log1p(-missing), read, kinds])
    return np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])


def _features(sums: Numbers, spans: NDArray[np.int64], sizes: Numbers) -> Numbers:
    """Features (N, len(FEATURES)) of spans (N, 2) of characters; sizes: (N, 2) height and pitch."""
    counts = spans[:, 1] - spans[:, 0]
    total = sums[spans[:, 1]] - sums[spans[:, 0]]
    logs, means = total[:, :3], total[:, 3:] / counts[:, None]
    odds = np.concatenate([np.exp(logs), means[:, :1]], axis=1).clip(SURE, 1 - SURE)
    return np.column_stack([np.log(odds / (1 - odds)), np.log(counts), np.log(sizes), means[:, 1:]])


@functools.cache
def numbers() -> dict[str, Any]:
    """What is stored of all recognisers."""
    found: dict[str, Any] = tomllib.loads(NUMBERS.read_text(encoding="utf-8"))
    found["general"] = {kind: np.array(values) for kind, values in found["general"].items()}
    return found


def fit_for(model: str, script: str) -> Fit:
    """The fit of a recogniser: for a script, else for all its lines, else none."""
    known = numbers()["models"]
    fit: Fit = known.get(f"{model}/{script}") or known.get(model) or UNFITTED
    return fit


UNFITTED: Fit = {"line": (1.0, 0.0), "word": (1.0, 0.0)}


def own_fit(metadata: Mapping[str, str]) -> Fit | None:
    """What the file of a model says of its confidence; None if nothing. ModelError where that cannot be read."""
    if METADATA not in metadata:
        return None
    try:
        said = json.loads(metadata[METADATA])
        return {kind: (float(said[kind][0]), float(said[kind][1])) for kind in UNFITTED}
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ModelError(f"metadata {METADATA} holds no slope and offset of line and word: fit it again") from error
