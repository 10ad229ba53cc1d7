"""Losses of boxes: what the survey has wrong, and where they have a gradient."""

import math

import pytest
import torch
from torch import Tensor

from glassworks.objectives.criteria.boxes import ciou_loss, diou_loss, giou_loss, iou_loss
from glassworks.objectives.criteria.detection import balanced_l1, smooth_l1

ZERO = torch.zeros(1, dtype=torch.float64)


def at(x: float) -> Tensor:
    return torch.tensor([x], dtype=torch.float64)


def survey_smooth_l1(r: float, beta: float) -> float:
    """As printed: its equation 77."""
    return r**2 / 2 if abs(r) < beta else abs(r) - beta / 2


@pytest.mark.parametrize(("beta", "below", "beyond"), [(0.5, 0.125, 0.25), (2.0, 2.0, 1.0)])
def test_survey_smooth_l1_jumps_and_ours_does_not(beta: float, below: float, beyond: float) -> None:
    assert survey_smooth_l1(beta - 1e-9, beta) == pytest.approx(below)
    assert survey_smooth_l1(beta, beta) == pytest.approx(beyond)
    ours = [smooth_l1(ZERO, at(x), beta=beta).item() for x in (beta - 1e-9, beta)]
    assert ours == pytest.approx([beta / 2] * 2)


def survey_balanced_l1(r: float, beta: float, alpha: float = 0.5, gamma: float = 1.5) -> float:
    """As printed, its equation 78: the second branch is BerHu's, and stands where the first should."""
    b = math.expm1(gamma / alpha)
    if abs(r) < beta:
        return (r**2 + beta**2) / (2 * beta)
    return alpha / b * (b * abs(r) + 1) * math.log(b * abs(r) / beta + 1) - alpha * abs(r)


def test_survey_balanced_l1_is_not_0_at_a_perfect_fit_and_ours_is() -> None:
    assert survey_balanced_l1(0, 1.0) == 0.5
    assert abs(survey_balanced_l1(1, 1.0) - survey_balanced_l1(1 - 1e-9, 1.0)) > 0.01
    assert balanced_l1(ZERO, ZERO).item() == 0


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_balanced_l1_has_a_continuous_slope_from_0_to_gamma(beta: float) -> None:
    slopes = []
    for x in (1e-9, beta - 1e-9, beta + 1e-9, 10 * beta):
        guess = at(0).requires_grad_()
        balanced_l1(guess, at(x), beta=beta).backward()
        assert guess.grad is not None
        slopes.append(-guess.grad.item())
    assert slopes == pytest.approx([0, 1.5, 1.5, 1.5], abs=1e-6)


def test_boxes_that_do_not_meet_are_drawn_together_by_all_but_iou() -> None:
    target = torch.tensor([[5.0, 0, 6, 1]], dtype=torch.float64)
    for loss, moves in ((iou_loss, False), (giou_loss, True), (diou_loss, True), (ciou_loss, True)):
        box = torch.tensor([[0.0, 0, 1, 1]], dtype=torch.float64, requires_grad=True)
        loss(box, target).backward()
        assert box.grad is not None
        assert bool((box.grad[0, [0, 2]] < 0).any()) == moves  # a step against the gradient goes to the right


def test_the_aspect_ratio_counts_as_the_paper_says() -> None:
    one = torch.tensor([[0.0, 0, 4, 1]], dtype=torch.float64)
    two = torch.tensor([[0.0, 0, 4, 4]], dtype=torch.float64)
    v = 4 / math.pi**2 * (math.atan(4) - math.atan(1)) ** 2
    alpha = v / (1 - 0.25 + v)
    assert ciou_loss(one, two).item() == pytest.approx(diou_loss(one, two).item() + alpha * v)


def test_boxes_without_area_have_a_loss() -> None:
    point = torch.zeros(1, 4, requires_grad=True)
    for loss in (iou_loss, giou_loss, diou_loss):
        found = loss(point, point.detach())
        assert found.item() == pytest.approx(1)
        assert torch.isfinite(torch.autograd.grad(found, point)[0]).all()
