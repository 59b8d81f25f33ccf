"""The state of a run in one process: data, nets, optimiser and progress; and its checkpoints.

`last.pt` holds all that an exact resume needs; `best.pt` the weights that scored best. Both carry the configuration and
what `inkline.training.convert.load_checkpoint` rebuilds the net from. They are written beside and renamed, so that the
last good one survives a kill or a full disk, and read without running code from them.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inkline.errors import ModelError, OutputError, UsageError
from inkline.files import atomic_path
from inkline.training.config import Config, RunConfig, to_dict
from inkline.training.convert.net_checkpoint import CHECKPOINT_FORMAT, read_checkpoint
from inkline.training.distillation import TrainingNet
from inkline.training.distributed import DistributedEnv
from inkline.training.optim import AveragedWeights, build_optimizer, freeze
from inkline.training.tasks import TASKS, Task, build_training_net, has_guide
from inkline.training.training_data import TrainingData, require_evaluation_data

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TrainProgress:
    """Where a run stands: the next (epoch, batch) of the data, optimiser steps done, and the evaluations so far.

    best: best value of the metric, stale: evaluations since then, evaluated_step: optimiser steps done at the last
    evaluation, -1 before the first; samples, seconds: seen and spent in training; elapsed: seconds in all.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float = float("-inf")
    stale: int = 0
    evaluated_step: int = -1
    samples: int = 0
    seconds: float = 0.0
    elapsed: float = 0.0


@dataclass
class TrainRun:
    """What one process holds while it trains."""

    config: Config
    task: Task
    data: TrainingData
    env: DistributedEnv
    net: TrainingNet
    model: nn.Module  # the net, wrapped when there are several processes
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedWeights | None
    dtype: torch.dtype
    total_steps: int

    def share_done(self, progress: TrainProgress) -> float:
        """How much of the run is done, 0..1: of its steps or of its time, whichever is nearer to its end."""
        budget = self.config.run.minutes * 60
        return min(1.0, max(progress.step / self.total_steps, progress.elapsed / budget if budget else 0.0))

    def expected_steps(self, progress: TrainProgress) -> int:
        """Optimiser steps of the whole run, as its pace so far makes expect."""
        share = self.share_done(progress)
        return min(self.total_steps, max(progress.step, round(progress.step / share))) if progress.step else self.total_steps

    @property
    def evaluated_net(self) -> nn.Module:
        """The net that is scored and kept as the best."""
        return self.average.net if self.average else self.net.student


def prepare_run(config: Config, env: DistributedEnv, stored: Mapping[str, Any] | None) -> tuple[TrainRun, TrainProgress, str]:
    """Data, nets and optimiser, as new or as a checkpoint left them; and a sentence about the weights."""
    torch.manual_seed(config.run.seed)

    # data, and what the net is evaluated on
    task = TASKS[config.task]
    data = task.prepare(config, env.rank, env.world)
    if env.is_main and (config.evaluate.every or config.evaluate.every_steps or config.evaluate.times):
        require_evaluation_data(data, config.evaluate.metric or task.metric)

    # nets and optimiser; channels last is faster on a GPU, and by a quarter to a half on a processor
    net, weights_summary = build_training_net(config, data)
    net = net.to(env.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    freeze(net.student, config.model.freeze)
    average = AveragedWeights(net.student, config.run.ema) if config.run.ema else None
    optimizer = build_optimizer(net, config.optimizer)
    dtype = DTYPES[resolve_precision(config.run, env.device)]
    scaler = torch.amp.GradScaler(env.device.type, enabled=dtype == torch.float16)

    # length of the run
    total_steps = config.run.epochs * math.ceil(data.batches_per_epoch / config.run.accumulate)
    if config.run.max_steps:
        total_steps = min(total_steps, config.run.max_steps)

    run = TrainRun(config, task, data, env, net, net, optimizer, scaler, average, dtype, total_steps)
    progress = TrainProgress() if stored is None else restore_run(run, stored)
    if env.world > 1:  # only now, as it copies the weights of rank 0 to all
        device_ids = [env.device.index] if env.device.type == "cuda" else None
        run.model = nn.parallel.DistributedDataParallel(net, device_ids, find_unused_parameters=True)
    return run, progress, weights_summary


def restore_run(run: TrainRun, stored: Mapping[str, Any]) -> TrainProgress:
    """Give a new run the weights and the optimiser state of `last.pt`; returns how far that run was."""
    name = stored["config"]["model"]["name"]
    if name != run.config.model.name:
        raise UsageError(f"the run to resume trains {name}, not {run.config.model.name}")
    run.net.student.load_state_dict(stored["model"])
    if run.net.twin is not None:
        run.net.twin.load_state_dict(stored["twin"])
    if run.average is not None:
        run.average.net.load_state_dict(stored["average"])
    run.optimizer.load_state_dict(stored["optimizer"])
    run.scaler.load_state_dict(stored["scaler"])
    return TrainProgress(**stored["progress"])


def resolve_precision(config: RunConfig, device: torch.device) -> str:
    """The number format that `run.precision` means on this device."""
    if config.precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if config.precision == "fp16" and device.type == "cpu":
        raise UsageError("run.precision=fp16 needs a GPU; use fp32 or bf16 on a CPU")
    return config.precision


def save_checkpoint(run: TrainRun, progress: TrainProgress, name: str) -> None:
    """Write a checkpoint on rank 0: `last.pt` with all that a resume needs, `best.pt` with the evaluated weights."""
    if not run.env.is_main:
        return
    content: dict[str, Any] = {
        "config": to_dict(run.config),
        "name": run.config.model.name,
        "charset": list(run.data.charset),
        "classes": run.data.classes,
        "fused": run.data.fused,
        "partial": run.config.task == "rec" and not has_guide(run.net.student.state_dict()),
        "progress": dataclasses.asdict(progress),
    }
    if name == "best.pt":
        content["model"] = run.evaluated_net.state_dict()
    else:
        content |= {
            "model": run.net.student.state_dict(),
            "twin": run.net.twin.state_dict() if run.net.twin is not None else None,
            "average": run.average.net.state_dict() if run.average else None,
            "optimizer": run.optimizer.state_dict(),
            "scaler": run.scaler.state_dict(),
        }
    write_checkpoint(Path(run.config.run.output) / name, content)


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all; OutputError names the file and what is still there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path, sync=True) as part:
            torch.save({"format": CHECKPOINT_FORMAT, **content}, part)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        left = f"the previous {path} is intact" if path.exists() else "no checkpoint was written yet"
        raise OutputError(f"{path}: checkpoint not written ({reason}); {left}; free some space and resume") from error


def read_run_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a run onto the CPU; ModelError when it is missing, damaged or not of a run."""
    content = read_checkpoint(path)
    if "config" not in content:
        raise ModelError(f"{path}: a checkpoint, but not of a run: it does not say how the net was trained")
    return content
