"""A network beside itself: the same weights in modules of their own, for work during which others use the network."""

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import nn

Net = TypeVar("Net", bound=nn.Module)


def twin(model: Net, between: Callable[[], None]) -> Net:
    """The same network with hooks and modes of its own, and no memory for weights; `between()` runs before each layer.

    Taps, which are `nn.Identity`, have no hook: attention is fused where nobody looks at its pattern.
    """
    found = copy.deepcopy(model, {id(x): x for x in (*model.parameters(), *model.buffers())})
    for module in found.modules():
        if not isinstance(module, nn.Identity):
            module.register_forward_pre_hook(lambda *_: between())
    return found
