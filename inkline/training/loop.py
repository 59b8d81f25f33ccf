"""The training loop, for every task: `train(config)`.

A run is a pure function of its configuration: each step seeds torch with (seed, step, rank), the data depend on (seed,
epoch, batch), and the learning rate on the step. So a checkpoint needs no state of random generators, and a run that is
killed and resumed ends with the very weights of one that was not.
"""

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inkline.errors import DataError, UsageError, near
from inkline.training import checkpoint
from inkline.training.checkpoint import Progress
from inkline.training.config import Config, RunConfig, save, to_dict
from inkline.training.distillation import Course, course_loss
from inkline.training.distributed import Place, joined, together
from inkline.training.optim import AveragedWeights, build_optimizer, freeze, learning_rate
from inkline.training.tasks import TASKS, Task, make_course
from inkline.training.training_data import Material, require_judged
from inkline.training.training_log import Report, span

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Result:
    """How a run ended: its folder, optimiser steps, the last scores, the best value of the metric, and why it stopped."""

    output: Path
    steps: int
    scores: Mapping[str, Any]
    best: float
    reason: str


@dataclass
class Run:
    """What one process holds while it trains."""

    config: Config
    task: Task
    material: Material
    place: Place
    course: Course
    model: nn.Module  # the course, wrapped when there are several processes
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedWeights | None
    dtype: torch.dtype
    total: int

    @property
    def evaluated(self) -> nn.Module:
        """The net that is scored and kept as the best."""
        return self.average.net if self.average else self.course.student


def train(config: Config, resume: bool = False) -> Result:
    """Train as configured; checkpoints, log and the resolved configuration go to `run.output`.

    resume: go on from `last.pt` in that folder. Raises UsageError for settings that do not fit together, DataError for
    unusable data or a loss that is not a number, OutputError when a checkpoint cannot be written.
    """
    output = Path(config.run.output)
    last = output / "last.pt"
    if resume and not last.exists():
        raise UsageError(f"{output}: no run to go on with, {last.name} is not there; start without --resume")
    if last.exists() and not resume:
        raise UsageError(f"{output}: holds a run already; go on with --resume, or give another run.output")
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    with joined(config.run.device) as place:
        stored = checkpoint.load(last) if resume else None
        run, progress, said = prepare(config, place, stored)
        if place.leads:
            output.mkdir(parents=True, exist_ok=True)
            save(config, output / "config.yaml")
        together(place)
        with Report(output, run.total, config.run.log_steps, config.run.tensorboard, not place.leads) as report:
            report.say(describe(run, progress, said))
            return follow(run, progress, report)


def prepare(config: Config, place: Place, stored: Mapping[str, Any] | None) -> tuple[Run, Progress, str]:
    """Data, nets and optimiser, as new or as a checkpoint left them; and a sentence about the weights."""
    torch.manual_seed(config.run.seed)
    task = TASKS[config.task]
    material = task.prepare(config, place.rank, place.world)
    if place.leads and (config.evaluate.every or config.evaluate.every_steps):
        require_judged(material, config.evaluate.metric or task.metric)
    course, said = make_course(config, material)
    course = course.to(place.device)
    course = course.to(memory_format=torch.channels_last)  # faster on a GPU, and a quarter to a half on a processor
    freeze(course.student, config.model.freeze)
    average = AveragedWeights(course.student, config.run.ema) if config.run.ema else None
    optimizer = build_optimizer(course, config.optimizer)
    dtype = DTYPES[precision(config.run, place.device)]
    scaler = torch.amp.GradScaler(place.device.type, enabled=dtype == torch.float16)
    progress = Progress()
    if stored is not None:
        if stored["config"]["model"]["name"] != config.model.name:
            raise UsageError(f"the run to resume trains {stored['config']['model']['name']}, not {config.model.name}")
        course.student.load_state_dict(stored["model"])
        if course.twin is not None:
            course.twin.load_state_dict(stored["twin"])
        if average is not None:
            average.net.load_state_dict(stored["average"])
        optimizer.load_state_dict(stored["optimizer"])
        scaler.load_state_dict(stored["scaler"])
        progress = Progress(**stored["progress"])
    steps = math.ceil(material.batches_per_epoch / config.run.accumulate)
    total = config.run.epochs * steps
    total = min(total, config.run.max_steps) if config.run.max_steps else total
    model: nn.Module = course
    if place.world > 1:
        ids = [place.device.index] if place.device.type == "cuda" else None
        model = nn.parallel.DistributedDataParallel(course, ids, find_unused_parameters=True)
    run = Run(config, task, material, place, course, model, optimizer, scaler, average, dtype, total)
    return run, progress, said


