"""Which samples form which batch: shuffled, grouped by width, sized by area, dealt out to processes; a function of
(seed, epoch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inkline.errors import DataError

GROUP_BATCHES = 64  # lines are sorted by width within this many batches, so that batches stay random


class Draw(NamedTuple):
    """A sample to be made: everything that its making depends on besides the options."""

    epoch: int
    index: int
    height: int = 0


@dataclass(frozen=True)
class BatchPlan:
    """How an epoch is cut into batches.

    size       samples a batch, at the first of `heights` and `base_width`
    heights    line heights in pixels, one drawn for each batch (multi-scale); (0,) where height means nothing
    by_area    the number of samples changes so that the pixels of a batch stay about the same (the reference's
               MultiScaleSampler)
    group      batches of lines of like width
    width_scale lines are fed at this share of their width
    max_ratio  wider lines are squeezed, so they count as this wide
    multiple   the number of samples is divisible by this (1 = any)
    rank, world  this process and how many there are: each gets every world-th batch, all the same number
    """

    size: int = 32
    seed: int = 0
    shuffle: bool = True
    heights: tuple[int, ...] = (0,)
    base_width: int = 320
    by_area: bool = False
    group: bool = False
    width_scale: float = 1.0
    max_ratio: float = 3200 / 48
    multiple: int = 1
    drop_last: bool = False
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        """Refuse plans that make no batch."""
        if self.size < 1 or not self.heights or not 0 <= self.rank < self.world:
            raise DataError(f"batches of {self.size} samples for process {self.rank} of {self.world} cannot be planned")


def plan_batches(ratios: np.ndarray, plan: BatchPlan, epoch: int) -> list[list[Draw]]:
    """Return the batches of one epoch for this process. `ratios` (N,) float: expected width / height of every sample."""
    rng = np.random.default_rng((plan.seed, epoch, 7))
    ratios = ratios * plan.width_scale
    order = rng.permutation(len(ratios)) if plan.shuffle else np.arange(len(ratios))
    if plan.group:
        span = plan.size * GROUP_BATCHES if plan.shuffle else max(1, len(order))
        order = np.concatenate(
            [part[np.argsort(ratios[part], kind="stable")] for part in _spans(order, span)] or [order]
        )
    batches: list[list[Draw]] = []
    at = 0
    while at < len(order):
        height = int(plan.heights[int(rng.random() * len(plan.heights))])
        count = _count(ratios, order, at, height, plan)
        chosen = order[at : at + count]
        at += count
        if len(chosen) < count and plan.drop_last and batches:
            break
        batches.append([Draw(epoch, int(i), height) for i in chosen])
    if plan.shuffle:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    usable = len(batches) // plan.world * plan.world
    if plan.world > 1 and usable == 0:
        raise DataError(
            f"{len(ratios)} samples make {len(batches)} batches of {plan.size}, fewer than {plan.world} processes; "
            "use smaller batches"
        )
    return batches[plan.rank : usable : plan.world] if plan.world > 1 else batches


def _spans(order: np.ndarray, span: int) -> list[np.ndarray]:
    return [order[i : i + span] for i in range(0, len(order), span)]


def _count(ratios: np.ndarray, order: np.ndarray, at: int, height: int, plan: BatchPlan) -> int:
    """How many samples the batch that starts at `at` takes: `size`, or as many as have the area of `size` base images."""
    if not plan.by_area or height == 0:
        return plan.size
    budget = plan.size * (plan.heights[0] or height) * plan.base_width
    count = 4 * plan.size
    for _ in range(6):  # the batch is as wide as its widest line, which depends on how many there are
        widest = float(np.minimum(ratios[order[at : at + count]], plan.max_ratio).max())
        width = max(plan.base_width if not plan.group else height, height * widest)
        fitting = max(plan.multiple, int(budget / (height * width)) // plan.multiple * plan.multiple)
        if fitting >= count:
            break
        count = fitting
    return count
