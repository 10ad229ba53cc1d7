"""Losses of a policy's log-probabilities: by hand, by finite differences, and what they come to on a bandit."""

import math
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
from torch import Tensor

from glassworks.objectives.preferences.dpo import dpo_loss, implicit_rewards
from glassworks.objectives.preferences.ipo import ipo_loss
from glassworks.objectives.preferences.kto import kto_loss
from glassworks.objectives.preferences.orpo import log1mexp, orpo_loss
from glassworks.objectives.preferences.simpo import simpo_loss

DRAW = torch.Generator().manual_seed(0)
WORTH = torch.randn(4, generator=DRAW, dtype=torch.float64)
PRIOR = torch.randn(4, generator=DRAW, dtype=torch.float64).log_softmax(0)
A, B = (
    torch.tensor(x) for x in zip(*[pair for pair in product(range(4), repeat=2) if pair[0] != pair[1]], strict=True)
)
LIKELY = (WORTH[A] - WORTH[B]).sigmoid()  # that A is chosen
BETA = 0.7


def numbers(count: int) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(1)
    return tuple(-2 * torch.rand(6, generator=draw, dtype=torch.float64) - 0.1 for _ in range(count))


def minimised(loss: Callable[..., Tensor]) -> Tensor:
    """The policy whose mean loss over all pairs is the least, each chosen as often as it is preferred."""
    logits = PRIOR.clone().requires_grad_()
    search = torch.optim.LBFGS([logits], max_iter=300, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        logs = logits.log_softmax(0)
        total = (LIKELY * loss(logs[A], logs[B], PRIOR[A], PRIOR[B])).mean()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    search.step(closure)  # type: ignore[arg-type]
    return logits.softmax(0).detach()


def test_dpo_comes_to_what_is_worth_most_at_its_price() -> None:
    expected = (PRIOR + WORTH / BETA).softmax(0)
    torch.testing.assert_close(minimised(partial(dpo_loss, beta=BETA)), expected, atol=1e-5, rtol=0)


def test_dpos_implicit_rewards_are_then_the_worths_but_for_a_number() -> None:
    policy = minimised(partial(dpo_loss, beta=BETA)).log()
    found = implicit_rewards(policy, PRIOR, BETA)
    torch.testing.assert_close(found - found.mean(), WORTH - WORTH.mean(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("flips", [0.1, 0.3])
def test_robust_dpo_comes_to_the_same_where_a_known_share_of_choices_is_wrong(flips: float) -> None:
    def noisy(chosen: Tensor, rejected: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
        loss = partial(dpo_loss, beta=BETA, smoothing=flips, kind="robust")
        return (1 - flips) * loss(chosen, rejected, ours, theirs) + flips * loss(rejected, chosen, theirs, ours)

    torch.testing.assert_close(minimised(noisy), (PRIOR + WORTH / BETA).softmax(0), atol=1e-4, rtol=0)


def test_ipo_comes_to_what_is_chosen_most_often_at_its_price() -> None:
    often = (
        torch.zeros(4, dtype=torch.float64).index_add(0, A, LIKELY) + 0.5
    )  # beside itself it is chosen half the time
    expected = (PRIOR + often / 4 / BETA).softmax(0)
    torch.testing.assert_close(minimised(partial(ipo_loss, beta=BETA)), expected, atol=1e-5, rtol=0)


def test_where_all_choose_alike_ipo_stops_and_dpo_does_not() -> None:
    difference = torch.tensor([1 / (2 * BETA)], dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(1, dtype=torch.float64)
    assert float(torch.autograd.grad(ipo_loss(difference, zero, zero, zero, beta=BETA).sum(), difference)[0]) == 0
    assert float(torch.autograd.grad(dpo_loss(difference, zero, zero, zero, beta=BETA).sum(), difference)[0]) < -0.1


def test_dpo_and_its_kinds_by_hand() -> None:
    pair = [torch.tensor([x]) for x in (-1.0, -4.0, -2.0, -3.0)]  # log ratios 1 and -1
    right, wrong = math.log(1 + math.exp(-0.2)), math.log(1 + math.exp(0.2))
    assert float(dpo_loss(*pair)) == pytest.approx(right)
    assert float(dpo_loss(*pair, smoothing=0.25)) == pytest.approx(0.75 * right + 0.25 * wrong)
    robust = (0.75 * right - 0.25 * wrong) / 0.5
    assert float(dpo_loss(*pair, smoothing=0.25, kind="robust")) == pytest.approx(robust)
    assert float(dpo_loss(*pair, kind="hinge")) == pytest.approx(0.8)
    assert float(ipo_loss(*pair)) == pytest.approx(9.0)
    lengths = torch.tensor([2]), torch.tensor([4])
    assert float(ipo_loss(*pair, lengths=lengths)) == pytest.approx((0.75 - 5) ** 2)


def test_kto_by_hand() -> None:
    logprobs, reference = torch.tensor([-1.0, -1.0]), torch.tensor([-3.0, -3.0])
    good, mismatched = torch.tensor([True, False]), torch.tensor([1.0, 0.0])
    found = kto_loss(logprobs, reference, good, mismatched, beta=0.5, good_weight=1.0, bad_weight=2.0)
    expected = [1 / (1 + math.exp(0.75)), 2 / (1 + math.exp(-0.75))]
    torch.testing.assert_close(found, torch.tensor(expected))
    below = kto_loss(logprobs, reference, good, torch.tensor([-5.0]))  # a reference point below 0 is 0
    torch.testing.assert_close(below, kto_loss(logprobs, reference, good))


def test_orpo_and_simpo_by_hand() -> None:
    chosen, rejected = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.2)])
    odds = (0.5 / 0.5) / (0.2 / 0.8)
    assert float(orpo_loss(chosen, rejected, beta=0.1)) == pytest.approx(math.log(2) + 0.1 * math.log(1 + 1 / odds))
    assert float(simpo_loss(chosen, rejected, beta=2.0, gamma=1.0)) == pytest.approx(
        math.log(1 + math.exp(1 - 2 * math.log(2.5)))
    )


@pytest.mark.parametrize("x", [-1e-6, -1e-3, -0.5, -1.0, -30.0, -80.0])
def test_log1mexp_is_exact_near_0_and_far_from_it(x: float) -> None:
    expected = math.log(-math.expm1(x)) if x > -1 else math.log1p(-math.exp(x))
    assert float(log1mexp(torch.tensor(x, dtype=torch.float64))) == pytest.approx(expected, rel=1e-12)


def test_a_completion_that_is_certain_has_finite_odds_and_gradients() -> None:
    chosen = torch.tensor([0.0, -1e-9], requires_grad=True)
    orpo_loss(chosen, torch.tensor([-1.0, 0.0])).sum().backward()
    assert chosen.grad is not None
    assert bool(chosen.grad.isfinite().all())


LOSSES: dict[str, tuple[Callable[..., Tensor], int]] = {
    "dpo": (dpo_loss, 4),
    "conservative": (partial(dpo_loss, smoothing=0.2), 4),
    "robust": (partial(dpo_loss, smoothing=0.2, kind="robust"), 4),
    "hinge": (partial(dpo_loss, kind="hinge"), 4),
    "ipo": (ipo_loss, 4),
    "kto": (lambda x, y, z: kto_loss(x, y, torch.arange(6) % 2 == 0, z), 3),
    "orpo": (orpo_loss, 2),
    "simpo": (simpo_loss, 2),
}


@pytest.mark.parametrize("name", LOSSES)
def test_finite_differences_agree(name: str) -> None:
    loss, count = LOSSES[name]
    first, *others = numbers(count)
    first.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, *others), (first,))


@pytest.mark.parametrize("name", ["dpo", "hinge", "ipo", "orpo", "simpo"])
def test_what_was_preferred_becomes_likelier_and_the_other_less_likely(name: str) -> None:
    loss, count = LOSSES[name]
    chosen, rejected, *others = (x.requires_grad_() for x in numbers(count))
    loss(chosen, rejected, *others).sum().backward()
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert bool((chosen.grad < 0).all())
    assert bool((rejected.grad > 0).all())


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    pair = numbers(4)
    with pytest.raises(ValueError, match=r"smoothing \(=0.5\) must be from 0 to below 0.5"):
        dpo_loss(*pair, smoothing=0.5, kind="robust")
    with pytest.raises(ValueError, match=r"kind \(='other'\) must be sigmoid, hinge or robust"):
        dpo_loss(*pair, kind="other")  # type: ignore[arg-type]