def precision(config: RunConfig, device: torch.device) -> str:
    """The number format that `run.precision` means on this device."""
    if config.precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if config.precision == "fp16" and device.type == "cpu":
        raise UsageError("run.precision=fp16 needs a GPU; use fp32 or bf16 on a CPU")
    return config.precision


def describe(run: Run, progress: Progress, said: str) -> str:
    """One line about what is about to happen."""
    count = sum(p.numel() for p in run.course.student.parameters())
    where = f"{run.place.device.type}" + (f" x {run.place.world}" if run.place.world > 1 else "")
    start = f"going on from step {progress.step}" if progress.step else said
    return (
        f"{run.config.model.name}: {count / 1e6:.2f} M parameters, {start}; {run.material.about}, {run.total} steps, "
        f"{where}, {str(run.dtype).removeprefix('torch.')}"
    )


def follow(run: Run, progress: Progress, report: Report) -> Result:
    """Train epoch after epoch from `progress` on, until the steps are done or the scores no longer rise."""
    config, scores, reason = run.config, {}, "all steps are done"
    for epoch in range(progress.epoch, config.run.epochs):
        if progress.step >= run.total:
            break
        batches = run.material.batches(epoch, progress.batch)
        for group in groups(batches, config.run.accumulate):
            began = time.perf_counter()
            values, samples, rate = take_step(run, group, progress.step)
            progress = dataclasses.replace(
                progress,
                batch=progress.batch + len(group),
                step=progress.step + 1,
                samples=progress.samples + samples * run.place.world,
                seconds=progress.seconds + time.perf_counter() - began,
            )
            report.step(epoch, progress.step, rate, samples * run.place.world, values)
            if due(progress.step, config.evaluate.every_steps):
                progress, scores = judge(run, progress, epoch, report)
            if due(progress.step, config.run.save_steps):
                keep(run, progress, "last.pt", report)
            if progress.step >= run.total or exhausted(config, progress):
                break
        else:
            progress = dataclasses.replace(progress, epoch=epoch + 1, batch=0)
        finished = progress.step >= run.total or progress.epoch >= config.run.epochs
        every = config.evaluate.every
        turn = not config.evaluate.every_steps and (epoch + 1) % max(every, 1) == 0 and epoch >= config.evaluate.start
        if every and (finished or turn):
            progress, scores = judge(run, progress, epoch, report)
        keep(run, progress, "last.pt", report)
        if exhausted(config, progress):
            reason = f"no better score in {progress.stale} evaluations"
            break
        if finished:
            break
    if progress.best == float("-inf"):  # never judged: the last weights are the ones to use
        keep(run, progress, "best.pt", report)
    report.say(f"{reason}: {progress.step} steps, {progress.samples} samples in {span(progress.seconds)}")
    return Result(Path(config.run.output), progress.step, scores, progress.best, reason)


