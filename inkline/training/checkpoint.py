"""Checkpoints: written beside and renamed, so that the last good one survives a kill or a full disk.

`last.pt` holds all that an exact resume needs; `best.pt` the weights that scored best. Both carry the configuration and
what `inkline.training.convert.load_checkpoint` rebuilds the net from. They are read without running code from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inkline.errors import ModelError, OutputError
from inkline.files import atomic_path
from inkline.training.convert.net_checkpoint import CHECKPOINT_FORMAT, read_checkpoint


@dataclass(frozen=True)
class Progress:
    """Where a run stands: the next (epoch, batch) of the data, optimiser steps done, and the evaluations so far.

    best: best value of the metric, stale: evaluations since then; samples, seconds: seen and spent in training.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float = float("-inf")
    stale: int = 0
    samples: int = 0
    seconds: float = 0.0


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all; OutputError names the file and what is still there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path, sync=True) as part:
            torch.save({"format": CHECKPOINT_FORMAT, **content}, part)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        left = f"{path} of before is intact" if path.exists() else "no checkpoint was written yet"
        raise OutputError(f"{path}: checkpoint not written ({reason}); {left}; free some space and resume") from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a run onto the CPU; ModelError when it is missing, damaged or not of a run."""
    content = read_checkpoint(path)
    if "config" not in content:
        raise ModelError(f"{path}: a checkpoint, but not of a run: it does not say how the net was trained")
    return content
