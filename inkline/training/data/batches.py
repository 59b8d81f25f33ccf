"""Which samples form which batch, batches of tensors, and the loader of one epoch; the keys are in the package's docstring."""

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from inkline.errors import DataError
from inkline.training.data.datasets import Recognition
from inkline.training.data.sample_sources import SampleIndex

GROUP_BATCHES = 64  # lines are sorted by width within this many batches, so that batches stay random


@dataclass(frozen=True)
class BatchPlan:
    """How an epoch is cut into batches.

    size       samples per batch, at the first of `heights` and `base_width`
    heights    line heights in pixels, one drawn for each batch (multi-scale); (0,) where height means nothing
    by_area    the number of samples changes so that the pixels of a batch stay about the same (the reference's
               MultiScaleSampler)
    group      batches of lines of like width
    width_scale lines are fed at this share of their width
    max_ratio  wider lines are squeezed, so they count as this wide
    rank, world  this process and how many there are: each gets every world-th batch, all the same number
    """

    size: int = 32
    seed: int = 0
    heights: tuple[int, ...] = (0,)
    base_width: int = 320
    by_area: bool = False
    group: bool = False
    width_scale: float = 1.0
    max_ratio: float = 3200 / 48
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or not self.heights or not 0 <= self.rank < self.world:
            raise DataError(f"batches of {self.size} samples for process {self.rank} of {self.world} cannot be planned")


def plan_batches(ratios: np.ndarray, plan: BatchPlan, epoch: int) -> list[list[SampleIndex]]:
    """The batches of one epoch for this process. `ratios` (N,) float: expected width / height of every sample."""
    rng = np.random.default_rng((plan.seed, epoch, 7))
    ratios = ratios * plan.width_scale
    order = _sample_order(rng, ratios, plan)

    # cut the order into batches, each of one height
    batches: list[list[SampleIndex]] = []
    at = 0
    while at < len(order):
        height = int(plan.heights[int(rng.random() * len(plan.heights))])
        count = _count(ratios, order, at, height, plan)
        batches.append([SampleIndex(epoch, int(i), height) for i in order[at : at + count]])
        at += count
    batches = [batches[i] for i in rng.permutation(len(batches))]

    # deal them out, each process the same number
    usable = len(batches) // plan.world * plan.world
    if plan.world == 1:
        return batches
    if usable == 0:
        raise DataError(
            f"{len(ratios)} samples make {len(batches)} batches of {plan.size}, fewer than {plan.world} processes; "
            "use smaller batches"
        )
    return batches[plan.rank : usable : plan.world]


def _sample_order(rng: np.random.Generator, ratios: np.ndarray, plan: BatchPlan) -> np.ndarray:
    """The order in which samples fill the batches; in groups, sorted by width within every `GROUP_BATCHES` batches."""
    order = rng.permutation(len(ratios))
    if not plan.group or not len(order):
        return order
    span = plan.size * GROUP_BATCHES
    parts = [order[i : i + span] for i in range(0, len(order), span)]
    return np.concatenate([part[np.argsort(ratios[part], kind="stable")] for part in parts])


def _count(ratios: np.ndarray, order: np.ndarray, at: int, height: int, plan: BatchPlan) -> int:
    """How many samples the batch that starts at `at` takes: `size`, or as many as have the area of `size` base images."""
    if not plan.by_area or height == 0:
        return plan.size
    budget = plan.size * (plan.heights[0] or height) * plan.base_width
    count = 4 * plan.size
    for _ in range(6):  # the batch is as wide as its widest line, which depends on how many there are
        widest = float(np.minimum(ratios[order[at : at + count]], plan.max_ratio).max())
        width = max(plan.base_width if not plan.group else height, height * widest)
        fitting = max(1, int(budget / (height * width)))
        if fitting >= count:
            break
        count = fitting
    return count


WIDTH_STEP = 8


