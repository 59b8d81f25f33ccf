"""Checkpoints of single nets: weights and what is needed to rebuild the net, read without running code from the file.

The layout is that of training checkpoints (`format`, `model`, `charset`), so that fine-tuning starts from one.
"""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inkline.errors import ModelError, OutputError
from inkline.files import atomic_path
from inkline.training.nets.ocr_net import TRAINING_ONLY, Net
from inkline.training.nets.table import NETS, build

CHECKPOINT_FORMAT = 1


@dataclass(frozen=True)
class Description:
    """What a checkpoint holds.

    name: key of `NETS`. classes: of a recogniser or classifier, None for other nets. charset: the strings of the
    classes, without the blank and other marks; empty where unknown. fused: batch norms are folded away.
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
    content = {"format": CHECKPOINT_FORMAT, "model": state, **asdict(about), "charset": list(about.charset)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            torch.save(content, part)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        raise OutputError(f"{path}: not written ({str(error).splitlines()[0]})") from error


def load_checkpoint(path: Path) -> tuple[Net, Description]:
    """The net of a checkpoint in eval mode, and its description; ModelError when the file is missing, damaged or unknown."""
    content = read_checkpoint(path)
    try:
        fields = {key: content[key] for key in ("name", "classes", "fused", "partial")}
        about = Description(**fields, charset=tuple(content["charset"]))
    except (KeyError, TypeError):
        raise ModelError(f"{path}: a checkpoint, but not one that `inkline convert` wrote") from None
    if about.name not in NETS:
        raise ModelError(f"{path}: holds the net {about.name!r}, which this version does not know; update inkline")
    net = build(about.name, about.classes).eval()
    if about.fused:
        net.fuse()
    try:
        load_tensors(net, content["model"], TRAINING_ONLY if about.partial else ())
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    return net, about


def load_tensors(model: nn.Module, found: Mapping[str, Tensor], optional: tuple[str, ...] = ()) -> None:
    """Copy `found`, keyed by our names, into `model`; parts whose names start with an entry of `optional` may be missing.

    Nothing is written unless every tensor finds its place and all shapes agree; otherwise ValueError names those that
    differ.
    """
    wanted = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    found = {k: v for k, v in found.items() if not k.endswith("num_batches_tracked")}
    # what is missing, left over, or of another shape
    problems = [f"{key} is missing" for key in wanted.keys() - found.keys() if not key.startswith(optional)]
    problems += [f"{key} is not part of the net" for key in found.keys() - wanted.keys()]
    problems += [
        f"{key} has shape {list(found[key].shape)}, the net needs {list(wanted[key].shape)}"
        for key in wanted.keys() & found.keys()
        if found[key].shape != wanted[key].shape
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise ValueError(f"the weights do not fit the net: {shown}")
    model.load_state_dict(found, strict=False)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; ModelError when it is missing or damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path}: not a checkpoint, or a truncated one ({str(error).partition(chr(10))[0][:100]})") from error
    if not isinstance(content, dict) or "format" not in content or not isinstance(content.get("model"), dict):
        raise ModelError(f"{path}: not a checkpoint of this program")
    if content["format"] > CHECKPOINT_FORMAT:
        raise ModelError(f"{path}: written by a newer version (format {content['format']}); update inkline")
    return content
