"""Sign-symmetric feedback: errors go back through the signs of the weights as they are now, in other sizes.

    error of a layer's input = (sign(W) · M)^T d,   in the place of W^T d

    uniform, uSF    M is one number a layer, 1 / √fan-out (Liao et al. 2016)
    fixed, frSF     M = |M_0|, sizes drawn once           (Moskovitz et al. 2018, as brSF)
    batch, brSF     M = |M_t|, sizes drawn anew for each batch

Sources: Liao, Leibo & Poggio 2016, "How important is weight symmetry in backpropagation?",
https://arxiv.org/abs/1510.05067; Moskovitz, Litwin-Kumar & Abbott 2018, https://arxiv.org/abs/1812.06488.
"""

from typing import Literal

from torch import Tensor, nn

from glassworks.optim.rules.feedback.detour import Feedback, dotted, size_of

Size = Literal["uniform", "fixed", "batch"]


class SignSymmetric(Feedback):
    """Errors go back layer by layer through the signs of the weights, in other sizes."""

    name = "sign_symmetric"

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float = 2e-3,
        seed: int = 0,
        sizes: Size = "uniform",
        inner: Literal["adam", "sgd"] = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        angle_every: int | None = None,
    ) -> None:
        """`sizes` is which variant: uniform (uSF), fixed (frSF) or batch (brSF); all else as of `Feedback`."""
        if sizes not in ("uniform", "fixed", "batch"):
            raise ValueError(f"sizes (={sizes!r}) must be uniform, fixed or batch")
        super().__init__(model, lr, seed, inner, momentum, weight_decay, angle_every, sizes=sizes)

    def feedback(self, name: str, parameter: str, weight: Tensor) -> Tensor:
        """sign(W) · M. Sizes are drawn where they are first asked for, or in each step."""
        key, std = f"feedback.{dotted(name, parameter)}", size_of(self.layers[name], weight)
        if self.settings["sizes"] == "uniform":
            return weight.detach().sign() * std
        if self.settings["sizes"] == "batch":
            return weight.detach().sign() * self.drawn(key, weight, std, self.memory["steps"]).abs()
        if key not in self.memory:
            self.memory[key] = self.drawn(key, weight, std).abs()
        sizes: Tensor = self.memory[key]
        return weight.detach().sign() * sizes
