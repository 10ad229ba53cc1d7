"""What is the case when a neuron fires: the mean of each feature there (a mean board), beside its mean everywhere."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.tallies import activations_of
from glassworks.trace.trace import Trace

ROWS = ("model", "shuffled features")


@public
@torch.no_grad()
def neuron_features(
    model: nn.Module,
    inputs: Shaped[Tensor, "B ..."],
    features: Shaped[Tensor, "N ... P"],
    point: str,
    *,
    neurons: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    keep: Bool[Tensor, "N2 ..."] | None = None,
    above: float = 0.0,
    batch_size: int = 64,
    seed: int = 0,
) -> Trace:
    """Average features over the places where each neuron fires.

    The control deals the features of a batch out to its places anew: how far its means stray from the mean everywhere
    is what so few firings do by chance.

    Args:
        model: any module whose `point` has its neurons along the last axis, or along the channels of a map.
        inputs: what it takes, one example a row.
        features: numbers for each place of the point, such as the squares of a board, (B, T, P) or (B, P), or
            (B, H, W, P) for a map.
        point: as `capture` takes it; one only.
        neurons: which; None = all. Their numbers become the labels of the axis neuron.
        names: of the features.
        keep: true where a place counts; None = everywhere.
        above: a neuron fires where its activation is above this.
        batch_size: inputs to a forward pass.
        seed: deals the features out.

    Arrays, where row is "model" or "shuffled features":
        firing_mean (row, neuron, feature): NaN for a neuron that never fires.
        mean (feature): everywhere.
        num_firing (neuron): places.
    """
    mask = torch.ones(features.shape[:-1], dtype=torch.bool) if keep is None else keep.cpu()
    if len(features) != len(inputs) or mask.shape != features.shape[:-1] or not mask.any():
        shapes = f"inputs {tuple(inputs.shape)}, features {tuple(features.shape)} and keep {tuple(mask.shape)}"
        raise ValueError(f"{shapes} must begin with the same axes and count some place")
    P = features.size(-1)
    if names is not None and len(names) != P:
        raise ValueError(f"names (of {len(names)}) must name the {P} features")
    generator = torch.Generator().manual_seed(seed)
    total, fired = torch.zeros(P, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
    sums: list[Tensor] = []
    for first in range(0, len(inputs), batch_size):
        some = slice(first, first + batch_size)
        if not mask[some].any():
            continue
        a = activations_of(model, inputs[some], point, neurons)
        if a.shape[:2].numel() != mask[some].numel():
            raise ValueError(
                f"{point} gives {tuple(a.shape)} for features {tuple(features[some].shape)}: they must agree"
            )
        fires = (a.flatten(0, 1).cpu()[mask[some].flatten()] > above).float()  # (places, F)
        x = features[some].cpu()[mask[some]].float()
        mixed = x[torch.randperm(len(x), generator=generator)]
        parts = [(fires.T @ y).double() for y in (x, mixed)]
        sums = [old + new for old, new in zip(sums, parts, strict=True)] if sums else parts
        number = fires.sum(0, dtype=torch.float64).long()
        fired = fired + number if len(fired) else number
        total += x.sum(0, dtype=torch.float64)
    means = torch.stack(sums) / torch.where(fired > 0, fired, torch.nan)[:, None]
    labels = {"row": list(ROWS), "neuron": [str(i) for i in (range(len(fired)) if neurons is None else neurons)]}
    return Trace(
        method="neuron_features",
        arrays={
            "firing_mean": means.float().numpy(),
            "mean": (total / int(mask.sum())).float().numpy(),
            "num_firing": fired.numpy().astype(np.int64),
        },
        axes={"firing_mean": ("row", "neuron", "feature"), "mean": ("feature",), "num_firing": ("neuron",)},
        labels=labels if names is None else labels | {"feature": list(names)},
        meta={"point": point, "above": above, "num_places": int(mask.sum()), "seed": seed},
    )
