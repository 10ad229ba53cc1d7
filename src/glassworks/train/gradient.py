"""One step's loss and its gradient: of the whole batch, in however many parts and on however many ranks it is."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glassworks.objectives.losses import LossFn, parted
from glassworks.train.batch import split
from glassworks.train.distributed import Ranks

Logs = dict[str, Tensor]
COLUMNS = {"step", "loss", "lr", "seconds", "grad_norm", "tokens_per_s"}
"""What `fit` logs itself."""


class Gradient:
    """The closure of one step: computes the loss of a batch, and its gradient where gradients are enabled.

    The gradient is that of the optimizer's weights: what a model has besides them is neither scaled nor clipped.
    """

    def __init__(
        self,
        net: nn.Module,
        loss_fn: LossFn,
        optimizer: torch.optim.Optimizer,
        batch: Any,
        *,
        accumulate: int,
        clip: float | None,
        autocast: torch.dtype | None,
        place: Ranks,
    ) -> None:
        self.net, self.loss_fn, self.optimizer, self.place = net, loss_fn, optimizer, place
        self.parts, self.clip, self.autocast = split(batch, accumulate), clip, autocast
        self.weights = weights_of(optimizer)
        self.norm: Tensor | None = None
        self.logs: Logs = {}
        """The means of what else the loss function summed, over all parts and ranks."""

    def __call__(self) -> Tensor:
        """The mean loss over all parts and ranks; parameters' `.grad` holds its gradient, clipped."""
        self.optimizer.zero_grad(set_to_none=True)
        loss, logs = self.of_whole() if len(self.parts) == 1 and self.place.world == 1 else self.of_parts()
        self.logs = self.logs or logs  # of the weights that the step began with, as the loss is
        if self.clip is not None and torch.is_grad_enabled():
            self.norm = nn.utils.clip_grad_norm_(self.weights, self.clip)
        return loss

    def of_whole(self) -> tuple[Tensor, Logs]:
        """The mean loss of a batch that is one part on one rank, and of what else is logged."""
        with self.precision():
            total, number, logs = parted(self.loss_fn, self.net, self.parts[0])
        loss = total / number
        if torch.is_grad_enabled():
            loss.backward()  # type: ignore[no-untyped-call]
        return without_graph(loss), {name: torch.as_tensor(x).detach() / number for name, x in logs.items()}

    def of_parts(self) -> tuple[Tensor, Logs]:
        """The same over all parts and ranks. Makes its gradient of their sum's, which DDP divided by ranks."""
        weight, logs = self.weights[0], dict[str, Tensor]()
        dtype = torch.promote_types(weight.dtype, torch.float32)  # bfloat16 counts up to 256
        sums = torch.zeros(
            2, dtype=dtype, device=weight.device
        )  # a small tensor made among large ones keeps them apart
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1
            with nullcontext() if last or not isinstance(self.net, DistributedDataParallel) else self.net.no_sync():
                self.add(part, sums, logs)
        names = sorted(logs)
        total, number, *others = self.place.sum(torch.stack([*sums, *(logs[name] for name in names)])).unbind()
        grads = [p.grad for p in self.weights if p.grad is not None]
        if grads:
            torch._foreach_mul_(grads, self.place.world / number)
        return total / number, {name: x / number for name, x in zip(names, others, strict=True)}

    def add(self, part: Any, sums: Tensor, logs: Logs) -> None:
        """Add a part's loss, its number and what it logs to those before, and its gradient."""
        with self.precision():
            summed = parted(self.loss_fn, self.net, part)
        if torch.is_grad_enabled():
            summed.total.backward()  # type: ignore[no-untyped-call]
        sums[0] += without_graph(summed.total)
        sums[1] += summed.number
        for name, x in summed.logs.items():
            logs.setdefault(name, torch.zeros_like(sums[0])).add_(torch.as_tensor(x).detach())

    @property
    def local(self) -> Callable[[], Tensor]:
        """What computes the loss of this rank's parts, as a sum and its number, and changes nothing: for searches."""
        net = self.net.module if isinstance(self.net, DistributedDataParallel) else self.net
        return partial(local_loss, net, self.loss_fn, self.parts, self.autocast, self.weights[0].device.type)

    def numbers(self) -> dict[str, float]:
        """What is logged beside the loss: the norm before it was clipped, and what optimizer and loss say."""
        if self.clip is not None and self.norm is None:
            name = type(self.optimizer).__name__
            raise ValueError(f"clip (={self.clip}) is of gradients, and {name} asked for none to clip: leave it out")
        own: dict[str, float] = getattr(self.optimizer, "numbers", dict)()
        for whose, names in (("loss", self.logs.keys()), ("optimizer", own.keys())):
            if reserved := COLUMNS & names:
                raise ValueError(
                    f"the {whose} logs {min(reserved)!r}, which every row has already: give it another name"
                )
        norm = {} if self.norm is None else {"grad_norm": float(self.norm)}
        return norm | own | {name: float(x) for name, x in self.logs.items()}

    def precision(self) -> Any:
        """Autocast, where a narrower dtype was asked for."""
        return precision(self.autocast, self.weights[0].device.type)


def local_loss(net: nn.Module, loss_fn: LossFn, parts: list[Any], autocast: torch.dtype | None, kind: str) -> Tensor:
    """The loss's sum over some parts of a batch, and the number it is over: (2,)."""
    with precision(autocast, kind):
        sums = [parted(loss_fn, net, part) for part in parts]
    total = torch.stack([summed.total for summed in sums]).sum()
    total = total.to(torch.promote_types(total.dtype, torch.float32))
    return torch.stack([total, torch.as_tensor(sum(summed.number for summed in sums)).to(total)])


def precision(autocast: torch.dtype | None, kind: str) -> Any:
    """Autocast on a kind of device, where a narrower dtype was asked for."""
    return nullcontext() if autocast in (None, torch.float32) else torch.autocast(kind, autocast)


def without_graph(loss: Tensor) -> Tensor:
    """A loss by itself; one that was computed without gradients keeps the tangent that it may have (forward mode)."""
    return loss.detach() if torch.is_grad_enabled() else loss


def weights_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All that an optimizer trains."""
    return [p for group in optimizer.param_groups for p in group["params"]]
