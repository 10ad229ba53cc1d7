"""Losses of times until something happens, some of which are cut short."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide


def cox(
    log_hazards: Float[Tensor, " N"],
    times: Float[Tensor, " N"],
    events: Bool[Tensor, " N"],
    *,
    reduction: str = "mean",
) -> Tensor:
    """Cox's partial likelihood: of all who were still there when it happened, how likely it was who it happened to.

    ln Σ exp(h_j) over t_j >= t_i, less h_i, for each i whose event was seen; the mean is over those (Cox 1972, eq. 12;
    ties as Breslow has them). Times matter by their order alone, hazards by their differences. O(N²) memory.
    """
    hazards = wide(log_hazards)
    there = times[None, :] >= times[:, None]  # (N, N): who was there at the time of whom
    among = torch.where(there, hazards[None, :], -torch.inf).logsumexp(1)
    return reduced(among - hazards, None, reduction, events)
