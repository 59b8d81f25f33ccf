"""Torch nets in the place of an engine, so that a net in training is evaluated by the very code that inference runs."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inkline.detection.detector import Detector
from inkline.flat import apply, current_names
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.recognition.recognizer import Recognizer
from inkline.training.config import Config
from inkline.training.evaluate import Classify, Detect, Read
from inkline.training.export import describe


class TorchEngine:
    """A net in eval mode as an `inkline.runtime.Engine`: float32 (N, C, H, W) to its outputs as arrays."""

    streams = 1

    def __init__(self, net: nn.Module, device: torch.device) -> None:
        self.net, self.device = net.eval().to(device), device
        self.metadata: dict[str, str] = {}

    @torch.no_grad()
    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        outputs = self.net(torch.from_numpy(x).to(self.device))
        return [o.float().cpu().numpy() for o in (outputs if isinstance(outputs, tuple) else (outputs,))]


def description(config: Config, charset: Sequence[str] = (), **said: Any) -> dict[str, str]:
    """What a net trained so says of itself: the metadata of its exported file. said: as in `describe`."""
    own = describe(config.model.name, charset=charset, **said)
    if config.task == "rec":
        own["inkline.input_height"] = str(config.data.height)
    if config.task == "cls":
        own["inkline.labels"] = json.dumps([str(label) for label in config.model.labels])
        own["inkline.input_height"] = str(config.data.height)
        own["inkline.input_width"] = str(config.data.width)
        if config.data.kind in ("part", "tile"):
            own["inkline.resize"] = config.data.kind + "s"
    return own


def options_of(description: dict[str, str]) -> OcrOptions:
    """The default options with the values that a net was tuned with."""
    return apply(OcrOptions(), **current_names(OcrOptions, json.loads(description.get("inkline.options", "{}"))))


def detector_of(net: nn.Module, config: Config, device: torch.device) -> Detect:
    """The detector that inference would make of this net, with the options in `evaluate.detect`."""
    detector = Detector(TorchEngine(net, device), description(config))
    return lambda image: detector(image, config.evaluate.detect)


def recogniser_of(net: nn.Module, config: Config, charset: Sequence[str], device: torch.device) -> Read:
    """The recogniser that inference would make of this net."""
    own = description(config, charset)
    recognizer = Recognizer(TorchEngine(net, device), charset, own)
    options = apply(options_of(own).recognize, text_recognition_batch_size=config.evaluate.batch_size)
    return lambda crops: recognizer(crops, options)


def classifier_of(net: nn.Module, config: Config, device: torch.device) -> Classify:
    """The classifier that inference would make of this net."""
    classifier = Classifier(TorchEngine(net, device), description(config))

    def classify(images: Sequence[Any]) -> list[tuple[str, float]]:
        return [(str(o.angle), o.score) for o in classifier(images, config.evaluate.batch_size)]

    return classify
