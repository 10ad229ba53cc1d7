"""Deep residual networks: Fixup beside batch norm, and beside what has neither."""

import copy
import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from glassworks.models.initialisation.names import Scheme
from glassworks.reproductions.initialisation.deep import Batch, Training, best_of, drawn, residual, train

RATES = (0.1, 0.01, 0.001)
"""Learning rates, of which the best counts."""
BIASES = 0.05
"""σ_b² of the networks with tanh whose weights' variance is varied, as Schoenholz et al. 2017 have it."""
NETWORKS: dict[str, tuple[Scheme, bool, str]] = {
    "default": ("default", False, "torch's default"),
    "he": ("he", False, "he"),
    "fixup": ("fixup", False, "fixup"),
    "batch_norm": ("he", True, "he with batch norm"),
}
"""The scheme, whether there are batch norms, and what it is called."""


def network(name: str, blocks: int, data: Batch, seed: int) -> nn.Module:
    """A residual network of so many blocks, drawn."""
    scheme, norm, _ = NETWORKS[name]
    return drawn(residual(blocks, norm=norm), scheme, data, seed)


def measure(name: str, blocks: int, data: Batch, steps: int, seeds: Sequence[int]) -> dict[str, Any]:
    """The training loss after all steps at the best learning rate: its mean over seeds, and each.

    There is none of a network that stays finite with no learning rate.
    """
    found = list[Training]()
    for seed in seeds:
        model = network(name, blocks, data, seed)
        found.append(best_of([train(copy.deepcopy(model), data, rate, steps, seed, whole=True) for rate in RATES]))
    finite = all(math.isfinite(one.loss) for one in found)
    return {
        "losses": [one.loss if math.isfinite(one.loss) else None for one in found],
        "loss": sum(one.loss for one in found) / len(found) if finite else None,
        "trained": all(one.trained for one in found),
        "rates": [one.rate for one in found],
    }
