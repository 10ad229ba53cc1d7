"""Identity preference optimization (Azar et al. 2023): a difference to reach, and not one to grow for ever.

    L = ([(log π/ref)(y⁺) - (log π/ref)(y⁻)] - 1 / (2 τ))²                 eq. 17

Where all people choose alike, DPO's best difference is infinite, however large β; this one's is 1 / (2 τ), and where a
share p chooses y⁺ it is (p - ½) / τ.
"""

from jaxtyping import Float, Int
from torch import Tensor


def ipo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    reference_chosen: Float[Tensor, " B"],
    reference_rejected: Float[Tensor, " B"],
    *,
    beta: float = 0.1,
    lengths: tuple[Int[Tensor, " B"], Int[Tensor, " B"]] | None = None,
) -> Float[Tensor, " B"]:
    """The loss of each pair, by the log-probabilities of whole completions; `beta` is the paper's τ.

    With `lengths`, those of chosen and rejected completions in tokens, log ratios are taken a token, as TRL does by its
    authors' advice: otherwise the difference to reach is of whole completions, however long.

    >>> ipo_loss(*torch.tensor([[2.0], [0.0], [0.0], [0.0]]), beta=0.1)
    tensor([9.])
    """
    better, worse = chosen - reference_chosen, rejected - reference_rejected
    if lengths is not None:
        better, worse = (x / n.clamp(min=1) for x, n in zip((better, worse), lengths, strict=True))
    return (better - worse - 1 / (2 * beta)).square()
