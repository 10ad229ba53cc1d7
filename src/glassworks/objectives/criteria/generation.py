"""Losses of what is made: distributions, features of another network, critics, energies; an example each, (N,)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Each = Float[Tensor, " N"]
Rows = Float[Tensor, "N D"]
Maps = Float[Tensor, "N C *S"]


def kl_divergence(log_predictions: Maps, targets: Maps, *, reduction: str = "mean") -> Tensor:
    """Σ_c p ln(p / q) of targets p and predictions ln q, (N, *): torch's; where p is 0 it adds 0.

    Its mean is over examples, where that of `torch.nn.functional.kl_div` is over all numbers.

    >>> kl_divergence(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    return reduced(F.kl_div(wide(log_predictions), wide(targets), reduction="none").sum(1), None, reduction)


def gaussian_kl(means: Rows, log_variances: Rows, *, reduction: str = "mean") -> Tensor:
    """KL from a standard normal, Σ (m² + v - 1 - ln v) / 2 (Kingma & Welling 2014, appendix B)."""
    m, logs = wide(means), wide(log_variances)
    return reduced((m.square() + torch.expm1(logs) - logs).sum(1) / 2, None, reduction)


def perceptual(made: Maps, true: Maps, *, reduction: str = "mean") -> Tensor:
    """The mean squared distance of the features of a layer, of images made and true (Johnson et al. 2016, eq. 2).

    Several layers are added up by whoever takes them.
    """
    return reduced((wide(made) - wide(true)).square().flatten(1).mean(1), None, reduction)


def style(made: Maps, true: Maps, *, reduction: str = "mean") -> Tensor:
    """The squared distance of a layer's Gram matrices: what goes together, wherever (Johnson et al. 2016, eq. 4)."""
    one, two = gram(wide(made)), gram(wide(true))
    return reduced((one - two).square().sum((1, 2)), None, reduction)


def gram(features: Tensor) -> Tensor:
    """Σ f_c f_d over places, by channels and places, (N, C, C)."""
    rows = features.reshape(*features.shape[:2], features.shape[2:].numel())
    return rows @ rows.transpose(1, 2) / rows.shape[1:].numel()


def discriminator(true: Each, made: Each, *, reduction: str = "mean") -> Tensor:
    """-ln σ(f(x)) - ln(1 - σ(f(G(z)))), of scores f (Goodfellow et al. 2014, eq. 1, as a loss)."""
    return reduced(-F.logsigmoid(wide(true)) - F.logsigmoid(-wide(made)), None, reduction)


def generator(made: Each, *, kind: str = "non-saturating", reduction: str = "mean") -> Tensor:
    """-ln σ(f(G(z))), or with "minimax" ln(1 - σ(f(G(z)))), whose slope is nothing where f is sure.

    Goodfellow et al. 2014, section 3.
    """
    if kind not in ("non-saturating", "minimax"):
        raise ValueError(f"kind (={kind!r}) must be non-saturating or minimax")
    made = wide(made)
    return reduced(-F.logsigmoid(made) if kind == "non-saturating" else F.logsigmoid(-made), None, reduction)


def wasserstein_critic(true: Each, made: Each, *, reduction: str = "mean") -> Tensor:
    """F(G(z)) - f(x): going down, what is true is valued above what is made (Arjovsky et al. 2017, eq. 2)."""
    return reduced(wide(made) - wide(true), None, reduction)


def wasserstein_generator(made: Each, *, reduction: str = "mean") -> Tensor:
    """-f(G(z)) (Arjovsky et al. 2017)."""
    return reduced(-wide(made), None, reduction)


def gradient_penalty(gradients: Maps, *, reduction: str = "mean") -> Tensor:
    """(|∇f| - 1)² of a critic's gradients by its input (Gulrajani et al. 2017, eq. 3): `critic_gradients` has them."""
    return reduced((wide(gradients).flatten(1).norm(dim=1) - 1).square(), None, reduction)


def critic_gradients(
    critic: Callable[[Tensor], Tensor], true: Maps, made: Maps, draw: torch.Generator | None = None
) -> Maps:
    """A critic's gradients at places between what is true and what is made, to be differentiated by its weights."""
    share = torch.rand(len(true), generator=draw).to(true).view(-1, *[1] * (true.ndim - 1))
    between = (share * true + (1 - share) * made).detach().requires_grad_()
    (found,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return found


def flow_nll(log_priors: Each, log_determinants: Each, *, reduction: str = "mean") -> Tensor:
    """-ln p(f(x)) - ln |det ∂f/∂x| of an invertible f (Dinh et al. 2015, eq. 1)."""
    return reduced(-wide(log_priors) - wide(log_determinants), None, reduction)


def contrastive_divergence(true: Each, made: Each, *, reduction: str = "mean") -> Tensor:
    """E(x) - E(x̃) of p in proportion to exp(-E): its gradient is that of -ln p (Hinton 2002, eq. 4).

    x̃ comes of x by k steps of a sampler (CD-k), or from where its last ones ended (PCD, Tieleman 2008). Going down,
    energy falls where data are; its value says nothing of how good a fit is.
    """
    return reduced(wide(true) - wide(made), None, reduction)
