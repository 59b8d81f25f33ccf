"""Optimisers, learning rates and averaged weights."""

import copy
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from inkline.errors import UsageError
from inkline.training.config import OptimizerConfig, ScheduleConfig

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def freeze(net: nn.Module, prefixes: Iterable[str]) -> None:
    """Switch the gradient off for parameters whose names begin with one of the prefixes; UsageError if none does."""
    for prefix in prefixes:
        found = [p for name, p in net.named_parameters() if name.startswith(prefix)]
        if not found:
            parts = sorted({name.split(".")[0] for name, _ in net.named_parameters()})
            raise UsageError(f"model.freeze: no parameter begins with {prefix!r}; the net's parts: {', '.join(parts)}")
        for parameter in found:
            parameter.requires_grad_(False)


def build_optimizer(net: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser over all parameters that may change; learning rates are set each step by `lr_schedule`."""
    trainable = [p for p in net.parameters() if p.requires_grad]
    if not trainable:
        raise UsageError("model.freeze leaves no parameter to train; freeze less")

    # two groups: weights, and biases and normalisation weights, which may be spared the decay
    spared = {id(p) for p in biases_and_norms(net)}
    decays = {False: config.weight_decay, True: config.weight_decay if config.decay_norms else 0.0}
    groups: list[dict[str, Any]] = []
    for is_spared, decay in decays.items():
        parameters = [p for p in trainable if (id(p) in spared) == is_spared]
        if parameters:
            groups.append({"params": parameters, "weight_decay": decay})

    rate, betas = config.learning_rate, (config.beta1, config.beta2)
    if config.name == "adam":
        return torch.optim.Adam(groups, rate, betas, config.eps)
    if config.name == "adamw":
        return torch.optim.AdamW(groups, rate, betas, config.eps)
    return torch.optim.SGD(groups, rate, config.momentum)


def biases_and_norms(net: nn.Module) -> Iterator[nn.Parameter]:
    """The biases of a net, and the weights of its normalisation layers."""
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name.startswith("bias") or isinstance(module, NORMS):
                yield parameter


def lr_schedule(step: int, total: int, epoch_steps: int, peak: float, config: ScheduleConfig) -> float:
    """Learning rate of a step, counted from 0, of `total`; `epoch_steps` make an epoch."""
    warmup = config.warmup_steps or round(config.warmup_epochs * epoch_steps)
    warmup = min(warmup, total // 2)  # a run shorter than twice its warm-up still gets to learn
    if step < warmup:
        return peak * (step + 1) / warmup
    if config.name == "constant":
        return peak
    if config.name == "piecewise":
        return peak * config.factor ** sum(step >= share * total for share in config.milestones)
    turn = (step - warmup) / max(total - warmup, 1)
    return peak * (config.final + (1 - config.final) * (1 + math.cos(math.pi * turn)) / 2)


class AveragedWeights:
    """Exponential moving average of a net's weights; `net` holds it and is what gets evaluated and kept.

    The decay rises from 0.1 to its end value, so that the first steps do not weigh on the average for long.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.net = copy.deepcopy(net).requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Draw the average towards `net` after optimiser step number `step`; buffers are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        ours: list[Tensor] = list(self.net.parameters())
        theirs: list[Tensor] = list(net.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for a, b in zip(self.net.buffers(), net.buffers(), strict=True):
            a.copy_(b)
