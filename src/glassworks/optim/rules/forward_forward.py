"""Forward-Forward: each layer learns to be busy for what is real and quiet for what is not, by two forward passes.

    goodness of a layer   g = mean of its squared activities
    its loss              softplus(s (θ - g_real)) + softplus(s (g_wrong - θ)),   θ = 2, s = slope

An input's first K numbers, one a class, make room for its label: the label's own is twice the largest input, the others
are 0. Real are inputs with their label; wrong are the same ones with another, drawn from what the model holds likely
(so that they are hard). Before the next layer reads them, activities are brought to mean square 1: how good they were
is not handed on. No error goes through a layer; each moves by Adam down its own loss.

How the trained module answers. The published scheme asks it once for each label, and takes the one with the most
goodness of all hidden layers but the first: `goodness(inputs)`. A module's own forward is asked once, and of an input
that has no label: so the last layer is trained on what the hidden ones make of plain inputs, down the gradient of the
loss, as the paper's other way of answering does. That is what evaluation, prediction and a saved model use.

Published for four layers of 2,000 on the whole of MNIST: 1.36 % of errors (paper), 1.47 (its Matlab), 1.45 (loeweX),
6.84 (mpezeshki, the most copied). A sum of squares as goodness is s = the layer's width; with s = 1, layers go on
pushing at what they tell apart already. Of 2,000 digits, after 1,000 steps of 64 of 7,000 others, an MLP of 2 × 256
answers 8 to 9 % wrongly with s = 1 and 4.4 with 10, or 6.0 where all wrong labels are as likely (each ± 0.5).

Source: Hinton 2022, "The forward-forward algorithm: some preliminary investigations",
https://arxiv.org/abs/2212.13345, sections 2 and 3.3.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from glassworks.optim.rules.batch import read_batch
from glassworks.optim.rules.chain import Chain, buffers_kept, evaluating, kind, read_chain, refuse_tied
from glassworks.optim.rules.rule import Rule

LEVELLING = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.Softmax)
"""Layers after which the activities of all examples are about as large."""


class ForwardForward(Rule):
    """Local losses of goodness for the hidden layers of a multi-layer perceptron, the delta rule for the last."""

    name = "forward_forward"

    def __init__(
        self, model: nn.Module, *, lr: float = 2e-3, seed: int = 0, threshold: float = 2.0, slope: float = 10.0
    ) -> None:
        """`threshold` is θ; `slope` is s, how sharply a layer tells good from bad."""
        super().__init__(
            model,
            lr=lr,
            seed=seed,
            threshold=threshold,
            slope=slope,
            inner="adam",
            momentum=0.9,
            weight_decay=0.0,
        )
        for name, value in (("threshold", threshold), ("slope", slope)):
            if not value > 0:
                raise ValueError(f"{name} (={value}) must be above 0")
        self.chain = read_chain(model)
        check_layers(self.chain, self.name)
        self.classes = int(self.chain.blocks[-1].layer.out_features)  # type: ignore[arg-type]

    def teach(self, closure: Any) -> Tensor:
        """The last layer by plain inputs, then each hidden layer by real and by wrong labels."""
        batch = read_batch(closure, self.model, self.name)
        if not self.memory["steps"]:
            self.begin(batch.inputs, batch.targets)
        *hidden, last = self.chain.blocks
        self.zero_grad()
        with torch.no_grad():
            inputs = read = self.chain.enter(batch.inputs)
            for block in hidden:
                read = block(read)
        with torch.enable_grad():
            outputs = last(read)
            loss = batch.loss(outputs)
        if loss.isfinite():
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            self.teach_hidden(inputs, batch.targets, self.wrong(outputs.detach(), batch.targets))
            self.descend()
        return loss.detach()

    def begin(self, inputs: Tensor, targets: Tensor) -> None:
        """Refuse what cannot be told apart so, and see how large a label is to be."""
        if targets.is_floating_point() or targets.ndim != 1:
            raise ValueError(f"{self.name} tells classes apart, and the targets are numbers: take another optimizer")
        self.chain.check(inputs)
        entered = self.chain.enter(inputs)
        if entered.ndim != 2 or entered.shape[1] < self.classes:
            raise ValueError(
                f"{self.name} writes the label into the first {self.classes} numbers of an input, which has the shape "
                f"{tuple(entered.shape[1:])}: flatten it, or give more"
            )
        self.memory["label_size"] = 2 * float(entered.abs().max())

    def wrong(self, outputs: Float[Tensor, "B K"], targets: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """A wrong label for each example, as likely as the model holds it."""
        chances = outputs.double().scatter(1, targets[:, None], -math.inf).softmax(1).cpu()
        drawn = torch.multinomial(chances, 1, generator=self.generator(self.memory["steps"]))
        return drawn.squeeze(1).to(targets.device)

    def teach_hidden(self, inputs: Tensor, targets: Tensor, wrong: Tensor) -> None:
        """Each hidden layer's gradient of its own loss, of real and wrong examples side by side."""
        threshold, slope = self.settings["threshold"], self.settings["slope"]
        both = torch.cat([self.labelled(inputs, targets), self.labelled(inputs, wrong)])
        with buffers_kept(self.model):  # a norm's running statistics are those of plain inputs
            for i, block in enumerate(self.chain.blocks[:-1]):
                with torch.enable_grad():
                    both = block(both)
                    real, other = both.square().mean(1).chunk(2)
                    local = (F.softplus(slope * (threshold - real)) + F.softplus(slope * (other - threshold))).mean()
                if local.requires_grad:
                    local.backward()  # type: ignore[no-untyped-call]
                self.last[f"separated_{i + 1}"] = (real > other).float().mean()
                both = normalised(both.detach())

    def labelled(self, inputs: Float[Tensor, "B D"], labels: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Inputs with a label in the place of their first numbers."""
        marks = F.one_hot(labels, self.classes) * self.memory["label_size"]
        return torch.cat([marks.to(inputs.dtype), inputs[:, self.classes :]], 1)

    @torch.no_grad()
    def goodness(self, inputs: Tensor) -> Float[Tensor, "B K"]:
        """How well each label goes with each input, in evaluation mode: the published way of answering.

        The mean squares of all hidden layers but the first (of the only one, where there is one), summed. A module that
        was not taught yet has no size of a label: ValueError.
        """
        if "label_size" not in self.memory:
            raise ValueError(f"{self.name} has not seen a batch yet: train first")
        hidden, found = self.chain.blocks[:-1], []
        with evaluating(self.model):
            entered = self.chain.enter(inputs)
            for label in range(self.classes):
                read = self.labelled(entered, torch.full((len(entered),), label, device=entered.device))
                goods = []
                for block in hidden:
                    read = block(read)
                    goods.append(read.square().mean(1))
                    read = normalised(read)
                found.append(torch.stack(goods[1:] or goods).sum(0))
        return torch.stack(found, 1)


def normalised(read: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """Each example's activities at mean square 1; all zero stays so."""
    return read / (read.square().mean(1, keepdim=True).sqrt() + 1e-8)


def check_layers(chain: Chain, rule: str) -> None:
    """ValueError, by name, for layers that have no use for the label or for goodness."""
    if len(chain.blocks) < 2:
        raise ValueError(f"{rule} teaches hidden layers, and {kind(chain.model)} has none: give it one")
    for block in chain.blocks:
        if not isinstance(block.layer, nn.Linear):
            raise ValueError(
                f"{rule} writes the label into the first numbers of an input, of which {block.name} "
                f"({type(block.layer).__name__}) sees a corner: take layers of nn.Linear alone, as mlp has"
            )
    refuse_tied(chain.blocks, rule)
    for block in chain.blocks[:-1]:
        if levelling := [type(step).__name__ for step in block.after if isinstance(step, LEVELLING)]:
            raise ValueError(
                f"{rule} reads how large a layer's activities are, and {levelling[0]} behind {block.name} makes them "
                "alike: leave it out, or take BatchNorm1d"
            )
