"""A deep linear network: matrices one behind the other, perhaps each with a norm, and no nonlinearity.

    [linear, norm] × (depth - 1) · linear

What it computes is one matrix (but for its norms), yet how it trains is that of a deep network, and can be reckoned
with: Saxe et al. 2013 (https://arxiv.org/abs/1312.6120). With 25 layers it is the second network of Santurkar et al.
2018 (https://arxiv.org/abs/1805.11604, section 2), who ask of it what batch norm does.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.norms import bias_before, check_norm, norm_of_vectors
from glassworks.models.vision.config import Norm


class DeepLinear(nn.Sequential):
    """(B, inputs) to (B, outputs).

    Weights are normal with variance 1 / fan-in, which keeps that of what passes forward; biases are 0.

    Args:
        inputs: numbers of an input.
        outputs: numbers that are said of it.
        width: of the layers between.
        depth: matrices, the last among them.
        norm: behind each matrix but the last.
        seed: of the weights.

    Raises: ValueError for sizes that make no network.

    >>> sum(isinstance(layer, nn.Linear) for layer in DeepLinear(10, 2))
    25
    """

    def __init__(
        self, inputs: int, outputs: int, *, width: int = 32, depth: int = 25, norm: Norm = "none", seed: int = 0
    ) -> None:
        for name, value in (("inputs", inputs), ("outputs", outputs), ("width", width), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        check_norm(norm, width, "width")
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # torch draws weights of its own in every layer
            for n in range(1, depth):
                self.add_module(f"linear{n}", nn.Linear(inputs if n == 1 else width, width, bias=bias_before(norm)))
                if norm != "none":
                    self.add_module(f"norm{n}", norm_of_vectors(norm, width))
            self.add_module(f"linear{depth}", nn.Linear(inputs if depth == 1 else width, outputs))
        self.draw(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights."""
        for layer in self:
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(0, 1 / math.sqrt(layer.in_features), generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()

    def product(self) -> Float[Tensor, "K N"]:
        """The one matrix that it is without norms: the product of all, (outputs, inputs)."""
        matrices = [layer.weight for layer in self if isinstance(layer, nn.Linear)]
        whole = matrices[0]
        for matrix in matrices[1:]:
            whole = matrix @ whole
        return whole
