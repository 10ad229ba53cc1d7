"""One step's loss and its gradient: of the whole batch, in however many parts and on however many ranks it is."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glassworks.objectives.losses import LossFn, Summed, parted
from glassworks.train.batch import split
from glassworks.train.distributed import Ranks


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
        accumulate: int,
        clip: float | None,
        autocast: torch.dtype | None,
        place: Ranks,
    ) -> None:
        self.net, self.loss_fn, self.optimizer, self.place = net, loss_fn, optimizer, place
        self.parts, self.clip, self.autocast = split(batch, accumulate), clip, autocast
        self.weights = [p for group in optimizer.param_groups for p in group["params"]]
        self.norm: Tensor | None = None

    def __call__(self) -> Tensor:
        """The mean loss over all parts and ranks; parameters' `.grad` holds its gradient, clipped."""
        self.optimizer.zero_grad(set_to_none=True)
        alone = len(self.parts) == 1 and self.place.world == 1
        sums = []
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1
            with nullcontext() if last or not isinstance(self.net, DistributedDataParallel) else self.net.no_sync():
                with self.precision():
                    total, number = parted(self.loss_fn, self.net, part)
                if alone:
                    total = total / number
                if torch.is_grad_enabled():
                    total.backward()  # type: ignore[no-untyped-call]
            sums.append(Summed(total.detach(), number))
        mean = sums[0].total if alone else self.together(sums)
        if self.clip is not None and torch.is_grad_enabled():
            self.norm = nn.utils.clip_grad_norm_(self.weights, self.clip)
        return mean

    def together(self, sums: list[Summed]) -> Tensor:
        """The mean over the parts of all ranks; makes its gradient of their sum's, which DDP divided by ranks."""
        first = sums[0].total
        like = first if first.element_size() >= 4 else first.float()  # bfloat16 counts up to 256
        rows = [torch.stack([total.to(like).reshape(()), torch.as_tensor(number).to(like)]) for total, number in sums]
        total, number = self.place.sum(torch.stack(rows).sum(0))
        grads = [p.grad for p in self.weights if p.grad is not None]
        if grads:
            torch._foreach_mul_(grads, self.place.world / number)
        mean: Tensor = total / number
        return mean

    def precision(self) -> Any:
        """Autocast, where a narrower dtype was asked for."""
        if self.autocast in (None, torch.float32):
            return nullcontext()
        return torch.autocast(self.weights[0].device.type, self.autocast)
