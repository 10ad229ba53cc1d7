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
        self.logs: dict[str, Tensor | float] = {}
        """The means of what else the loss function summed, over all parts and ranks."""

    def __call__(self) -> Tensor:
        """The mean loss over all parts and ranks; parameters' `.grad` holds its gradient, clipped."""
        self.optimizer.zero_grad(set_to_none=True)
        alone = len(self.parts) == 1 and self.place.world == 1
        sums = []
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1
            with nullcontext() if last or not isinstance(self.net, DistributedDataParallel) else self.net.no_sync():
                with self.precision():
                    found = parted(self.loss_fn, self.net, part)
                loss = found.total / found.number if alone else found.total
                if torch.is_grad_enabled():
                    loss.backward()  # type: ignore[no-untyped-call]
            sums.append(found._replace(total=loss.detach()))
        if alone:
            mean, self.logs = loss.detach(), {name: x / found.number for name, x in found.logs.items()}
        else:
            mean = self.together(sums)
        if self.clip is not None and torch.is_grad_enabled():
            self.norm = nn.utils.clip_grad_norm_(self.weights, self.clip)
        return mean

    def together(self, sums: list[Summed]) -> Tensor:
        """The mean over the parts of all ranks; makes its gradient of their sum's, which DDP divided by ranks."""
        first, names = sums[0].total, sorted(sums[0].logs)
        like = first if first.element_size() >= 4 else first.float()  # bfloat16 counts up to 256
        rows = [[total, number, *(logs[name] for name in names)] for total, number, logs in sums]
        table = torch.stack([torch.as_tensor(x).detach().to(like).reshape(()) for row in rows for x in row])
        total, number, *others = self.place.sum(table.view(len(sums), -1).sum(0)).unbind()
        self.logs = {name: x / number for name, x in zip(names, others, strict=True)}
        grads = [p.grad for p in self.weights if p.grad is not None]
        if grads:
            torch._foreach_mul_(grads, self.place.world / number)
        mean: Tensor = total / number
        return mean

    def numbers(self) -> dict[str, float]:
        """What is logged beside the loss: the norm before it was clipped, and the loss function's own."""
        norm = {} if self.norm is None else {"grad_norm": float(self.norm)}
        return norm | {name: float(torch.as_tensor(x).detach()) for name, x in self.logs.items()}

    def precision(self) -> Any:
        """Autocast, where a narrower dtype was asked for."""
        if self.autocast in (None, torch.float32):
            return nullcontext()
        return torch.autocast(self.weights[0].device.type, self.autocast)
