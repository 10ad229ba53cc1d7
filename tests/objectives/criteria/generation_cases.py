"""What is known of losses of what is made."""

import math

import torch
from scipy.stats import entropy
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor, nn


def normals(draw: Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def distributions(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 5, 4).log_softmax(1), normals(draw, 5, 4).softmax(1)


def same_distributions(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = normals(draw, 5, 4).softmax(1)
    return targets.log(), targets


def codes(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 5, 3), normals(draw, 5, 3)


def standard(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.zeros(5, 3, dtype=torch.float64), torch.zeros(5, 3, dtype=torch.float64)


def kl_of_normals(means: Tensor, logs: Tensor) -> Tensor:
    one = torch.distributions.Normal(means, (logs / 2).exp())
    other = torch.distributions.Normal(torch.zeros_like(means), torch.ones_like(means))
    return torch.distributions.kl_divergence(one, other).sum(1).mean()


def layers(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 2, 3, 4, 4), normals(draw, 2, 3, 4, 4)


def same_layers(draw: Generator) -> tuple[Tensor, Tensor]:
    one = layers(draw)[0]
    return one, one


def moved_places(made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Places of one of both in another order."""
    return made.flip(-1), true


def scores(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 6), normals(draw, 6)


def one_score(draw: Generator) -> tuple[Tensor]:
    return (normals(draw, 6),)


def judged(true: Tensor, made: Tensor) -> Tensor:
    bce = nn.BCEWithLogitsLoss()
    return bce(true, torch.ones_like(true)) + bce(made, torch.zeros_like(made))


LN2 = math.log(2)

CASES = {
    "kl_divergence": Case(
        distributions,
        [((f64([0.5, 0.5]).log(), f64([1, 0])), {}, LN2), ((f64([0.25, 0.75]).log(), f64([0.25, 0.75])), {}, 0.0)],
        same_distributions,
        peers=[
            ({}, nn.KLDivLoss(reduction="batchmean")),
            ({}, lambda q, p: entropy(p.numpy(), q.detach().exp().numpy(), axis=1).mean()),
        ],
        same={"the order of classes": lambda q, p: (q.flip(1), p.flip(1))},
    ),
    "gaussian_kl": Case(
        codes,
        [((f64([2]), f64([0])), {}, 2.0), ((f64([0]), f64([1])), {}, (math.e - 2) / 2)],
        standard,
        learned=2,
        peers=[({}, kl_of_normals)],
        same={"signs of means": lambda m, v: (-m, v)},
    ),
    "perceptual": Case(
        layers,
        [((f64([[1, 2]]), f64([[1, 4]])), {}, 2.0)],
        same_layers,
        peers=[({}, nn.MSELoss())],
        same={"exchange": lambda a, b: (b, a)},
    ),
    "style": Case(
        layers,
        [((f64([[2, 0]]), f64([[0, 0]])), {}, 4.0)],
        same_layers,
        same={"exchange": lambda a, b: (b, a), "where things are": moved_places},
    ),
    "discriminator": Case(
        scores,
        [((f64(0), f64(0)), {}, 2 * LN2)],
        lambda draw: (f64(60, 60), f64(-60, -60)),
        learned=2,
        peers=[({}, judged)],
    ),
    "generator": Case(
        one_score,
        [((f64(0),), {}, LN2), ((f64(0),), {"kind": "minimax"}, -LN2)],
        lambda draw: (f64(60, 60),),
        peers=[({}, lambda made: nn.BCEWithLogitsLoss()(made, torch.ones_like(made)))],
    ),
    "wasserstein_critic": Case(
        scores,
        [((f64(3), f64(1)), {}, -2.0)],
        learned=2,
        same={"what is added to all scores": lambda t, m: (t + 1, m + 1)},
    ),
    "wasserstein_generator": Case(one_score, [((f64(3),), {}, -3.0)]),
    "gradient_penalty": Case(
        lambda draw: (normals(draw, 5, 4),),
        [((f64([3, 4]),), {}, 16.0), ((f64([0.6, 0.8]),), {}, 0.0)],
        lambda draw: (nn.functional.normalize(normals(draw, 5, 4)),),
        same={"a sign": lambda g: (-g,)},
    ),
    "flow_nll": Case(scores, [((f64(-2), f64(1)), {}, 1.0)], learned=2),
    "contrastive_divergence": Case(
        scores,
        [((f64(3), f64(1)), {}, 2.0)],
        learned=2,
        same={"what is added to all energies": lambda t, m: (t + 1, m + 1)},
    ),
}
