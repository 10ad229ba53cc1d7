"""Losses of embeddings: what the survey has wrong, margins all the way round, and what does not count."""

import math

import pytest
import torch
from torch import Generator, Tensor

from glassworks.objectives.criteria.embedding import a_softmax, arcface, center, circle, cosface, moved_centers, supcon
from glassworks.objectives.criteria.self_supervised import barlow_twins, info_nce, simsiam


def survey_circle(s_p: float, s_n: float, m: float = 0.25, gamma: float = 64.0) -> float:
    """Of one pair, by the survey's margins: O_p = -m below O_n = 1 + m."""
    alpha_p, alpha_n = max(0.0, -m - s_p), max(0.0, s_n - 1 - m)
    return math.log1p(math.exp(gamma * alpha_n * (s_n - m)) * math.exp(-gamma * alpha_p * (s_p - 1 + m)))


def test_survey_circle_never_goes_below_ln_2_and_ours_does() -> None:
    assert survey_circle(1.0, -1.0) == pytest.approx(math.log(2))
    assert survey_circle(0.9, 0.0) == pytest.approx(math.log(2))
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert circle(apart, torch.tensor([0, 0, 1])).item() == pytest.approx(math.log1p(math.exp(-4)))


def around(loss: object, steps: int = 721) -> Tensor:
    """The loss of a thing whose angle to its class goes from 0 to π; the other class stands square to both."""
    angles = torch.linspace(0, math.pi, steps, dtype=torch.float64)
    features = torch.stack([angles.cos(), angles.sin(), torch.zeros_like(angles)], 1)
    directions = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]], dtype=torch.float64)
    return loss(features, torch.zeros(steps, dtype=torch.long), directions, reduction="none")  # type: ignore[operator]


@pytest.mark.parametrize("loss", [cosface, arcface, a_softmax])
def test_the_further_from_its_class_the_worse_without_a_jump(loss: object) -> None:
    found = around(loss)
    assert (found.diff() >= -1e-9).all()
    assert found.diff().max() < 1.2 * around(loss, 2 * 721 - 1).diff().max() * 2


def test_centres_move_towards_their_members_by_the_papers_rate() -> None:
    centers = torch.tensor([[0.0], [10.0], [5.0]])
    moved = moved_centers(centers, torch.tensor([[1.0], [3.0], [10.0]]), torch.tensor([0, 0, 1]), rate=0.5)
    assert moved.flatten().tolist() == pytest.approx([0.5 * 4 / 3, 10, 5])


def test_what_stands_alone_does_not_count() -> None:
    draw = Generator().manual_seed(0)
    features, classes = torch.randn(4, 3, generator=draw, requires_grad=True), torch.tensor([0, 0, 1, 2])
    for loss in (supcon, circle):
        each = loss(features, classes, reduction="none")
        assert each[:2].all()
        assert not each[2:].any()
        torch.testing.assert_close(loss(features, classes), each[:2].mean())
        alone = loss(features, torch.arange(4))
        assert alone.isnan()
        assert not torch.autograd.grad(alone, features)[0].any()
        together = loss(features, torch.zeros(4, dtype=torch.long))
        assert together.isnan() == (loss is circle)  # there is nothing that it should be apart from


def test_two_views_of_each_as_classes_are_simclrs_loss() -> None:
    draw = Generator().manual_seed(0)
    one, two = torch.randn(3, 4, generator=draw), torch.randn(3, 4, generator=draw)
    found = supcon(torch.cat([one, two]), torch.arange(3).repeat(2), temperature=0.5)
    z = torch.nn.functional.normalize(torch.cat([one, two]), dim=1)
    logits = (z @ z.T / 0.5).fill_diagonal_(-torch.inf)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([3, 4, 5, 0, 1, 2]))
    torch.testing.assert_close(found, expected)


def test_a_target_of_simsiam_has_no_gradient_and_one_row_no_correlation() -> None:
    p, z = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    simsiam(p, p, z, z).backward()
    assert p.grad is not None
    assert z.grad is None
    with pytest.raises(ValueError, match="one has 1 rows"):
        barlow_twins(p[:1], z[:1])


def test_chance_is_the_logarithm_of_how_many_there_are() -> None:
    same = torch.ones(8, 3)
    assert info_nce(same, same).item() == pytest.approx(math.log(8), rel=1e-5)
    assert center(same, torch.zeros(8, dtype=torch.long), same[:1]).item() == 0
