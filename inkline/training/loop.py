"""The training loop, for every task: `run_training(config)`.

A run is a pure function of its configuration: each step seeds torch with (seed, step, rank), the data depend on (seed,
epoch, batch), and the learning rate on the step. So a checkpoint needs no state of random generators, and a run that is
killed and resumed ends with the very weights of one that was not.
"""

import contextlib
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
from inkline.files import made_folder
from inkline.metrics import LOWER_IS_BETTER
from inkline.training.config import Config, EvalConfig, save_config
from inkline.training.distillation import training_loss
from inkline.training.distributed import broadcast, process_group
from inkline.training.optim import lr_schedule
from inkline.training.run_state import TrainProgress, TrainRun, prepare_run, read_run_checkpoint, save_checkpoint
from inkline.training.training_log import TrainingLog, clock

MAX_SAMPLES_NAMED = 8  # of a batch whose loss is not a number


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: its folder, optimiser steps, the last scores, the best value of the metric, and why it stopped."""

    output: Path
    steps: int
    scores: Mapping[str, Any]
    best: float
    reason: str


def run_training(config: Config, resume: bool = False) -> TrainResult:
    """Train as configured; checkpoints, log and the resolved configuration go to `run.output`.

    resume: continue from `last.pt` in that folder. Raises UsageError for settings that do not fit together, DataError
    for unusable data or a loss that is not a number, OutputError when a checkpoint cannot be written.
    """
    output = Path(config.run.output)
    last = output / "last.pt"
    if resume and not last.exists():
        raise UsageError(f"{output}: no run to resume, {last.name} is not there; start without --resume")
    if last.exists() and not resume:
        raise UsageError(f"{output}: holds a run already; continue it with --resume, or give another run.output")
    if config.run.threads:
        torch.set_num_threads(config.run.threads)

    with process_group(config.run.device) as env:
        if env.is_main:
            made_folder(output)
        stored = read_run_checkpoint(last) if resume else None
        run, progress, weights_summary = prepare_run(config, env, stored)
        if env.is_main:
            save_config(config, output / "config.yaml")
        broadcast(env)  # no process goes on before the folder is there
        with TrainingLog(output, run.total_steps, config.run.log_steps, config.run.tensorboard, silent=not env.is_main) as log:
            log.say(describe_run(run, progress, weights_summary))
            return train_loop(run, progress, log)


def describe_run(run: TrainRun, progress: TrainProgress, weights_summary: str) -> str:
    """One line about what is about to happen."""
    count = sum(p.numel() for p in run.net.student.parameters())
    where = f"{run.env.device.type}" + (f" x {run.env.world}" if run.env.world > 1 else "")
    start = f"resuming from step {progress.step}" if progress.step else weights_summary
    return (
        f"{run.config.model.name}: {count / 1e6:.2f} M parameters, {start}; {run.data.about}, {run.total_steps} steps, "
        f"{where}, {str(run.dtype).removeprefix('torch.')}"
    )


def train_loop(run: TrainRun, progress: TrainProgress, log: TrainingLog) -> TrainResult:
    """Train epoch after epoch from `progress` on, until the steps are done or the scores no longer rise."""
    settings = run.config.evaluate
    scores: dict[str, Any] = {}
    began = time.monotonic() - progress.elapsed
    for epoch in range(progress.epoch, run.config.run.epochs):
        # a resumed run may have nothing left to train
        if is_done(run, progress):
            break
        progress, scores = train_epoch(run, progress, epoch, log, scores, began)
        # score at the end of epochs whose turn it is
        if is_turn(settings, epoch):
            progress, scores = evaluate_and_keep_best(run, progress, epoch, log)
        save_last(run, progress, log)

    # the last weights are always scored, also by a run that was killed before that and resumed
    if (settings.every or settings.times) and not is_exhausted(run, progress) and progress.evaluated_step != progress.step:
        progress, scores = evaluate_and_keep_best(run, progress, min(progress.epoch, run.config.run.epochs - 1), log)
        save_last(run, progress, log)
    if progress.best == float("-inf"):  # never evaluated: the last weights are the ones to use
        save_checkpoint(run, progress, "best.pt")

    reason = "all steps are done"
    if is_exhausted(run, progress):
        reason = f"no better score in {progress.stale} evaluations"
    log.say(f"{reason}: {progress.step} steps, {progress.samples} samples in {clock(progress.seconds)}")
    return TrainResult(Path(run.config.run.output), progress.step, scores, progress.best, reason)


def save_last(run: TrainRun, progress: TrainProgress, log: TrainingLog) -> None:
    """Write `last.pt`; the time that takes is none of training."""
    log.pause()
    save_checkpoint(run, progress, "last.pt")
    log.resume()


def is_turn(settings: EvalConfig, epoch: int) -> bool:
    """Whether the net is scored at the end of this epoch."""
    return not settings.every_steps and not settings.times and is_due(epoch + 1, settings.every) and epoch >= settings.start


def train_epoch(
    run: TrainRun, progress: TrainProgress, epoch: int, log: TrainingLog, scores: dict[str, Any], began: float
) -> tuple[TrainProgress, dict[str, Any]]:
    """Take the steps of an epoch from `progress` on; returns where the run stands, and the last scores.

    began: when the run did, on the monotonic clock.
    """
    config, world = run.config, run.env.world
    batches = run.data.batches(epoch, progress.batch)
    for group in batch_groups(batches, config.run.accumulate):
        # one optimiser step over a group of batches
        started = time.perf_counter()
        losses, samples, rate = take_step(run, group, progress)
        before = run.share_done(progress)
        elapsed = time.monotonic() - began
        progress = dataclasses.replace(
            progress,
            elapsed=broadcast(run.env, elapsed) if config.run.minutes else elapsed,  # all processes stop at one step
            batch=progress.batch + len(group),
            step=progress.step + 1,
            samples=progress.samples + samples * world,
            seconds=progress.seconds + time.perf_counter() - started,
        )
        log.step(epoch, progress.step, rate, samples * world, losses, run.expected_steps(progress))
        # score and save when it is time
        turns = int(run.share_done(progress) * config.evaluate.times) > int(before * config.evaluate.times)
        if turns or (is_due(progress.step, config.evaluate.every_steps) and not config.evaluate.times):
            progress, scores = evaluate_and_keep_best(run, progress, epoch, log)
        if is_due(progress.step, config.run.save_steps):
            save_last(run, progress, log)
        if is_done(run, progress):
            return progress, scores
    return dataclasses.replace(progress, epoch=epoch + 1, batch=0), scores


def batch_groups(batches: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Groups of `size` batches, the last one maybe smaller."""
    while group := list(islice(batches, size)):
        yield group


