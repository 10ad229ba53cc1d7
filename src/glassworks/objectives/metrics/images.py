"""How good images are that were made: beside a true one, or as a crowd beside a true crowd, by another network."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter  # type: ignore[attr-defined]

Array = np.ndarray


def psnr(target: Float[Array, "*S"], made: Float[Array, "*S"], most: float = 1.0) -> float:
    """10 log₁₀(most² / MSE), in dB; infinite where both are the same.

    >>> round(psnr(np.zeros(4), np.full(4, 0.1)), 6)
    20.0
    """
    error = float(np.square(target - made).mean())
    return float("inf") if error == 0 else float(10 * np.log10(most**2 / error))


def ssim(target: Float[Array, "H W"], made: Float[Array, "H W"], most: float = 1.0, sigma: float = 1.5) -> float:
    """Mean structural similarity under a Gaussian window of 11 pixels (Wang et al. 2004), where it fits.

    Of colours, take the mean of theirs. From -1 to 1. The same as scikit-image's with its `gaussian_weights` and
    `use_sample_covariance=False`.
    """
    if min(target.shape) < 11:
        raise ValueError(f"target has {target.shape[0]} x {target.shape[1]} pixels: the window needs 11 x 11")

    def blurred(values: Array) -> Array:
        found: Array = gaussian_filter(values, sigma, truncate=3.5)[5:-5, 5:-5]
        return found

    x, y = blurred(target), blurred(made)
    xx, yy = blurred(target * target) - x * x, blurred(made * made) - y * y
    xy = blurred(target * made) - x * y
    c1, c2 = (0.01 * most) ** 2, (0.03 * most) ** 2
    return float((((2 * x * y + c1) * (2 * xy + c2)) / ((x * x + y * y + c1) * (xx + yy + c2))).mean())


def inception_score(probabilities: Float[Array, "N K"]) -> float:
    """Exp of the mean KL of each image's classes from those of all (Salimans et al. 2016), from 1 to K."""
    p = np.asarray(probabilities, dtype=np.float64)
    logs = np.log(np.where(p > 0, p, 1)) - np.log(np.where(p > 0, p.mean(0), 1))
    return float(np.exp((p * logs).sum(1).mean()))


def frechet_distance(true: Float[Array, "N D"], made: Float[Array, "M D"]) -> float:
    """|μ - μ'|² + Tr(Σ + Σ' - 2 (Σ Σ')^½) of features: FID, if they are Inception's (Heusel et al. 2017, eq. 6).

    It falls with the number of images by itself: compare at the same. Below as many images as features it means little.
    """
    (one, first), (two, second) = ((each.mean(0), np.cov(each.T, ddof=1)) for each in (true, made))
    roots = np.sqrt(np.linalg.eigvals(np.atleast_2d(first) @ np.atleast_2d(second)).real.clip(min=0)).sum()
    return float(np.square(one - two).sum() + np.trace(np.atleast_2d(first + second)) - 2 * roots)


def kernel_distance(true: Float[Array, "N D"], made: Float[Array, "M D"]) -> float:
    """The squared maximum mean discrepancy under (x y / D + 1)³: KID (Bińkowski et al. 2018); may be below 0.

    Unlike the Fréchet distance its mean does not depend on how many images there are.
    """

    def kernel(one: Array, two: Array) -> Array:
        found: Array = (one @ two.T / one.shape[1] + 1) ** 3
        return found

    within = []
    for each in (true, made):
        values = kernel(each, each)
        within.append((values.sum() - values.trace()) / (len(each) * (len(each) - 1)))
    return float(within[0] + within[1] - 2 * kernel(true, made).mean())
