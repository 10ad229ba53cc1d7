"""Ranks: one process is rank 0 of 1; under `torchrun` every process finds its place in the environment.

Data parallel only, for now: every rank holds the whole model and a slice of each global batch, and gradients are
averaged (DDP). Whatever is sharded later (FSDP2) belongs in this file and in checkpoint.py, nowhere else.
"""

import gc
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Ranks:
    """This process's place among all: `rank` of `world`, `local` on its own machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files and prints."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks, on all ranks; `value` itself may be overwritten by it."""
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def agree(self, value: int) -> int:
        """Rank 0's number (or truth value, as 0 or 1), on all ranks."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], device=self.device)
        dist.broadcast(shared, 0)
        return int(shared.item())

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.world > 1:
            dist.barrier()

    @property
    def device(self) -> torch.device:
        """Where the collectives run."""
        return torch.device("cuda", self.local) if dist.get_backend() == "nccl" else torch.device("cpu")


@dataclass(frozen=True)
class OnEveryRank:
    """A function in `every` or `save` of `fit` that runs on all ranks and may share its work, as by `Ranks.sum`.

    Others run on the first alone. The numbers that are logged are the first one's.
    """

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        return self.function(*arguments)


@contextmanager
def ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the other processes that torchrun started, if it did; leave them at the end."""
    world = number("WORLD_SIZE", 1) if "WORLD_SIZE" in os.environ else 1
    if world == 1:
        yield Ranks()
        return
    if missing := [name for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise ValueError(f"WORLD_SIZE (={world}) is set and {missing[0]} is not: start several ranks by torchrun")
    place = Ranks(number("RANK", 0), world, number("LOCAL_RANK", 0))
    if device.type == "cuda":
        torch.cuda.set_device(place.local)
    importlib.import_module("torch.distributed.nn.functional")  # imported later, its defaults would hold the group
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        gc.collect()  # what still holds the group keeps its threads: one at work while Python ends aborts the process
        dist.destroy_process_group()


def number(name: str, least: int) -> int:
    """A whole number that torchrun puts into the environment; ValueError if something else stands there."""
    text = os.environ[name]
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ValueError(
            f"{name} (={text!r:.40}) in the environment must be a whole number of at least {least}: unset it, or "
            "start several ranks by torchrun"
        )
    return value


def data_parallel(model: nn.Module, place: Ranks) -> nn.Module:
    """The module to call for the loss: the model itself, or DDP around it."""
    if place.world == 1:
        return model
    device_ids = [place.local] if place.device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=device_ids)
