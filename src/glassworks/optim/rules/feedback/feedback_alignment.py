"""Feedback alignment: errors go back layer by layer through weights that were drawn once and never learn.

    error of a layer's input = B^T d,   in the place of W^T d

The forward weights come to lie within 90 degrees of B, so that the gradient is of use (`angle_every` shows it).

Source: Lillicrap, Cownden, Tweed & Akerman 2016, "Random synaptic feedback weights support error backpropagation for
deep learning", https://doi.org/10.1038/ncomms13276.
"""

from typing import Literal

from torch import Tensor, nn

from glassworks.optim.rules.feedback.detour import Feedback, dotted, size_of


class FeedbackAlignment(Feedback):
    """Errors go back layer by layer through weights drawn once. For any module; what has branches, too."""

    name = "feedback_alignment"

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

    def feedback(self, name: str, parameter: str, weight: Tensor) -> Tensor:
        """What stands for this weight on the way back; drawn where it is first asked for."""
        key = f"feedback.{dotted(name, parameter)}"
        if key not in self.memory:
            self.memory[key] = self.drawn(key, weight, size_of(self.layers[name], weight))
        found: Tensor = self.memory[key]
        return found
