"""Feedback alignment: errors go back layer by layer through weights that were drawn once and never learn.

    error of a layer's input = B^T d,   in the place of W^T d

The forward weights come to lie within 90 degrees of B, so that the gradient is of use (`angle_every` shows it).

Source: Lillicrap, Cownden, Tweed & Akerman 2016, "Random synaptic feedback weights support error backpropagation for
deep learning", https://doi.org/10.1038/ncomms13276.
"""

from torch import Tensor, nn

from glassworks.optim.rules.feedback import Feedback, dotted, matrices, size_of, through


class FeedbackAlignment(Feedback):
    """Errors go back layer by layer through weights drawn once. For any module; what has branches, too."""

    name = "feedback_alignment"

    def back(self, name: str, layer: nn.Module, given: Tensor, error: Tensor) -> Tensor:
        """B^T d."""
        return through(layer, given, error, {p: self.feedback(name, p, weight) for p, weight in matrices(layer)})

    def feedback(self, name: str, parameter: str, weight: Tensor) -> Tensor:
        """What stands for this weight on the way back; drawn where it is first asked for."""
        key = f"feedback.{dotted(name, parameter)}"
        if key not in self.memory:
            self.memory[key] = self.drawn(key, weight, size_of(weight))
        found: Tensor = self.memory[key]
        return found