def groups(batches: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Batches by the `size`, the last group maybe smaller."""
    while group := list(islice(batches, size)):
        yield group


def due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def exhausted(config: Config, progress: Progress) -> bool:
    return 0 < config.evaluate.patience <= progress.stale


def take_step(run: Run, group: Sequence[Mapping[str, Any]], step: int) -> tuple[dict[str, float], int, float]:
    """One optimiser step over the batches of `group`: mean losses, samples seen by this process, learning rate."""
    config, place = run.config, run.place
    rate = learning_rate(
        step,
        run.total,
        max(run.material.batches_per_epoch // config.run.accumulate, 1),
        config.optimizer.learning_rate,
        config.schedule,
    )
    for part in run.optimizer.param_groups:
        part["lr"] = rate
    torch.manual_seed((config.run.seed * 1_000_003 + step) * place.world + place.rank)
    run.model.train()
    run.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, float] = {}
    samples = 0
    for batch in group:
        moved = to_device(batch, place.device)
        parts = losses(run, run.model, moved)
        values = dict(zip(parts, torch.stack([v.detach().float() for v in parts.values()]).tolist(), strict=True))
        if not math.isfinite(values["loss"]):
            raise DataError(not_a_number(run, moved, values, step))
        run.scaler.scale(parts["loss"] / len(group)).backward()
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value / len(group)
        samples += len(batch["key"])
    run.scaler.unscale_(run.optimizer)
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), config.optimizer.clip_norm or math.inf)
    if not run.scaler.is_enabled() and not math.isfinite(norm.item()):  # fp16 skips such a step by itself
        raise DataError(not_a_number(run, to_device(group[-1], place.device), {"gradient": norm.item()}, step))
    run.scaler.step(run.optimizer)
    run.scaler.update()
    if run.average:
        run.average.update(run.course.student, step)
    return sums, samples, rate


def losses(run: Run, model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """The losses of one batch on the device; `loss` is their sum."""
    longest = int(batch["length"].max()) + 2 if "length" in batch else 0  # start and end marks included
    batch = {k: v[:, :longest] if k in ("nrtr", "sar") else v for k, v in batch.items()}
    targets = {name: batch[name] for name in run.task.targets if name in batch}
    with torch.autocast(run.place.device.type, run.dtype, enabled=run.dtype != torch.float32):
        answers = model(batch["image"], targets)

    def task_loss(outputs: Mapping[str, Tensor], of: Mapping[str, Any]) -> dict[str, Tensor]:
        return run.task.loss(outputs, of, run.config, run.material)

    return course_loss(answers, batch, task_loss, run.config.distill)


def to_device(batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with its tensors on the device."""
    moved = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
    return moved | {"image": moved["image"].contiguous(memory_format=torch.channels_last)}


@torch.no_grad()
def not_a_number(run: Run, batch: Mapping[str, Any], values: Mapping[str, float], step: int) -> str:
    """The message for a loss or gradient that is not finite: which one, at which step, and from which samples."""
    guilty = []
    for module in run.course.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()  # the statistics of a single sample say nothing
    for i in range(len(batch["key"])):
        one = {k: v[i : i + 1] for k, v in batch.items()}
        if not math.isfinite(losses(run, run.course, one)["loss"].item()):
            guilty.append(str(batch["key"][i]))
    wrong = ", ".join(f"{name}={value}" for name, value in values.items() if not math.isfinite(value))
    suspects = guilty or [str(key) for key in batch["key"]]
    which = "sample" if len(suspects) == 1 else "one of the samples"
    shown = ", ".join(suspects[:8]) + (f" and {len(suspects) - 8} more" if len(suspects) > 8 else "")
    return (
        f"{wrong} at step {step + 1}, from {which} {shown}; "
        "look at it with `inkline data show`, or lower optimizer.learning_rate or set optimizer.clip_norm"
    )


def judge(run: Run, progress: Progress, epoch: int, report: Report) -> tuple[Progress, dict[str, Any]]:
    """Score the net on rank 0, keep it as `best.pt` when it is better than before, and tell all processes."""
    report.pause()
    scores: dict[str, Any] = {}
    if run.place.leads:
        run.evaluated.eval()
        scores = run.task.judge(run.evaluated, run.config, run.material, run.place.device).values
        metric = run.config.evaluate.metric or run.task.metric
        if not isinstance(scores.get(metric), float | int):
            numbers = [name for name, value in scores.items() if isinstance(value, float)]
            raise UsageError(
                f"evaluate.metric={metric!r}: not measured here{near(metric, numbers)}; {', '.join(numbers)}"
            )
        value = scores[metric]
        better = value > progress.best
        best, stale = (value, 0) if better else (progress.best, progress.stale + 1)
        progress = dataclasses.replace(progress, best=best, stale=stale)
        report.scores(epoch, progress.step, scores, better)
        if better:
            keep(run, progress, "best.pt", None)
    progress, scores = together(run.place, (progress, scores))
    report.resume()
    return progress, scores


def keep(run: Run, progress: Progress, name: str, report: Report | None) -> None:
    """Write a checkpoint on rank 0: `last.pt` with all that a resume needs, `best.pt` with the evaluated weights."""
    if not run.place.leads:
        return
    if report:
        report.pause()
    content: dict[str, Any] = {
        "config": to_dict(run.config),
        "name": run.config.model.name,
        "charset": list(run.material.charset),
        "classes": run.material.classes,
        "fused": run.material.fused,
        "partial": False,
        "progress": dataclasses.asdict(progress),
    }
    if name == "best.pt":
        content["model"] = run.evaluated.state_dict()
    else:
        content |= {
            "model": run.course.student.state_dict(),
            "twin": run.course.twin.state_dict() if run.course.twin is not None else None,
            "average": run.average.net.state_dict() if run.average else None,
            "optimizer": run.optimizer.state_dict(),
            "scaler": run.scaler.state_dict(),
        }
    checkpoint.save(Path(run.config.run.output) / name, content)
    if report:
        report.resume()
