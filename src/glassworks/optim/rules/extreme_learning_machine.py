"""Extreme learning machine: layers stay as they were drawn, but the last, which is solved for by ridge regression.

    W = (H^T H + λ I)^-1 H^T Y,   λ = ridge · mean of H²

H are the activities that the last layer reads of all examples seen, with a 1 for its bias; Y is 1 for an example's
class and 0 for others, or its numbers. The sums H^T H and H^T Y grow from step to step in double precision, so that
after each step the last layer is, to rounding, what ridge regression gives of all batches so far: an epoch is enough.

Layers are run in evaluation mode: dropout off, norms by their running statistics, which do not move. Outputs for
classes estimate a probability each and are no logits: the answer is what they rank first, and their cross-entropy is
large.

Source: Huang, Zhu & Siew 2006, "Extreme learning machine: theory and applications", Neurocomputing 70; with λ, Huang et
al. 2012, IEEE Trans. SMC-B 42(2); Schmidt, Kraaijveld & Duin 1992 before them.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.optim.rules.batch import Batch, read_batch
from glassworks.optim.rules.chain import Block, evaluating, kind, read_chain, refuse_tied
from glassworks.optim.rules.rule import Rule


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
                f"{self.name} has targets of shape {tuple(batch.targets.shape)} for outputs of {tuple(outputs.shape)}"
            )
        nought, one = torch.zeros_like(outputs), torch.ones_like(outputs)
        offset, unit = self.chain.blocks[-1].follow(nought), self.chain.blocks[-1].follow(one)
        return (told - offset) / (unit - offset)

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
        found = torch.cholesky_solve(self.memory["products"], factor)
        self.head.weight.copy_(found[:width].T)
        if self.head.bias is not None:
            self.head.bias.copy_(found[width])


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
