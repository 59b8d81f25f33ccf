"""Where this process runs: its device, and its rank among the processes that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed as dist

from inkline.errors import EngineError, UsageError

# All processes wait while rank 0 evaluates, far longer than torch's own limit of 10 minutes on large sets.
COLLECTIVE_TIMEOUT = timedelta(hours=12)


@dataclass(frozen=True)
class DistributedEnv:
    """rank: number of this process, 0 writes files and logs; world: how many there are; device: its own."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        return self.rank == 0


def distributed_env(device: str) -> DistributedEnv:
    """Where this process runs. device: auto, cpu, gpu or gpu:N; under torchrun each takes the GPU of its local rank."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    return DistributedEnv(rank, world, _device(device, local if world > 1 else None))


@contextmanager
def process_group(device: str) -> Iterator[DistributedEnv]:
    """Join the process group when torchrun started this process (nccl on GPUs, gloo on CPUs), leave it at the end."""
    env = distributed_env(device)
    if env.world == 1:
        yield env
        return
    if env.device.type == "cuda":
        torch.cuda.set_device(env.device)
    dist.init_process_group("nccl" if env.device.type == "cuda" else "gloo", timeout=COLLECTIVE_TIMEOUT)
    try:
        yield env
    finally:
        dist.destroy_process_group()


def _device(name: str, local: int | None) -> torch.device:
    kind, _, index = name.replace("cuda", "gpu").partition(":")
    if kind not in ("auto", "cpu", "gpu") or (index and not index.isdigit()):
        raise UsageError(f"run.device={name!r}: must be auto, cpu, gpu or gpu:N")
    if kind == "cpu" or (kind == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise EngineError(f"run.device={name!r}: torch sees no GPU; use cpu, or install a torch build for your GPU")
    number = local if local is not None else int(index or 0)
    if number >= torch.cuda.device_count():
        raise EngineError(f"run.device={name!r}: there are {torch.cuda.device_count()} GPUs, GPU {number} is not there")
    return torch.device("cuda", number)


def broadcast(env: DistributedEnv, value: Any = None) -> Any:
    """Wait for all processes, and give each of them the value that rank 0 has."""
    if env.world == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
