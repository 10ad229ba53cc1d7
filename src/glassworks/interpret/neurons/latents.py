"""What the latents of a sparse autoencoder fire on: examples as neurons have them, at a point that the model lacks.

The latents become a point of a module around the model, so that whatever is asked of neurons can be asked of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.stream import Batches, parts_of
from glassworks.interpret.access.tallies import activations_of
from glassworks.interpret.neurons.examples import Examples, neuron_examples
from glassworks.interpret.neurons.sae import SAE
from glassworks.trace.trace import Trace


class WithLatents(nn.Module):
    """A model, up to a point, and an autoencoder behind it: its point "latents" is (B, places, latents)."""

    point_axes: ClassVar = {"latents": "B P F -> B P F"}

    def __init__(self, model: nn.Module, sae: SAE, point: str) -> None:
        super().__init__()
        self.model, self.sae, self.point = model, sae, point
        self.latents = nn.Identity()

    def forward(self, inputs: Tensor) -> Float[Tensor, "B P latents"]:
        """The latents at every place of the inputs, 0 where they do not fire."""
        latents: Tensor = self.latents(self.sae.encode(activations_of(self.model, inputs, self.point)))
        return latents


@public
def latent_examples(
    model: nn.Module,
    sae: SAE,
    inputs: Shaped[Tensor, "B ..."],
    held_out: Shaped[Tensor, "M ..."],
    point: str,
    *,
    latents: Sequence[int] | None = None,
    examples: Examples | None = None,
    names: Sequence[str] | None = None,
    keep: Bool[Tensor, "N ..."] | None = None,
    keep_held_out: Bool[Tensor, "N2 ..."] | None = None,
    batch_size: int = 16,
    seed: int = 0,
) -> Trace:
    """Collect what latents fire on, as `neuron_examples` does for neurons; its axis neuron is the latents.

    Args: as `neuron_examples`, and
        sae: fitted to what passes `point` of the model.
        latents: which; None = all.

    A latent's value is in the autoencoder's units: the activations' mean distance from their mean is 1 a coordinate.
    """
    trace = neuron_examples(
        WithLatents(model, sae, point),
        inputs,
        held_out,
        "latents",
        neurons=latents,
        examples=examples,
        names=names,
        keep=keep,
        keep_held_out=keep_held_out,
        batch_size=batch_size,
        seed=seed,
    )
    return replace(trace, meta=trace.meta | {"point": point, "unit": "latent"})


def chosen_latents(frequency: Float[np.ndarray, " latents"], count: int, least: float) -> list[int]:
    """Latents evenly by how often they fire: the middle ones of `count` parts of those that fire at `least`, in order.

    The most frequent part comes first. Where fewer than `count` fire so often, they are of the most frequent ones.

    >>> chosen_latents(np.array([0.0, 0.1, 0.4, 0.3, 0.2]), 2, 0.05)
    [3, 1]
    """
    order = np.argsort(-frequency, kind="stable")
    able = order[frequency[order] >= least]
    able = able if len(able) >= count else order[:count]
    return [int(able[(2 * i + 1) * len(able) // (2 * count)]) for i in range(min(count, len(able)))]


def gathered(batches: Batches, steps: int, count: int | None = None) -> tuple[Tensor, Tensor | None] | None:
    """The inputs of some batches one after the other, and which of their places count; of `count` inputs at the most.

    None where they are no tensors, or not all of one shape.
    """
    inputs, keeps, number = list[Tensor](), list[Tensor](), 0
    for step in range(steps):
        x, keep = parts_of(batches(step))
        if not isinstance(x, Tensor) or (inputs and x.shape[1:] != inputs[0].shape[1:]):
            return None
        inputs.append(x.cpu())
        keeps += [] if keep is None else [keep.cpu()]
        number += len(x)
        if count is not None and number >= count:
            break
    if keeps and (len(keeps) < len(inputs) or any(one.shape[1:] != keeps[0].shape[1:] for one in keeps)):
        return None
    return torch.cat(inputs)[:count], torch.cat(keeps)[:count] if keeps else None
