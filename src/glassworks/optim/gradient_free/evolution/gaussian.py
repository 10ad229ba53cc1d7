"""What searches with normal noise share: candidates of which any can be drawn by themselves, ranks, weighted sums.

A candidate is x_i = mean + sigma * e_i; mean and sigma are vectors. All that is learned of a generation are weights w_i
by the ranks of its losses, and two sums over the candidates' distances from the mean, d_i = x_i - mean:

    sum of w_i d_i    and    sum of w_i d_i^2

Both are taken in blocks of a fixed size, so that they are the same to the bit where candidates of more numbers than
memory holds are drawn a second time, part by part.
"""

import math
from collections.abc import Iterator
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.optim.gradient_free.search import Candidates

BLOCK = 2**18
"""Numbers that are worked on at once: few enough to stay in a core's cache, enough that calls cost nothing."""


def drawn(
    key: int, rows: range, mean: Float[Tensor, " D"], sigma: Float[Tensor, " D"], *, half: int | None = None
) -> Float[Tensor, "rows D"]:
    """Some candidates of the population that a key names.

    `half` makes pairs: from this row on, the noise is that of the rows from 0 on with the sign turned.
    """
    out = mean.new_empty(len(rows), len(mean))
    for part in blocks(rows.stop if half is None else half, len(mean)):
        places = (
            [(1, part, 0)] if half is None else [(1, part, 0), (-1, range(part.start + half, part.stop + half), half)]
        )
        wanted = [(sign, overlap(place, rows), shift) for sign, place, shift in places if overlap(place, rows)]
        if wanted:
            noise = normal(key, part, mean)
        for sign, place, shift in wanted:
            own = noise[place.start - shift - part.start : place.stop - shift - part.start]
            torch.addcmul(mean, own, sigma, value=sign, out=out[place.start - rows.start : place.stop - rows.start])
    return out


def normal(key: int, rows: range, mean: Float[Tensor, " D"]) -> Float[Tensor, "rows D"]:
    """Some rows of normal numbers that a key names, as many and of the kind of the mean's."""
    from glassworks.optim.gradient_free.noise import normals  # which loads numba

    return normals(key, rows, len(mean), mean.device).to(mean.dtype)


def moments(
    candidates: Candidates, mean: Float[Tensor, " D"], weights: Float[Tensor, " P"]
) -> tuple[Float[Tensor, " D"], Float[Tensor, " D"]]:
    """The sums over candidates of their weights times d and d^2, with d their distances from the mean."""
    first, second = torch.zeros_like(mean), torch.zeros_like(mean)
    for part in blocks(len(weights), len(mean)):
        x, w = candidates[part.start : part.stop], weights[part.start : part.stop]
        if x.device.type == "cpu" and x.dtype == torch.float32:
            from glassworks.optim.gradient_free.evolution.sums import add_moments  # which loads numba

            add_moments(x.contiguous(), mean, w.contiguous(), first, second)
        else:
            d = x - mean
            first.addmv_(d.T, w)
            second.addmv_(d.square_().T, w)
    return first, second


def centred_ranks(losses: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """Ranks from -1/2, the smallest loss, to 1/2, the largest (Salimans et al. 2017, section 2.1)."""
    return ranked(losses, centred(len(losses)))


@cache
def centred(n: int) -> Float[Tensor, " n"]:
    """-1/2 to 1/2; of a single one, 0."""
    weights = torch.linspace(-0.5, 0.5, n, dtype=torch.float64)
    return weights - weights.mean()


def utilities(losses: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """max(0, log(P / 2 + 1) - log(rank)), made to sum to 1, less 1 / P (Wierstra et al. 2014, section 3.1).

    The smallest loss has most, and the worse half all the same.
    """
    return ranked(losses, logarithmic(len(losses)))


@cache
def logarithmic(n: int) -> Float[Tensor, " n"]:
    """Of each rank, the utility."""
    weights = (math.log(n / 2 + 1) - torch.arange(1, n + 1, dtype=torch.float64).log()).clamp(min=0)
    return weights / weights.sum() - 1 / n


def ranked(losses: Float[Tensor, " P"], weights: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """The weight of each loss by its rank, `weights` beginning with the smallest loss's; equal losses share theirs.

    >>> ranked(torch.tensor([7.0, 1.0, 7.0]), torch.tensor([-0.5, 0.0, 0.5]))
    tensor([ 0.2500, -0.5000,  0.2500])
    """
    found = losses.cpu()  # where float64 is sure to be
    ordered = found.sort().values
    low, high = torch.searchsorted(ordered, found), torch.searchsorted(ordered, found, right=True)
    total = nn.functional.pad(weights.cumsum(0), (1, 0))
    return ((total[high] - total[low]) / (high - low)).to(losses)


def least_sigma(sigma: Float[Tensor, " D"]) -> float:
    """The smallest that a sigma may be: its square is still a number of its dtype, other than 0."""
    return float(torch.finfo(sigma.dtype).tiny ** 0.5)


def blocks(rows: int, columns: int) -> Iterator[range]:
    """Rows in parts of about `BLOCK` numbers."""
    step = max(1, BLOCK // columns)
    return (range(start, min(start + step, rows)) for start in range(0, rows, step))


def overlap(a: range, b: range) -> range:
    """What is in both."""
    return range(max(a.start, b.start), min(a.stop, b.stop))
