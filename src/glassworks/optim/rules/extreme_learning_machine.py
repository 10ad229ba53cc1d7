"""Extreme learning machine: layers stay as they were drawn, but the last, which is solved for by ridge regression.

    W = (H^T H + λ I)^-1 H^T Y,   λ = ridge · mean of H²

H are the activities that the last layer reads of all examples seen, with a 1 for its bias; Y is 1 for an example's
class and 0 for others, or its numbers. The sums H^T H and H^T Y grow from step to step in double precision, so that
after each step the last layer is, to rounding, what ridge regression gives of all batches so far: an epoch is enough.

Layers are run in evaluation mode: dropout off, norms by their running statistics, which do not move.

For classes what W gives are shares, about 0 to 1, and no logits: taken as such they would hold all classes nearly as
likely. So the last layer is W times one number, the sharpness, which changes no answer: that by which a batch has the
least cross-entropy before it is learned, its logarithm averaged over the last 20 batches (temperature scaling, Guo et
al. 2017, https://arxiv.org/abs/1706.04599, section 4.2, on what was not seen yet).

Source: Huang, Zhu & Siew 2006, "Extreme learning machine: theory and applications", Neurocomputing 70; with λ, Huang et
al. 2012, IEEE Trans. SMC-B 42(2); Schmidt, Kraaijveld & Duin 1992 before them.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from glassworks.optim.rules.batch import Batch, read_batch
from glassworks.optim.rules.chain import Block, evaluating, kind, read_chain, refuse_tied
from glassworks.optim.rules.rule import Rule

REMEMBERED, MOST = 20, 100.0
"""Batches over which the sharpness is averaged, at most; and the largest that it may be."""


class ExtremeLearningMachine(Rule):
    """Ridge regression on random features, of a chain of layers that ends with an nn.Linear."""

    name = "extreme_learning_machine"

    def __init__(self, model: nn.Module, *, lr: float = 1.0, seed: int = 0, ridge: float = 0.01) -> None:
        """What is drawn are the model's own weights: `seed` changes nothing. Nor does `lr`: nothing goes by steps.

        `ridge` is how many examples of mean size λ weighs as much as.
        """
        super().__init__(model, lr=lr, seed=seed, ridge=ridge)
        if not ridge > 0:
            raise ValueError(f"ridge (={ridge}) must be above 0: without it the sums of few examples have no inverse")
        self.chain = read_chain(model)
        self.head = head_of(self.chain.blocks[-1], self.name, model)
        refuse_tied(self.chain.blocks, self.name)

    @torch.no_grad()
    def teach(self, closure: Any) -> Tensor:
        """Add a batch to the sums, and solve."""
        batch = read_batch(closure, self.model, self.name)
        if not self.memory["steps"]:
            self.chain.check(batch.inputs)
        with evaluating(self.model):
            read = self.chain.enter(batch.inputs)
            for block in self.chain.blocks[:-1]:
                read = block(read)
            outputs = self.chain.blocks[-1](read)
            targets = self.targets(batch, outputs)
        loss = batch.loss(outputs)
        if loss.isfinite():
            if not batch.targets.is_floating_point():
                self.sharpen(outputs, batch.targets)
            self.add(read.double(), targets.double())
            self.solve()
        return loss

    def targets(self, batch: Batch, outputs: Tensor) -> Float[Tensor, "B K"]:
        """What the head is to say: indicators of classes, or numbers, in units of its own output."""
        if not batch.targets.is_floating_point():
            return nn.functional.one_hot(batch.targets, outputs.shape[1]).to(outputs.dtype)
        told = batch.targets.to(outputs).reshape(len(outputs), -1)
        if told.shape != outputs.shape:
            raise ValueError(
                f"{self.name} has targets of shape {tuple(batch.targets.shape)} for outputs of {tuple(outputs.shape)}: "
                "give one number for each output"
            )
        nought, one = torch.zeros_like(outputs), torch.ones_like(outputs)
        offset, unit = self.chain.blocks[-1].follow(nought), self.chain.blocks[-1].follow(one)
        return (told - offset) / (unit - offset)

    def sharpen(self, outputs: Float[Tensor, "B K"], targets: Int64[Tensor, " B"]) -> None:
        """Let the sharpness follow that of a batch that was not learned yet."""
        if "examples" not in self.memory:  # the last layer is as it was drawn
            return
        before = self.memory.get("sharpness", 1.0)
        change = math.log(sharpness(outputs.double() / before, targets) / before)
        self.memory["sharpness"] = before * math.exp(change / min(self.memory["steps"], REMEMBERED))
        self.last["sharpness"] = self.memory["sharpness"]

    def add(self, read: Float[Tensor, "B D"], targets: Float[Tensor, "B K"]) -> None:
        """Add to the sums."""
        self.memory["examples"] = self.memory.get("examples", 0) + len(read)
        if self.head.bias is not None:
            read = torch.cat([read, torch.ones_like(read[:, :1])], 1)
        for name, product in (("squares", read.T @ read), ("products", read.T @ targets)):
            self.memory[name] = product if name not in self.memory else self.memory[name] + product

    def solve(self) -> None:
        """Bring the head to the solution of all that was seen. The bias is not shrunk."""
        width, squares = self.head.in_features, self.memory["squares"]
        penalty = torch.zeros_like(squares[0])
        penalty[:width] = self.settings["ridge"] * squares.diagonal()[:width].mean() / self.memory["examples"]
        factor = torch.linalg.cholesky(squares + penalty.diag())
        found = torch.cholesky_solve(self.memory["products"], factor) * self.memory.get("sharpness", 1.0)
        self.head.weight.copy_(found[:width].T)
        if self.head.bias is not None:
            self.head.bias.copy_(found[width])


def sharpness(shares: Float[Tensor, "B K"], targets: Int64[Tensor, " B"]) -> float:
    """The number from 1 to `MOST` times which shares are logits of the least cross-entropy, which is convex in it."""
    low, high, right = 0.0, math.log(MOST), shares.gather(1, targets[:, None]).mean()
    for _ in range(20):
        middle = (low + high) / 2
        slope = ((math.exp(middle) * shares).softmax(1) * shares).sum(1).mean() - right
        low, high = (middle, high) if slope < 0 else (low, middle)
    return math.exp(middle)


def head_of(block: Block, rule: str, model: nn.Module) -> nn.Linear:
    """The last layer, where it is linear with at most a change of unit behind it; ValueError where it is not."""
    head = block.layer
    if not isinstance(head, nn.Linear):
        raise ValueError(
            f"{rule} solves for the last layer, which is {type(head).__name__} {block.name!r} in {kind(model)}: end it "
            "with an nn.Linear"
        )
    if not all(p.requires_grad for p in head.parameters()):
        raise ValueError(f"{rule} trains {block.name!r} alone, and it is frozen: let its weights want gradients")
    direction = torch.linspace(0.5, 1, head.out_features, dtype=head.weight.dtype, device=head.weight.device)
    with torch.no_grad(), evaluating(model):
        said = block.follow(torch.stack([0 * direction, direction, 3 * direction]))
    if said.shape[0] != 3 or not torch.allclose(said[2] - said[0], 3 * (said[1] - said[0]), rtol=1e-4):
        raise ValueError(
            f"{rule} solves for the last layer, and {type(block.after[-1]).__name__} behind {block.name!r} is more "
            "than a change of unit: leave it to the loss"
        )
    return head
