"""Hebbian learning: hidden layers learn what is often in their inputs, the last by the delta rule.

    u = W (x - m),   ΔW_k = rate / <y_k> · <y_k (x - m - u_k W_k)>,         y = softmax(sharpness · u)      soft
                     ΔW_k = rate / <u_k²> · <u_k (x - m - sum over j <= k of u_j W_j)>                      sanger

m is the mean of the inputs so far, < > that over a batch (and all places: a convolution reads patches). The first term
is Hebb's: a weight grows by the product of what it joins. The last is Oja's, which keeps each row's length at 1; of one
row, it makes the first principal component. What makes rows differ is another matter. In `sanger` each leaves those
before it out, so that row k becomes the k-th principal component; dividing by <u_k²> lets all come at one rate, however
little of the variance is theirs. In `soft` the rows compete for each input (of length 1 there), and each comes to point
at the middle of the inputs that it wins. Behind a ReLU such features are worth more: of MNIST's digits 8 % are
answered wrongly with 256 of them, 11 % with principal components or random ones (ridge regression on them; ± 0.6).
In a stack of convolutions they are worth less than random ones: a small VGG of width 8, after 120 steps of 64 digits,
answers 48 % wrongly, and 26 with hidden layers as they were drawn (± 1.1).

No layer knows of the targets, or of the layers above, but the last, which moves down the gradient of the loss by Adam.
The module's weights are W over one number a layer, by which its outputs have mean square 1; biases take m away.

Sources: Oja 1982, "A simplified neuron model as a principal component analyzer", J. Math. Biology 15; Sanger 1989,
"Optimal unsupervised learning in a single-layer linear feedforward neural network", Neural Networks 2; Moraitis et al.
2022, "SoftHebb", https://arxiv.org/abs/2107.05747.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.optim.rules.batch import read_batch
from glassworks.optim.rules.chain import Block, Chain, kind, read_chain, refuse_tied
from glassworks.optim.rules.rule import Rule

REMEMBERED = 200
"""Batches over which a mean is taken, at most: layers below change."""


class Hebbian(Rule):
    """Oja's rule with competition for the hidden layers of a chain of nn.Linear and nn.Conv2d."""

    name = "hebbian"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 1e-2,
        seed: int = 0,
        rate: float = 10.0,
        competition: Literal["soft", "sanger"] = "soft",
        sharpness: float = 80.0,
    ) -> None:
        """Nothing is drawn: `seed` changes nothing.

        Args:
            model: a chain (`read_chain`) with a hidden layer; all are nn.Linear or plain nn.Conv2d.
            lr: of Adam, for the last layer.
            seed: as of every rule.
            rate: of the hidden layers, in units of lr, with which a schedule moves it.
            competition: what makes rows differ: soft or sanger.
            sharpness: of soft; larger = fewer rows learn of an input.
        """
        if competition not in ("soft", "sanger"):
            raise ValueError(f"competition (={competition!r}) must be soft or sanger")
        for name, value in (("rate", rate), ("sharpness", sharpness)):
            if not value > 0:
                raise ValueError(f"{name} (={value}) must be above 0")
        own = {"rate": rate, "competition": competition, "sharpness": sharpness}
        super().__init__(model, lr=lr, seed=seed, inner="adam", momentum=0.9, weight_decay=0.0, **own)
        self.chain = read_chain(model)
        check_layers(self.chain, self.name, principal=competition == "sanger")

    def teach(self, closure: Any) -> Tensor:
        """Each hidden layer by what it reads, the last by the loss."""
        batch = read_batch(closure, self.model, self.name)
        if not self.memory["steps"]:
            self.chain.check(batch.inputs)
        *hidden, last = self.chain.blocks
        self.zero_grad()
        read = [self.chain.enter(batch.inputs)]
        with torch.no_grad():
            for block in hidden:
                read.append(block(read[-1]))
        with torch.enable_grad():
            loss = batch.loss(last(read[-1]))
        if loss.isfinite():
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            for block, below in zip(hidden, read[:-1], strict=True):
                if trained(block.layer):
                    self.learn(block, patches(block.layer, below))
            self.descend(last.parameters())
        return loss.detach()

    @torch.no_grad()
    def learn(self, block: Block, read: Float[Tensor, "N D"]) -> None:
        """Move a layer's rows by what it reads, and write them into the module."""
        weight, rate = weight_of(block.layer), min(1.0, self.settings["rate"] * self.settings["lr"])
        rows_at, mean_at, size_at = (f"{what}.{block.name}" for what in ("rows", "mean", "size"))
        if rows_at not in self.memory:
            self.memory[rows_at] = F.normalize(weight.flatten(1), dim=1).contiguous()
            self.memory[mean_at] = torch.zeros_like(read[0])
            self.memory[size_at] = torch.ones_like(read[0, 0])
        rows, mean = self.memory[rows_at], self.memory[mean_at]
        share = 1 / min(self.memory["steps"] + 1, REMEMBERED)
        mean += share * (read.mean(0) - mean)
        centred = read - mean
        outputs = centred @ rows.T
        self.memory[size_at] += share * (outputs.square().mean() - self.memory[size_at])
        if self.settings["competition"] == "sanger":
            rows += rate * principal_move(centred, outputs, rows)
        else:
            rows += rate * competing_move(F.normalize(centred, dim=1), rows, self.settings["sharpness"])
        weight.copy_((rows / (self.memory[size_at] + 1e-12).sqrt()).view_as(weight))
        if isinstance(block.layer.bias, Tensor) and block.layer.bias.requires_grad:
            block.layer.bias.copy_(-weight.flatten(1) @ mean)