def is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def is_exhausted(run: TrainRun, progress: TrainProgress) -> bool:
    """Whether the score has not risen for `evaluate.patience` evaluations."""
    return 0 < run.config.evaluate.patience <= progress.stale


def is_done(run: TrainRun, progress: TrainProgress) -> bool:
    return run.share_done(progress) >= 1 or is_exhausted(run, progress)


def take_step(
    run: TrainRun, group: Sequence[Mapping[str, Any]], progress: TrainProgress
) -> tuple[dict[str, float], int, float]:
    """One optimiser step over the batches of `group`: mean losses, samples seen by this process, learning rate."""
    config, env, step = run.config, run.env, progress.step
    # learning rate and random numbers depend on the step alone, unless the run has so many minutes
    epoch_steps = max(run.data.batches_per_epoch // config.run.accumulate, 1)
    rate = lr_schedule(step, run.expected_steps(progress), epoch_steps, config.optimizer.learning_rate, config.schedule)
    for parameters in run.optimizer.param_groups:
        parameters["lr"] = rate
    torch.manual_seed((config.run.seed * 1_000_003 + step) * env.world + env.rank)

    # gradients add up over the group
    run.model.train()
    run.optimizer.zero_grad(set_to_none=True)
    means: dict[str, float] = {}
    samples = sum(len(batch["key"]) for batch in group)
    for number, batch in enumerate(group, 1):
        share = len(batch["key"]) / samples  # every sample counts alike, in large batches and in small ones
        moved = to_device(batch, env.device)
        with synchronised(run.model, number == len(group)):
            losses = batch_losses(run, run.model, moved)
            values = dict(zip(losses, torch.stack([v.detach().float() for v in losses.values()]).tolist(), strict=True))
            if not math.isfinite(values["loss"]):
                raise DataError(not_a_number(run, moved, values, step))
            run.scaler.scale(losses["loss"] * share).backward()  # type: ignore[no-untyped-call]
        for name, value in values.items():
            means[name] = means.get(name, 0.0) + value * share

    # clip, and refuse a gradient that is not a number; fp16 skips such a step by itself
    run.scaler.unscale_(run.optimizer)
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), config.optimizer.clip_norm or math.inf)
    if not run.scaler.is_enabled() and not math.isfinite(norm.item()):
        raise DataError(not_a_number(run, to_device(group[-1], env.device), {"gradient": norm.item()}, step))

    # change the weights, and their average
    run.scaler.step(run.optimizer)
    run.scaler.update()
    if run.average:
        run.average.update(run.net.student, step)
    return means, samples, rate


