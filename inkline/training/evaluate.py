"""Scores of anything that detects, reads or classifies, on labelled samples: nets in training, ONNX models, checkpoints.

torch is imported for checkpoints only.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inkline import metrics
from inkline.detection.detector import Detector
from inkline.errors import ModelError, UsageError
from inkline.flat import apply
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.recognition.recognizer import Recognizer
from inkline.registry import resolve
from inkline.registry.inspect import ModelFile
from inkline.runtime import open_engine
from inkline.training.data.augment_crops import turned
from inkline.training.data.augment_pages import AnnotatedPage
from inkline.training.data.labels import LoadOptions, LoadReport, load_labels
from inkline.training.data.sample_sources import Labelled, SampleSource
from inkline.types import Detections, Image, Text

Detect = Callable[[Image], Detections]
Read = Callable[[Sequence[Image]], Sequence[Text]]
Fold = Callable[[str], str]
Classify = Callable[[Sequence[Image]], Sequence[tuple[str, float]]]  # label, probability

DEFAULT_LABELS = ("0", "180")  # of a classifier
MAX_WORST_CASES = 60  # how many of the worst cases are kept


@dataclass(frozen=True, eq=False)
class Case:
    """A sample of a source that went wrong: how badly (larger is worse), what to say of it, and the polygons found."""

    badness: float
    index: int
    caption: str
    found: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Scores:
    """Measures by name (plain numbers, and tables such as `scripts` and `bins`), the worst cases, worst first, and the parts
    that each sample adds to the main measures.
    """

    values: dict[str, Any]
    worst: tuple[Case, ...] = field(default=(), repr=False)
    parts: metrics.Parts = field(default_factory=dict, repr=False)


def _worst(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(sorted((c for c in cases if c.badness > 0), key=lambda c: -c.badness)[:MAX_WORST_CASES])


def score_detector(detect: Detect, pages: SampleSource) -> Scores:
    """DetMetric: global precision, recall and Hmean at IoU > 0.5; a page is as bad as the boxes missed and made up."""
    total, cases, parts = metrics.Counts(), [], []
    for index in range(len(pages)):
        image, page = pages.load(0, index)
        found = detect(image)
        shapes = found.polygons if found.polygons is not None else tuple(found.quads)
        truth = [p for p, ignored in zip(page.polygons, page.ignore, strict=True) if not ignored]
        ignore = [p for p, ignored in zip(page.polygons, page.ignore, strict=True) if ignored]
        counts = metrics.detection(truth, shapes, ignore)
        total += counts
        parts.append(counts.parts())
        missed, made_up = counts.truth - counts.hit, counts.found - counts.hit
        caption = f"missed {missed} of {counts.truth}, made up {made_up}"
        cases.append(Case(missed + made_up, index, caption, shapes))
    values = {"precision": total.precision, "recall": total.recall, "hmean": total.f1, "boxes": total.truth}
    return Scores(values, _worst(cases), metrics.stacked(parts))


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


def score_recogniser(read: Read, lines: SampleSource, batch_size: int = 64, fold: Fold = str) -> Scores:
    """Every measure of `metrics.LineScore`, by script too, and how far the confidence can be trusted (ECE).

    fold: what becomes of both texts before they are compared, see `folding`.
    """
    pairs: list[metrics.Pair] = []
    scores: list[metrics.LineScore] = []
    confidence: list[float] = []
    cases = []
    for start, group in sample_groups(lines, batch_size):
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
    return Scores(values, _worst(cases), metrics.stacked([score.parts() for score in scores]))


def score_classifier(classify: Classify, source: SampleSource, labels: Sequence[str], batch_size: int = 64) -> Scores:
    """ClsMetric: top-1 accuracy, accuracy by label, and ECE; the worst are the surest mistakes.

    Upright samples, whose own label is none of `labels`, are turned by these in turn.
    """
    truth, found, confidence, cases = [], [], [], []
    for start, group in sample_groups(source, batch_size):
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
    return Scores(values, _worst(cases), metrics.stacked([{"acc": (float(hit), 1.0)} for hit in right]))


def as_labelled(image: Image, label: Any, index: int, labels: Sequence[str]) -> tuple[Image, str]:
    """A sample of a classifier: as it is when its label is one of `labels`, else turned by the next of these."""
    if isinstance(label, str) and label in labels:
        return image, label
    drawn = labels[index % len(labels)]
    return turned(image, drawn), drawn


def sample_groups(source: SampleSource, size: int) -> Iterator[tuple[int, list[tuple[Image, Any]]]]:
    """Samples by the `size`, each group with the index of its first."""
    for start in range(0, len(source), size):
        yield start, [source.load(0, index) for index in range(start, min(start + size, len(source)))]


def worst_cases_sheet(source: SampleSource, worst: Sequence[Case], task: str, labels: Sequence[str] = ()) -> Image:
    """The worst cases on one sheet, BGR uint8; of pages the truth in green, ignored regions in grey, what was found in red."""
    from inkline.training.synth.contact_sheet import contact_sheet

    shown = []
    for case in worst:
        image, label = source.load(0, case.index)
        if task == "det":
            image = _drawn(image, label, case.found)
        if task == "cls":
            image, _ = as_labelled(image, label, case.index, labels)
        shown.append((image, case.caption))
    return contact_sheet(shown, *{"det": (3, (520, 520)), "rec": (2, (620, 64)), "cls": (4, (240, 160))}[task])


def _drawn(image: Image, page: AnnotatedPage, found: Sequence[Any]) -> Image:
    image = image.copy()
    width = max(1, max(image.shape) // 600)
    outlines = [(p, (160, 160, 160) if off else (0, 160, 0)) for p, off in zip(page.polygons, page.ignore, strict=True)]
    for polygon, colour in [*outlines, *((p, (0, 0, 255)) for p in found)]:
        points = np.round(np.asarray(polygon)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(image, [points], True, colour, width)
    return image


# short name of a task -> tasks of the zoo whose models it may score
ZOO_TASKS = {
    "det": ("text_detection",),
    "rec": ("text_recognition",),
    "cls": ("textline_orientation", "doc_orientation_classify"),
}


@dataclass(frozen=True, eq=False)
class EvalModel:
    """A model ready to be evaluated: its name, the callable that the scores are taken of, a classifier's labels."""

    name: str
    run: Any
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A set, what loading it found, and the scores on it."""

    source: SampleSource
    report: LoadReport
    scores: Scores


def open_model(task: str, model: str, overrides: Sequence[tuple[str, Any]] = ()) -> EvalModel:
    """A zoo name, an ONNX file or folder, or a checkpoint (.pt), ready to be evaluated; overrides: option values by flat name.

    Raises ModelError when the model is missing, damaged or does something else.
    """
    if model.endswith(".pt"):
        return _from_checkpoint(task, model, dict(overrides))
    file = find_model(model)
    if file.task not in ZOO_TASKS[task]:
        raise ModelError(f"{model} is a model for {file.task}, not for {' or '.join(ZOO_TASKS[task])}")
    options = apply(apply(OcrOptions(), **file.options), **dict(overrides))
    return opened_model(task, open_engine(file.path, options.engine), file.charset or (), file.metadata, options)


def find_model(model: str) -> ModelFile:
    """A model of the zoo by name, or the one in an ONNX file or folder."""
    return resolve("", model) if Path(model).expanduser().exists() else resolve(model)


def opened_model(task: str, engine: Any, charset: Sequence[str], metadata: Any, options: OcrOptions) -> EvalModel:
    """What inference would make of an engine, or of a net in its place."""
    name = metadata.get("inkline.name", "")
    if task == "det":
        detector = Detector(engine, metadata)
        return EvalModel(name, lambda image: detector(image, options.detect))
    if task == "rec":
        recognizer = Recognizer(engine, charset, metadata)
        return EvalModel(name, lambda crops: recognizer(crops, options.recognize))
    classifier = Classifier(engine, metadata)

    def classify(images: Sequence[Image]) -> list[tuple[str, float]]:
        return [(str(o.angle), o.score) for o in classifier(images, options.orient.batch_size)]

    return EvalModel(name, classify, tuple(map(str, classifier.labels)))


def _from_checkpoint(task: str, model: str, overrides: dict[str, Any]) -> EvalModel:
    import torch

    from inkline.training.config import from_dict
    from inkline.training.convert import load_checkpoint
    from inkline.training.run_state import read_run_checkpoint
    from inkline.training.torch_engine import TorchEngine, description, tuned_options

    content = read_run_checkpoint(Path(model))
    net, about = load_checkpoint(Path(model))
    config = from_dict(content["config"], model)
    if config.task != task:
        raise ModelError(f"{model} is a checkpoint for {config.task}, not for {task}")
    metadata = description(config, about.charset)
    options = apply(tuned_options(config, metadata), **overrides)
    device = torch.device("cuda" if options.engine.device.startswith("gpu") else "cpu")
    return opened_model(task, TorchEngine(net, device), about.charset, metadata, options)


def evaluate_set(task: str, model: EvalModel, path: str, limit: int = 0, root: str = "", fold: Fold = str) -> Evaluation:
    """Score a model on a label file, LMDB or folder. DataError for unusable data.

    limit: at most this many samples; 0: all. root: folder the image paths start from; empty: the label file's own. fold:
    what a recogniser's text and the label are compared as (`folding`).
    """
    if task not in ZOO_TASKS:
        raise UsageError(f"no task {task!r} to evaluate; there are {', '.join(ZOO_TASKS)}")
    samples, report = load_labels(task, path, LoadOptions(root=root, labels=model.labels or DEFAULT_LABELS))
    source = Labelled(tuple(samples[:limit] if limit else samples))
    return Evaluation(source, report, score_model(task, model, source, fold=fold))


def score_model(task: str, model: EvalModel, source: SampleSource, batch_size: int = 64, fold: Fold = str) -> Scores:
    """The scores of a model on a source, by the rules of its task."""
    if task == "det":
        return score_detector(model.run, source)
    if task == "rec":
        return score_recogniser(model.run, source, batch_size, fold)
    return score_classifier(model.run, source, model.labels or DEFAULT_LABELS, batch_size)
