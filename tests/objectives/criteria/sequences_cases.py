"""What is known of losses of sequences, and of preferences."""

import itertools
import math
from typing import Any

import torch
from tests.objectives.criteria.case import Case, f64
from tests.objectives.criteria.embedding_cases import good_pairs, pairs, scaled, swapped, turned
from torch import Generator, Tensor, nn


def logprobs(draw: Generator, number: int) -> tuple[Tensor, ...]:
    return tuple(-0.2 - 2 * torch.rand(6, generator=draw, dtype=torch.float64) for _ in range(number))


def scores(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(6, generator=draw, dtype=torch.float64), torch.randn(6, generator=draw, dtype=torch.float64)


def far_pairs(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    one, _, alike = good_pairs(draw)
    return one, torch.where(alike[:, None], 2 * one, -one), alike


def spoken(draw: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logs = torch.randn(4, 2, 3, generator=draw, dtype=torch.float64).log_softmax(2)
    return logs, torch.tensor([[1, 2], [1, 1]]), torch.tensor([4, 4]), torch.tensor([2, 2])


def heard(draw: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every path but one is as good as impossible."""
    path = torch.tensor([[1, 2], [0, 0], [2, 2], [2, 0]])
    logs = (80 * nn.functional.one_hot(path, 3).double()).log_softmax(2)
    return logs, torch.tensor([[1, 2], [2, 2]]), torch.tensor([4, 3]), torch.tensor([2, 2])


def over_all_paths(logs: Tensor, targets: Tensor, lengths: Tensor, said: Tensor) -> float:
    """Every path written out and read."""
    found = []
    for n in range(len(targets)):
        total = 0.0
        for path in itertools.product(range(3), repeat=int(lengths[n])):
            text = [k for k, _ in itertools.groupby(path) if k]
            if text == targets[n, : said[n]].tolist():
                total += math.exp(sum(logs[t, n, k].item() for t, k in enumerate(path)))
        found.append(-math.log(total))
    return sum(found) / len(found)


def candidates(draw: Generator) -> tuple[Tensor, Tensor]:
    return -3 * torch.rand(4, 5, generator=draw, dtype=torch.float64), torch.rand(
        4, 5, generator=draw, dtype=torch.float64
    )


def shift(*given: Tensor) -> tuple[Tensor, ...]:
    return tuple(each + 1 for each in given)


def good_or_bad(draw: Generator) -> tuple[Any, ...]:
    return *logprobs(draw, 2), torch.tensor([True, False, True, True, False, False]), f64(0.1, 0.3)


def logsigmoid(x: Tensor) -> Tensor:
    return (1 / (1 + (-x).exp())).log()


COSTS = f64([1, 3])

CASES = {
    "cosine": Case(
        pairs,
        [((f64([1, 0], [1, 0]), f64([0, 1], [2, 0]), torch.tensor([True, False])), {}, 1.0)],
        far_pairs,
        learned=2,
        peers=[({}, lambda a, b, alike: nn.CosineEmbeddingLoss()(a, b, 2.0 * alike - 1))],
        same={"where it is looked from": turned, "how long features are": scaled, "exchange": swapped},
    ),
    "ranking": Case(
        scores,
        [((f64(1, 1), f64(0, 1.5)), {"margin": 0.5}, 0.5)],
        lambda draw: (scores(draw)[0] + 9, scores(draw)[1]),
        learned=2,
        peers=[({"margin": 0.3}, lambda a, b: nn.MarginRankingLoss(0.3)(a, b, torch.ones_like(a)))],
        same={"what is added to all scores": shift},
    ),
    "ctc": Case(
        spoken,
        [
            (
                (
                    torch.full((1, 1, 3), 1 / 3, dtype=torch.float64).log(),
                    torch.tensor([[2]]),
                    torch.tensor([1]),
                    torch.tensor([1]),
                ),
                {},
                math.log(3),
            )
        ],
        heard,
        peers=[({}, over_all_paths), ({}, lambda x, y, n, m: 2 * nn.CTCLoss()(x, y, n, m))],
        empty=False,
        made_of="",
        stops=True,
    ),
    "minimum_risk": Case(
        candidates,
        [((f64([0, 0]), COSTS), {}, 2.0), ((f64([math.log(3), 0]), COSTS), {"sharpness": 1.0}, 1.5)],
        peers=[({"sharpness": 1.0}, lambda p, c: ((p.exp() * c).sum(1) / p.exp().sum(1)).mean())],
        same={"what is added to all log-probabilities": lambda p, c: (p + 2, c)},
    ),
    "reinforce": Case(
        scores, [((f64(-2), f64(0.5)), {}, 1.0)], peers=[({}, lambda p, a: -(p * a).mean())], widens=False
    ),
    "bradley_terry": Case(
        scores,
        [((f64(0), f64(0)), {}, math.log(2))],
        lambda draw: (f64(60), f64(0)),
        learned=2,
        peers=[({}, lambda a, b: -logsigmoid(a - b).mean())],
        same={"what is added to all rewards": shift},
        widens=False,
    ),
    "dpo": Case(
        lambda draw: logprobs(draw, 4),
        [((f64(0), f64(-10), f64(0), f64(0)), {}, math.log1p(math.exp(-1)))],
        lambda draw: (f64(0), f64(-900), f64(0), f64(0)),
        learned=2,
        peers=[({"beta": 0.5}, lambda a, b, c, d: -logsigmoid(0.5 * (a - c - b + d)).mean())],
        same={"what is added to all log-probabilities": shift},
        widens=False,
    ),
    "ipo": Case(
        lambda draw: logprobs(draw, 4),
        [((f64(0), f64(-5), f64(0), f64(0)), {}, 0.0), ((f64(0), f64(0), f64(0), f64(0)), {}, 25.0)],
        lambda draw: (f64(0), f64(-5), f64(0), f64(0)),
        learned=2,
        same={"what is added to all log-probabilities": shift},
        widens=False,
    ),
    "kto": Case(
        good_or_bad,
        [((f64(0, 0), f64(0, 0), torch.tensor([True, False]), f64(0)), {}, 0.5)],
        peers=[],
        widens=False,
    ),
    "orpo": Case(
        lambda draw: logprobs(draw, 2),
        [((f64(-math.log(2)), f64(-math.log(2))), {}, 1.1 * math.log(2))],
        lambda draw: (f64(-1e-9), f64(-30)),
        learned=2,
        widens=False,
    ),
    "simpo": Case(
        lambda draw: logprobs(draw, 2),
        [((f64(-1), f64(-1.5)), {}, math.log(2))],
        lambda draw: (f64(0), f64(-50)),
        learned=2,
        same={"what is added to all log-probabilities": shift},
        widens=False,
    ),
}