def synchronised(model: nn.Module, is_last: bool) -> contextlib.AbstractContextManager[None]:
    """Processes exchange their gradients only at the last batch of a group, which has the sum of all."""
    if isinstance(model, nn.parallel.DistributedDataParallel) and not is_last:
        return model.no_sync()
    return contextlib.nullcontext()


def batch_losses(run: TrainRun, model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """The losses of one batch on the device; `loss` is their sum."""
    longest = int(batch["length"].max()) + 2 if "length" in batch else 0  # start and end marks included
    batch = {k: v[:, :longest] if k in ("nrtr", "sar") else v for k, v in batch.items()}
    targets = {name: batch[name] for name in run.task.targets if name in batch}
    with torch.autocast(run.env.device.type, run.dtype, enabled=run.dtype != torch.float32):
        answers = model(batch["image"], targets)

    def task_loss(outputs: Mapping[str, Tensor], of: Mapping[str, Any]) -> dict[str, Tensor]:
        return run.task.loss(outputs, of, run.config, run.data)

    return training_loss(answers, batch, task_loss, run.config.distill)


def to_device(batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with its tensors on the device."""
    moved = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
    return moved | {"image": moved["image"].contiguous(memory_format=torch.channels_last)}


@torch.no_grad()
def not_a_number(run: TrainRun, batch: Mapping[str, Any], values: Mapping[str, float], step: int) -> str:
    """The message for a loss or gradient that is not finite: which one, at which step, and from which samples."""
    wrong = ", ".join(f"{name}={value}" for name, value in values.items() if not math.isfinite(value))
    suspects = broken_samples(run, batch) or [str(key) for key in batch["key"]]
    which = "sample" if len(suspects) == 1 else "one of the samples"
    shown = ", ".join(suspects[:MAX_SAMPLES_NAMED])
    if len(suspects) > MAX_SAMPLES_NAMED:
        shown += f" and {len(suspects) - MAX_SAMPLES_NAMED} more"
    return (
        f"{wrong} at step {step + 1}, from {which} {shown}; "
        "look at it with `inkline data show`, or lower optimizer.learning_rate or set optimizer.clip_norm"
    )


def broken_samples(run: TrainRun, batch: Mapping[str, Any]) -> list[str]:
    """The keys of the samples whose loss alone is not finite."""
    for module in run.net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()  # the statistics of a single sample say nothing
    found = []
    for i, key in enumerate(batch["key"]):
        single = {k: v[i : i + 1] for k, v in batch.items()}
        if not math.isfinite(batch_losses(run, run.net, single)["loss"].item()):
            found.append(str(key))
    return found


def evaluate_and_keep_best(
    run: TrainRun, progress: TrainProgress, epoch: int, log: TrainingLog
) -> tuple[TrainProgress, dict[str, Any]]:
    """Score the net on rank 0, keep it as `best.pt` when it is better than before, and tell all processes."""
    log.pause()
    scores: dict[str, Any] = {}
    if run.env.is_main:
        run.evaluated_net.eval()
        scores = run.task.evaluate(run.evaluated_net, run.config, run.data, run.env.device).values
        value = metric_of(run, scores)
        better = value > progress.best
        progress = dataclasses.replace(
            progress,
            best=value if better else progress.best,
            stale=0 if better else progress.stale + 1,
            evaluated_step=progress.step,
        )
        log.scores(epoch, progress.step, scores, better)
        if better:
            save_checkpoint(run, progress, "best.pt")
    progress, scores = broadcast(run.env, (progress, scores))
    log.resume()
    return progress, scores


def metric_of(run: TrainRun, scores: Mapping[str, Any]) -> float:
    """The value that decides which weights are best, the highest; UsageError when `evaluate.metric` is not among the scores."""
    metric = run.config.evaluate.metric or run.task.metric
    value = scores.get(metric)
    if not isinstance(value, float | int):
        numbers = [name for name, number in scores.items() if isinstance(number, float)]
        raise UsageError(f"evaluate.metric={metric!r}: not measured here{near(metric, numbers)}; {', '.join(numbers)}")
    return -value if metric in LOWER_IS_BETTER else value
