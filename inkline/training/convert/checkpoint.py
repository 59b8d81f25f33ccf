"""Checkpoints of single nets: weights and what is needed to rebuild the net, read without running code from the file.

The layout is that of training checkpoints (`format`, `model`, `charset`), so that fine-tuning starts from one.
"""

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inkline.errors import ModelError, OutputError
from inkline.files import atomic_path
from inkline.training.convert.paddle import load_tensors
from inkline.training.nets.build import BUILDERS, build
from inkline.training.nets.model import TRAINING_ONLY

FORMAT = 1


@dataclass(frozen=True)
class Description:
    """What a checkpoint holds.

    name: key of BUILDERS.  classes: of a recogniser or classifier, None for other nets.  charset: the strings of the
    classes, without the blank and other marks; empty where unknown.  fused: batch norms are folded away.
    partial: branches that only training uses are not in the file (they start anew).
    """

    name: str
    classes: int | None = None
    charset: tuple[str, ...] = ()
    fused: bool = False
    partial: bool = False


def save_checkpoint(path: Path, net: nn.Module, about: Description) -> None:
    """Write `net` whole or not at all; OutputError names the file."""
    state = {
        name: tensor
        for name, tensor in net.state_dict().items()
        if not (about.partial and name.startswith(TRAINING_ONLY)) and not name.endswith("num_batches_tracked")
    }
    content = {"format": FORMAT, "model": state, **asdict(about), "charset": list(about.charset)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            torch.save(content, part)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        raise OutputError(f"{path}: not written ({str(error).splitlines()[0]})") from error


def load_checkpoint(path: Path) -> tuple[nn.Module, Description]:
    """The net of a checkpoint in eval mode, and its description.

    ModelError when the file is missing, damaged, no checkpoint of a single net, or of another net than it says.
    """
    content = read(path)
    try:
        fields = {key: content[key] for key in ("name", "classes", "fused", "partial")}
        about = Description(**fields, charset=tuple(content["charset"]))
    except (KeyError, TypeError):
        raise ModelError(f"{path}: a checkpoint, but not one that `inkline convert` wrote") from None
    if about.name not in BUILDERS:
        raise ModelError(f"{path}: holds the net {about.name!r}, which this version does not know; update inkline")
    net = build(about.name, about.classes).eval()
    if about.fused:
        net.fuse()
    try:
        load_tensors(net, content["model"], TRAINING_ONLY if about.partial else ())
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    return net, about


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; ModelError when it is missing or damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path}: not a checkpoint, or a truncated one ({str(error).partition(chr(10))[0][:100]})"
        ) from error
    if not isinstance(content, dict) or "format" not in content or not isinstance(content.get("model"), dict):
        raise ModelError(f"{path}: not a checkpoint of this program")
    if content["format"] > FORMAT:
        raise ModelError(f"{path}: written by a newer version (format {content['format']}); update inkline")
    return content
