"""The losses of candidates, in whichever way is the fastest for the module, its batch and the population."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.core.progress import tell
from glassworks.optim.gradient_free.evaluation.left import Ran, left_as_it_was
from glassworks.optim.gradient_free.evaluation.loops import Local
from glassworks.optim.gradient_free.evaluation.ways import Way, best, fastest, way_of

CHOSEN: dict[str, Way] = {}
"""What was the fastest in this process, so that two searches of one kind compute the same to the bit."""


@torch.no_grad()
def losses_of(
    closure: Callable[[], Any],
    weights: Sequence[Tensor],
    candidates: Float[Tensor, "P D"],
    *,
    seed: int = 0,
    ways: dict[str, Any] | None = None,
    modules: Iterable[nn.Module] | None = None,
) -> Float[Tensor, " P"]:
    """The loss of each candidate; weights, buffers and random numbers are left as they were.

    All candidates have the same random numbers, those of `seed`: what dropout drops for one it drops for all. Each
    starts from the buffers as they are, so that none sees what another left in a batch norm's statistics.

    Every way gives what the plain loop gives, to rounding: one candidate after the other, `torch.func.vmap`, or, for
    images, a loop with channels last. Which is the fastest is measured the first time, compared with the plain loop
    on a few candidates, and kept in `ways`. On ranks each evaluates its part of the batch, and the sums are added.

    Args:
        closure: the loss of the weights as they are. One of `fit` has `local`, the loss's sum and number on this rank,
            `parts`, the batches, and `place`, the ranks.
        weights: what candidates stand for, in order.
        candidates: rows of weights as one vector.
        seed: of the random numbers.
        ways: what was chosen before, by what it is for; JSON holds it. Part of the state, so that a training that goes
            on computes the same to the bit.
        modules: that the closure runs, where that was seen. None = those of its `net`; where it has none, it is called
            once more to see.
    """
    if weights[0].device.type == "cpu":
        keep_freed_memory()
    local: Local = getattr(closure, "local", None) or partial(one_of, closure)
    ways = {} if ways is None else ways
    with left_as_it_was(weights) as ran:
        known = closure.net.modules() if hasattr(closure, "net") else modules
        for module in known or ():
            ran.note(module, None)
        if known is None:
            local()
        if not ran.modules:
            return way_of(Way(), local, weights, seed, ran)(candidates)[:, 0].to(candidates)
        alone = not hasattr(closure, "place") or closure.place.world == 1
        key = kind_of(closure, weights, len(candidates), ran)
        if key not in ways:
            ways[key] = list(CHOSEN.get(key) or chosen(local, weights, candidates, seed, ran, alone))
            CHOSEN[key] = Way(*ways[key])
        sums = way_of(Way(*ways[key]), local, weights, seed, ran)(candidates)
    if hasattr(closure, "place"):
        sums = closure.place.sum(sums)
    return (sums[:, 0] / sums[:, 1]).to(candidates)


def one_of(closure: Callable[[], Any]) -> Float[Tensor, "2"]:
    """The loss of any closure, as a sum over one thing."""
    loss = torch.as_tensor(closure())
    return torch.stack([loss, torch.ones_like(loss)])


def chosen(
    local: Local, weights: Sequence[Tensor], candidates: Float[Tensor, "P D"], seed: int, ran: Ran, alone: bool
) -> Way:
    """The fastest way; told where a command shows what goes on."""
    times = fastest(local, weights, candidates, seed, ran, alone=alone)
    way = best(times)
    each = ", ".join(f"{way.words} {seconds:.2g} s" for way, seconds in times.items())
    tell(f"a population of {len(candidates)} is evaluated by {way.words} (a generation: {each})")
    return way


def kind_of(closure: Callable[[], Any], weights: Sequence[Tensor], population: int, ran: Ran) -> str:
    """What a choice is for: the modules, the weights, the population, the batch, and the machine's share in it."""
    modules = " ".join(type(module).__name__ for module in ran.modules.values())
    shapes = " ".join(f"{'x'.join(map(str, p.shape))}" for p in weights)
    batch = " ".join(str(tuple(x.shape)) for x in tensors_in(getattr(closure, "parts", ())))
    kind = f"{weights[0].dtype} {weights[0].device.type} {torch.get_num_threads()}"
    return f"{population} of {modules} | {shapes} | {batch} | {kind}"


def tensors_in(batch: Any) -> list[Tensor]:
    """The tensors of a batch of any structure, in order."""
    return [x for x in torch.utils._pytree.tree_leaves(batch) if isinstance(x, Tensor)]
