"""Scores of anything that detects, reads or classifies, on labelled samples, and the cases it did worst on."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from inkline import metrics
from inkline.training.data.augment_cls import turned
from inkline.training.data.augment_det import Annotated
from inkline.training.data.sources import Source
from inkline.types import Detections, Image, Text

Detect = Callable[[Image], Detections]
Read = Callable[[Sequence[Image]], Sequence[Text]]
Fold = Callable[[str], str]
Classify = Callable[[Sequence[Image]], Sequence[tuple[str, float]]]  # label, probability

SHOWN = 60  # how many of the worst cases are kept


@dataclass(frozen=True, eq=False)
class Case:
    """A sample of a source that went wrong: how badly (larger is worse), what to say of it, and the polygons found."""

    badness: float
    index: int
    caption: str
    found: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Scores:
    """Measures by name (plain numbers, and tables such as `scripts` and `bins`), and the worst cases, worst first."""

    values: dict[str, Any]
    worst: tuple[Case, ...] = field(default=(), repr=False)


def _worst(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(sorted((c for c in cases if c.badness > 0), key=lambda c: -c.badness)[:SHOWN])


def score_detector(detect: Detect, pages: Source) -> Scores:
    """DetMetric: global precision, recall and Hmean at IoU > 0.5; a page is as bad as the boxes missed and made up."""
    total, cases = metrics.Counts(), []
    for index in range(len(pages)):
        image, page = pages.load(0, index)
        found = detect(image)
        shapes = found.polygons if found.polygons is not None else tuple(found.quads)
        truth = [p for p, ignored in zip(page.polygons, page.ignore, strict=True) if not ignored]
        ignore = [p for p, ignored in zip(page.polygons, page.ignore, strict=True) if ignored]
        counts = metrics.detection(truth, shapes, ignore)
        total += counts
        missed, made_up = counts.truth - counts.hit, counts.found - counts.hit
        caption = f"missed {missed} of {counts.truth}, made up {made_up}"
        cases.append(Case(missed + made_up, index, caption, shapes))
    values = {"precision": total.precision, "recall": total.recall, "hmean": total.f1, "boxes": total.truth}
    return Scores(values, _worst(cases))


def folding(case: bool, marks: bool) -> Fold:
    """What two texts are compared as. case: capital letters count; marks: so do vowel marks, kashidas and a digit's shape."""

    def folded(text: str) -> str:
        text = text if case else text.casefold()
        return text if marks else unmarked(text)

    return folded


def unmarked(text: str) -> str:
    """Text without the vowel marks of Arabic and Hebrew and without kashidas, which few transcripts keep; digits as 0 to 9."""
    kept = (c for c in text if not (unicodedata.category(c) == "Mn" and "\u0591" <= c <= "\u0670") and c != "\u0640")
    return "".join(str(unicodedata.decimal(c, c)) for c in kept)


def score_reader(read: Read, lines: Source, batch_size: int = 64, fold: Fold = str) -> Scores:
    """Every measure of `metrics.LineScore`, by script too, and how far the confidence can be trusted (ECE).

    fold: what becomes of both texts before they are compared, see `folding`.
    """
    pairs: list[metrics.Pair] = []
    scores: list[metrics.LineScore] = []
    confidence: list[float] = []
    cases = []
    for start, group in groups(lines, batch_size):
        for index, ((_, truth), text) in enumerate(zip(group, read([image for image, _ in group]), strict=True), start):
            pair = fold(truth), fold(text.text)
            score = metrics.line(*pair)
            pairs.append(pair)
            scores.append(score)
            confidence.append(text.score)
            badness = score.char_edits / max(score.chars, 1) + text.score * (score.char_edits > 0)
            cases.append(Case(badness, index, f"{truth}\n{text.text}  ({text.score:.2f})"))
    error, bins = metrics.calibration(confidence, [s.exact_spaceless for s in scores])
    values: dict[str, Any] = sum(scores, metrics.LineScore()).summary()
    values["ece"] = error
    values["bins"] = [(b.low, b.high, b.count, b.confidence, b.accuracy) for b in bins]
    values["scripts"] = {name: score.summary() for name, score in metrics.by_script(pairs).items()}
    return Scores(values, _worst(cases))


def score_classifier(classify: Classify, source: Source, labels: Sequence[str], batch_size: int = 64) -> Scores:
    """ClsMetric: top-1 accuracy, accuracy by label, and ECE; the worst are the surest mistakes.

    Upright samples, whose own label is none of `labels`, are turned by these in turn.
    """
    truth, found, confidence, cases = [], [], [], []
    for start, group in groups(source, batch_size):
        shown = [as_labelled(image, label, index, labels) for index, (image, label) in enumerate(group, start)]
        answers = classify([image for image, _ in shown])
        for index, ((_, label), (answer, score)) in enumerate(zip(shown, answers, strict=True), start):
            truth.append(label)
            found.append(answer)
            confidence.append(score)
            cases.append(Case(score * (answer != label), index, f"is {label}, taken for {answer} ({score:.2f})"))
    right = np.array([t == f for t, f in zip(truth, found, strict=True)])
    of = {label: np.array([t == label for t in truth]) for label in sorted(set(truth), key=int)}
    values: dict[str, Any] = {"acc": metrics.top1(truth, found), "samples": len(truth)}
    values["labels"] = {label: float(right[which].mean()) for label, which in of.items()}
    values["ece"] = metrics.calibration(confidence, right)[0]
    return Scores(values, _worst(cases))


def as_labelled(image: Image, label: Any, index: int, labels: Sequence[str]) -> tuple[Image, str]:
    """A sample of a classifier: as it is when its label is one of `labels`, else turned by the next of these."""
    if isinstance(label, str) and label in labels:
        return image, label
    drawn = labels[index % len(labels)]
    return turned(image, drawn), drawn


def groups(source: Source, size: int) -> Iterator[tuple[int, list[tuple[Image, Any]]]]:
    """Samples by the `size`, each group with the index of its first."""
    for start in range(0, len(source), size):
        yield start, [source.load(0, index) for index in range(start, min(start + size, len(source)))]


def picture(source: Source, worst: Sequence[Case], task: str, labels: Sequence[str] = ()) -> Image:
    """The worst cases on one sheet, BGR uint8; of pages the truth in green, ignored regions in grey, what was found in red."""
    from inkline.training.synth.sheet import contact_sheet

    shown = []
    for case in worst:
        image, label = source.load(0, case.index)
        if task == "det":
            image = _drawn(image, label, case.found)
        if task == "cls":
            image, _ = as_labelled(image, label, case.index, labels)
        shown.append((image, case.caption))
    return contact_sheet(shown, *{"det": (3, (520, 520)), "rec": (2, (620, 64)), "cls": (4, (240, 160))}[task])


def _drawn(image: Image, page: Annotated, found: Sequence[Any]) -> Image:
    image = image.copy()
    width = max(1, max(image.shape) // 600)
    outlines = [(p, (160, 160, 160) if off else (0, 160, 0)) for p, off in zip(page.polygons, page.ignore, strict=True)]
    for polygon, colour in [*outlines, *((p, (0, 0, 255)) for p in found)]:
        points = np.round(np.asarray(polygon)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(image, [points], True, colour, width)
    return image
