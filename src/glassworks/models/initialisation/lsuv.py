"""LSUV: rotations, then every layer scaled until what it gives on a batch has variance 1.

Mishkin & Matas 2016 (https://arxiv.org/abs/1511.06422), algorithm 1. It needs no gain: what an activation, a pooling or
a shortcut does to the variance is measured.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.models.initialisation.draws import draw_orthogonal
from glassworks.models.initialisation.layers import Layer, layers_to_draw, not_called

TOLERANCE = 0.02
"""How far a variance may be from 1."""
PASSES = 10
"""Forward passes, at most. One is enough for layers that run once: each is scaled before the next reads it."""


@torch.no_grad()
def draw_lsuv(model: nn.Module, run: Callable[[], Any], seed: int = 0) -> list[str]:
    """Draw rotations, then scale each layer by a batch; returns in sentences what was not scaled.

    Args:
        model: in the mode in which `run` is to see it; buffers, such as a batch norm's, come back as they were.
        run: a forward pass of the model on a batch: `lambda: model(x)`.
        seed: of the rotations.

    Raises: ValueError for a layer whose outputs are all the same, or not finite, naming it.
    """
    draw_orthogonal(model, seed, gain=1.0)
    layers = layers_to_draw(model)
    buffers = [(b, b.clone()) for b in model.buffers()]
    for _ in range(PASSES):
        seen, changed = scale_by(layers, run)
        for buffer, before in buffers:
            buffer.copy_(before)
        if not changed:
            break
    return not_called([layer for layer in layers if layer not in seen])


def scale_by(layers: list[Layer], run: Callable[[], Any]) -> tuple[set[Layer], bool]:
    """One pass, in which each layer is scaled when it first runs; which have run, and whether any was scaled."""
    seen = set[Layer]()
    changed = False

    def hook(layer: Layer, output: Tensor) -> Tensor | None:
        nonlocal changed
        if layer in seen:
            return None
        seen.add(layer)
        variance = float(output.float().var(correction=0))
        if not 0 < variance < float("inf"):
            raise ValueError(
                f"the outputs of layer {layer.name} on this batch have variance {variance}, and cannot be scaled to 1: "
                "give a batch of several examples that differ"
            )
        if abs(variance - 1) <= TOLERANCE:
            return None
        changed = True
        layer.weight.div_(variance**0.5)
        scaled: Tensor = output / variance**0.5
        return scaled

    with ExitStack() as stack:
        for layer in layers:
            taken = layer.module.register_forward_hook(lambda _, __, output, layer=layer: hook(layer, output))
            stack.callback(taken.remove)
        run()
    return seen, changed
