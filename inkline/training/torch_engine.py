"""Torch nets in the place of an engine, so that a net in training is evaluated by the very code that inference runs."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inkline.flat import apply, current_names
from inkline.options import OcrOptions
from inkline.training.config import Config
from inkline.training.evaluate import EvalModel, opened_model
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
        own["inkline.label_order"] = config.data.label_order
    if config.task == "cls" and config.data.kind != "script":
        own["inkline.labels"] = json.dumps([str(label) for label in config.model.labels])
        own["inkline.input_height"] = str(config.data.height)
        own["inkline.input_width"] = str(config.data.width)
        if config.data.kind in ("part", "tile"):
            own["inkline.resize"] = config.data.kind + "s"
    return own


def tuned_options(config: Config, metadata: dict[str, str]) -> OcrOptions:
    """The default options with the values that a net was tuned with, and those of `evaluate.detect`."""
    tuned = current_names(OcrOptions, json.loads(metadata.get("inkline.options", "{}")))
    return dataclasses.replace(apply(OcrOptions(), **tuned), detect=config.evaluate.detect)


def evaluated_model(net: nn.Module, config: Config, charset: Sequence[str], device: torch.device) -> EvalModel:
    """The detector, recogniser or classifier that inference would make of this net."""
    metadata, size = description(config, charset), config.evaluate.batch_size
    options = tuned_options(config, metadata)
    options = apply(options, text_recognition_batch_size=size, textline_orientation_batch_size=size)
    return opened_model(config.task, TorchEngine(net, device), charset, metadata, options)
