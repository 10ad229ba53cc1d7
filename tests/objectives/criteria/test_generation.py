"""Losses of what is made: what the survey has wrong, and what they teach."""

import math

import pytest
import torch
from torch import Generator, Tensor, nn

from glassworks.objectives.criteria.depth import berhu, scale_invariant, scale_shift_invariant
from glassworks.objectives.criteria.generation import (
    contrastive_divergence,
    critic_gradients,
    generator,
    gradient_penalty,
    kl_divergence,
    wasserstein_critic,
)
from glassworks.objectives.criteria.sequences import ctc


def slope(loss: Tensor, at: Tensor) -> float:
    return torch.autograd.grad(loss, at)[0].sum().item()


def test_survey_kl_is_defined_where_p_is_0() -> None:
    q = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    p = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    assert kl_divergence(q.log(), p).item() == pytest.approx(0.5 * math.log(2))


def test_survey_minimax_is_the_form_that_saturates() -> None:
    """The survey labels it non-saturated: where the judge is sure, its slope is nothing."""
    sure = torch.full((1,), -12.0, requires_grad=True)
    assert abs(slope(generator(sure, kind="minimax"), sure)) < 1e-5
    assert slope(generator(sure), sure) == pytest.approx(-1, abs=1e-4)
    with pytest.raises(ValueError, match="must be non-saturating or minimax"):
        generator(sure, kind="hinge")


def test_survey_wasserstein_critic_has_the_sign_of_a_climb() -> None:
    """A step down the loss raises what is true over what is made; down the survey's it does the contrary."""
    weight = torch.zeros(1, requires_grad=True)
    true, made = torch.full((4,), 1.0), torch.full((4,), -1.0)
    stepped = -slope(wasserstein_critic(weight * true, weight * made), weight)
    assert stepped * true.mean() > stepped * made.mean()
    survey = -slope((weight * true).mean() - (weight * made).mean(), weight)
    assert survey * true.mean() < survey * made.mean()


def test_survey_contrastive_divergence_has_its_sign_reversed() -> None:
    """Of p in proportion to exp(-E), E = w (x - 2)²: data around 2 want w to grow, and the mean of ∂E to fall to it."""
    draw = Generator().manual_seed(0)
    w = torch.tensor([0.5], requires_grad=True)
    data = 2 + 0.1 * torch.randn(4000, generator=draw)
    made = 2 + torch.randn(4000, generator=draw)  # of the model itself: variance 1 / 2w
    down = -slope(contrastive_divergence(w * (data - 2).square(), w * (made - 2).square()), w)
    assert down > 0

    def likelihood(weight: float) -> float:
        return (-weight * (data - 2).square() + 0.5 * math.log(weight / math.pi)).mean().item()

    assert likelihood(0.5 + 0.01 * down) > likelihood(0.5) > likelihood(0.5 - 0.01 * down)


def test_a_critic_whose_slope_is_one_has_no_penalty_and_weights_learn_by_it() -> None:
    critic = nn.Linear(3, 1, bias=False)
    true, made = torch.randn(5, 3), torch.randn(5, 3)
    gradients = critic_gradients(critic, true, made, Generator().manual_seed(0))
    length = critic.weight.norm().item()
    assert gradient_penalty(gradients).item() == pytest.approx((length - 1) ** 2, rel=1e-4)
    gradient_penalty(gradients).backward()
    assert critic.weight.grad is not None
    assert critic.weight.grad.any()


def test_survey_scale_invariant_is_over_n_as_eigens() -> None:
    """All of one ratio e: (1 - λ) by 1 / n. With the survey's 1/2 Σ it would grow with the image."""
    for size in (2, 8):
        true = torch.ones(1, size, size, dtype=torch.float64)
        assert scale_invariant(math.e * true, true).item() == pytest.approx(0.5)
        assert scale_invariant(math.e * true, true, variance=1.0).item() == pytest.approx(0)


def test_berhu_joins_at_its_delta_and_is_squared_beyond() -> None:
    true = torch.zeros(1, 1, 3, dtype=torch.float64)
    made = torch.tensor([[[2.0, 2 + 1e-9, 10.0]]], dtype=torch.float64)
    assert berhu(made, true, reduction="none").flatten().tolist() == pytest.approx([2, 2, 26])
    assert berhu(true[:, :, :0], true[:, :, :0], reduction="sum").item() == 0


def test_scale_and_shift_are_free_but_slopes_at_scales_are_not() -> None:
    draw = Generator().manual_seed(0)
    made, true = torch.rand(2, 1, 8, 8, generator=draw, dtype=torch.float64)
    coarse = [scale_shift_invariant(made, true, scales=n).item() for n in (0, 1, 2, 3)]
    assert coarse == sorted(coarse)
    assert len(set(coarse)) == 4


def test_the_gradient_of_ctc_is_right_through_a_softmax() -> None:
    logits = torch.randn(4, 2, 3, generator=Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    rest = torch.tensor([[1, 2], [1, 1]]), torch.tensor([4, 4]), torch.tensor([2, 2])
    assert torch.autograd.gradcheck(lambda x: ctc(x.log_softmax(2), *rest), logits)
    short = ctc(logits.log_softmax(2), rest[0], torch.tensor([4, 2]), rest[2], reduction="none")
    assert torch.isinf(short).tolist() == [False, True]  # one 1, a blank and one 1 take three steps