def collate(samples: Sequence[dict[str, Any]], width: int | None = None) -> dict[str, Any]:
    """Stack the samples of a batch.

    width  for recognisers: pad images on the right with 0 to this width, 0 for that of the widest line (a multiple of 8
           pixels), and add valid_ratio. None: images are of one size, or pages that stay in a list
    CTC ids are padded with 0 to the longest; strings, pages and polygons stay in lists.
    """
    batch: dict[str, Any] = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        if name == "image" and width is not None:
            widest = max(value.shape[2] for value in values)
            batch[name] = _padded(values, 2, width if width else -(-widest // WIDTH_STEP) * WIDTH_STEP)
            covered = torch.tensor([value.shape[2] for value in values], dtype=torch.float32)
            batch["valid_ratio"] = covered / batch[name].shape[3]
        elif name == "ctc":
            batch[name] = _padded(values, 0, max(1, *map(len, values)))
        elif isinstance(values[0], np.ndarray) and values[0].dtype not in (np.uint8, np.bool_):
            batch[name] = torch.from_numpy(np.stack(values))
        elif isinstance(values[0], int):
            batch[name] = torch.tensor(values, dtype=torch.int64)
        else:
            batch[name] = values
    return batch


def _padded(arrays: Sequence[np.ndarray], axis: int, length: int) -> torch.Tensor:
    """Stack arrays that differ along `axis`, zeros behind the shorter ones up to `length`."""
    shape = list(arrays[0].shape)
    shape[axis] = length
    out = np.zeros((len(arrays), *shape), arrays[0].dtype)
    for i, array in enumerate(arrays):
        out[i][tuple(slice(0, n) for n in array.shape)] = array
    return torch.from_numpy(out)


def in_every_turn(batch: dict[str, Any], turns: Sequence[int]) -> dict[str, Any]:
    """A classifier's batch with each sample in every turn (degrees, in class order), one after the other.

    Only the turn tells them apart. Samples must be square unless the turns are 0 and 180.
    """
    own = [turns[i] for i in batch["label"].tolist()]
    images: list[torch.Tensor] = []
    classes: list[int] = []
    for image, has in zip(batch["image"], own, strict=True):
        images += [torch.rot90(image, (has - turn) // 90, (1, 2)) for turn in turns]
        classes += range(len(turns))
    keys = [key for key in batch["key"] for _ in turns]
    return {**batch, "image": torch.stack(images), "label": torch.tensor(classes), "key": keys}


def batches_of(dataset: Dataset[dict[str, Any]], plan: BatchPlan, epoch: int) -> list[list[SampleIndex]]:
    """The batches of one epoch for this process. Raises DataError for an empty data set."""
    size = len(dataset)  # type: ignore[arg-type]
    if size == 0:
        raise DataError("the data set is empty; give label files with usable samples or a number of synthetic ones")
    ratios = dataset.source.ratios(epoch) if isinstance(dataset, Recognition) else np.ones(size, np.float32)
    return plan_batches(ratios, plan, epoch)


def loader(
    dataset: Dataset[dict[str, Any]], plan: BatchPlan, epoch: int, start: int = 0, workers: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the batches of one epoch from number `start` on, made by `workers` processes (0: in this one).

    A pure function of its arguments: a run that stored (epoch, batches used) goes on exactly where it stopped.
    """
    combine = partial(collate, width=dataset.config.data.width if isinstance(dataset, Recognition) else None)
    more: dict[str, Any] = {}
    if workers:
        # Not fork: OpenCV's threads and an open LMDB do not survive it, and workers would wait for ever.
        ways = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in ways else "spawn")
        if "forkserver" in ways:  # imports the slow modules once, for the workers of every epoch
            context.set_forkserver_preload(["inkline.training.data.batches"])
        more = {"prefetch_factor": 4, "worker_init_fn": one_thread, "multiprocessing_context": context}
    made = DataLoader(
        dataset,
        batch_sampler=batches_of(dataset, plan, epoch)[start:],
        num_workers=workers,
        collate_fn=combine,
        pin_memory=torch.cuda.is_available(),
        **more,
    )
    return iter(made)


def one_thread(_: int) -> None:
    """Keep a worker process to one thread: there are as many workers as cores."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
