"""Scores of any model on labelled sets: an ONNX model through its engine, or a checkpoint of a run.

torch is imported for checkpoints only.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkline.detection.detector import Detector
from inkline.errors import ModelError, UsageError
from inkline.flat import apply
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.recognition.recognizer import Recognizer
from inkline.registry.inspect import ModelFile, resolve_model
from inkline.registry.settings import settings_from_environment
from inkline.runtime import open_engine
from inkline.training.data.labels import LoadOptions, load
from inkline.training.data.samples import Report
from inkline.training.data.sources import Labelled, Source
from inkline.training.score import Fold, Scores, score_classifier, score_detector, score_reader
from inkline.types import Image

# short name of a task -> tasks of the zoo whose models it may judge
ZOO_TASKS = {
    "det": ("text_detection",),
    "rec": ("text_recognition",),
    "cls": ("textline_orientation", "doc_orientation_classify"),
}


@dataclass(frozen=True, eq=False)
class Opened:
    """A model ready to be judged: the callable that `inkline.training.score` asks for, its name, a classifier's labels."""

    name: str
    run: Any
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Judged:
    """A set, what loading it found, and the scores on it."""

    source: Source
    report: Report
    scores: Scores


def open_model(task: str, model: str, overrides: Sequence[tuple[str, Any]] = ()) -> Opened:
    """A zoo name, an ONNX file or folder, or a checkpoint (.pt), ready to be judged; overrides: option values by flat name.

    Raises ModelError when the model is missing, damaged or does something else.
    """
    if model.endswith(".pt"):
        return _from_checkpoint(task, model, dict(overrides))
    file = find_model(model)
    if file.task not in ZOO_TASKS[task]:
        raise ModelError(f"{model} is a model for {file.task}, not for {' or '.join(ZOO_TASKS[task])}")
    options = apply(apply(OcrOptions(), **file.options), **dict(overrides))
    return _opened(task, open_engine(file.path, options.engine), file.charset or (), file.metadata, options)


def find_model(model: str) -> ModelFile:
    """A model of the zoo by name, or the one in an ONNX file or folder."""
    settings = settings_from_environment()
    return (
        resolve_model("", model, settings) if Path(model).expanduser().exists() else resolve_model(model, "", settings)
    )


def _opened(task: str, engine: Any, charset: Sequence[str], metadata: Any, options: OcrOptions) -> Opened:
    name = metadata.get("inkline.name", "")
    if task == "det":
        detector = Detector(engine, metadata)
        return Opened(name, lambda image: detector(image, options.detect))
    if task == "rec":
        recognizer = Recognizer(engine, charset, metadata)
        return Opened(name, lambda crops: recognizer(crops, options.recognize))
    classifier = Classifier(engine, metadata)

    def classify(images: Sequence[Image]) -> list[tuple[str, float]]:
        return [(str(o.angle), o.score) for o in classifier(images, options.orient.batch_size)]

    return Opened(name, classify, tuple(map(str, classifier.labels)))


def _from_checkpoint(task: str, model: str, overrides: dict[str, Any]) -> Opened:
    import torch

    from inkline.training import checkpoint
    from inkline.training.config import from_dict
    from inkline.training.convert import load_checkpoint
    from inkline.training.runner import TorchEngine, description, options_of

    content = checkpoint.load(Path(model))
    net, about = load_checkpoint(Path(model))
    config = from_dict(content["config"], model)
    if config.task != task:
        raise ModelError(f"{model} is a checkpoint for {config.task}, not for {task}")
    metadata = description(config, about.charset)
    tuned = dataclasses.replace(options_of(metadata), detect=config.evaluate.detect)
    options = apply(tuned, **overrides)
    device = torch.device("cuda" if options.engine.device.startswith("gpu") else "cpu")
    return _opened(task, TorchEngine(net, device), about.charset, metadata, options)


def evaluate(task: str, opened: Opened, path: str, limit: int = 0, root: str = "", fold: Fold = str) -> Judged:
    """Judge a model on a label file, LMDB or folder. DataError for unusable data.

    limit: at most so many samples; 0: all. root: folder the image paths start from; empty: the label file's own. fold:
    what a recogniser's text and the label are compared as (`folding`).
    """
    if task not in ZOO_TASKS:
        raise UsageError(f"no task {task!r} to evaluate; there are {', '.join(ZOO_TASKS)}")
    labels = opened.labels or ("0", "180")
    samples, report = load(task, path, LoadOptions(root=root, labels=labels))
    source = Labelled(tuple(samples[:limit] if limit else samples))
    if task == "det":
        scores = score_detector(opened.run, source)
    elif task == "rec":
        scores = score_reader(opened.run, source, fold=fold)
    else:
        scores = score_classifier(opened.run, source, labels)
    return Judged(source, report, scores)
