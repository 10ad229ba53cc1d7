"""Shares of a population on the machines of a Ray cluster, once `ray.init(...)` has connected this process to one.

Ray is the extra `cluster`. It is never imported here: who uses it has imported it.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evaluation.rows import shares


def connected() -> int:
    """How many CPUs the cluster has that this process is connected to; 0 where it is to none."""
    ray: Any = sys.modules.get("ray")
    return int(ray.cluster_resources().get("CPU", 0)) if ray is not None and ray.is_initialized() else 0


def on_cluster(
    evaluate: Callable[..., Float[Tensor, "P 2"]],
    how: Sequence[Any],
    candidates: Float[Tensor, "P D"],
    workers: int,
) -> Float[Tensor, "P 2"]:
    """What `evaluate(*how, candidates)` gives, each share by a task of one CPU. `how` goes to every machine once.

    Raises what a task raises; one whose machine is lost is done again by Ray.
    """
    ray: Any = sys.modules["ray"]
    task, common = ray.remote(num_cpus=1)(on_one_cpu), ray.put((evaluate, *how))
    rows = list(shares(len(candidates), workers))
    found = ray.get([task.remote(common, ray.put(candidates[some].cpu())) for some in rows])
    sums = candidates.new_empty(len(candidates), 2, dtype=torch.float64)
    for some, part in zip(rows, found, strict=True):
        sums[some] = part.to(sums)
    return sums


def on_one_cpu(common: Sequence[Any], candidates: Float[Tensor, "P D"]) -> Float[Tensor, "P 2"]:
    """A share, by one thread."""
    torch.set_num_threads(1)
    evaluate, *how = common
    found: Tensor = evaluate(*how, candidates)
    return found.double()