def principal_move(
    centred: Float[Tensor, "N D"], outputs: Float[Tensor, "N K"], rows: Float[Tensor, "K D"]
) -> Float[Tensor, "K D"]:
    """Sanger's rule, eq. 3, each row divided by the mean square of its outputs."""
    squares = outputs.T @ outputs
    move = outputs.T @ centred - squares.tril() @ rows
    power = squares.diagonal()[:, None]
    return move / (power + 1e-6 * power.max() + 1e-12)


def competing_move(inputs: Float[Tensor, "N D"], rows: Float[Tensor, "K D"], sharpness: float) -> Float[Tensor, "K D"]:
    """Oja's rule for rows among which each input is shared out. A row that wins nothing stays."""
    outputs = inputs @ rows.T
    shares = (sharpness * outputs).softmax(1)
    move = shares.T @ inputs - (shares * outputs).sum(0)[:, None] * rows
    return move / (shares.sum(0)[:, None] + 1e-3)


def patches(layer: nn.Module, read: Tensor) -> Float[Tensor, "N D"]:
    """What a unit of a layer reads, one row an example, or an example and a place."""
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        columns = F.unfold(read, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # (B, D, places)
        return columns.transpose(1, 2).flatten(0, 1)
    return read.flatten(0, -2)


def weight_of(layer: nn.Module) -> Tensor:
    """Its matrix."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def trained(layer: nn.Module) -> bool:
    """Whether it is to learn."""
    return weight_of(layer).requires_grad


def check_layers(chain: Chain, rule: str, *, principal: bool) -> None:
    """ValueError, by name, for layers that are no matrix, and for more components than there can be."""
    if len(chain.blocks) < 2:
        raise ValueError(f"{rule} teaches hidden layers, and {kind(chain.model)} has none: give it one")
    refuse_tied(chain.blocks, rule)
    for block in chain.blocks[:-1]:
        layer = block.layer
        plain = isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.padding_mode == "zeros"
        if not isinstance(layer, nn.Linear) and not (plain and not isinstance(layer.padding, str)):
            raise ValueError(
                f"{rule} teaches nn.Linear and nn.Conv2d of one group and padding with zeros, and {block.name} is "
                f"{layer}".split("\n")[0]
                + ": take mlp or small_vgg"
            )
        outputs, inputs = weight_of(layer).flatten(1).shape
        if principal and inputs < outputs:
            raise ValueError(
                f"{rule} finds at most {inputs} principal components of what {block.name} reads, and it has {outputs} "
                "outputs: take competition soft, or fewer"
            )
