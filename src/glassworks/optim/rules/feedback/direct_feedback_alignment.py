"""Direct feedback alignment: the error of the outputs goes to every hidden layer at once, through weights drawn once.

    error of a layer's input = B^T e,   e the error of the model's outputs, in the place of W^T d

so no layer waits for the one above it. A hidden layer's own nonlinearity follows: its weights move by
(B^T e · f'(a)) x^T. Convolutions learn little of it (table of `feedback`).

Source: Nøkland 2016, "Direct feedback alignment provides learning in deep neural networks",
https://arxiv.org/abs/1609.01596, section 2. Published with dropout on the whole of MNIST: 1.45 % of errors.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn

from glassworks.optim.rules.feedback.detour import Feedback


class DirectFeedbackAlignment(Feedback):
    """The error of the outputs goes to each hidden layer at once, through weights drawn once."""

    name = "direct_feedback_alignment"
    error: Tensor | None = None

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 2e-3,
        seed: int = 0,
        inner: Literal["adam", "sgd"] = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        angle_every: int | None = None,
    ) -> None:
        """As of `Feedback`."""
        super().__init__(model, lr, seed, inner, momentum, weight_decay, angle_every)

    @contextmanager
    def detours(self) -> Iterator[list[str]]:
        """As of all; each forward pass has an error of its own."""
        forget = self.model.register_forward_pre_hook(lambda *_: setattr(self, "error", None))
        try:
            with super().detours() as called:
                yield called
        finally:
            forget.remove()
            self.error = None

    def back(self, name: str, layer: nn.Module, given: Tensor, error: Tensor) -> Tensor:
        """B^T e. The first layer that is asked of in a backward pass is the last one: its error is that of outputs."""
        if self.error is None:
            if error.ndim != 2:
                raise ValueError(
                    f"{self.name} takes the error of outputs to all layers, and {name} gives {tuple(error.shape)}: end "
                    "the model with one nn.Linear of (B, outputs)"
                )
            self.error = error
        if len(given) != len(self.error):
            raise ValueError(f"{self.name} needs one error an example, and {name} reads {tuple(given.shape)}")
        size = given[0].numel()
        key = f"feedback.{name}"
        if key not in self.memory:
            outputs = self.error.shape[1]
            self.memory[key] = self.drawn(key, self.weights[0].new_empty(outputs, size), 1 / math.sqrt(outputs))
        feedback: Tensor = self.memory[key]
        if feedback.shape[1] != size:
            raise ValueError(
                f"{self.name} has feedback for {feedback.shape[1]} inputs of {name}, which reads {size}: it needs "
                "inputs of one size, and layers that are used once"
            )
        return (self.error @ feedback.to(error.dtype)).view(given.shape).to(given.dtype)
