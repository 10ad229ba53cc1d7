import itertools
import math

import pytest
import torch
from torch import Tensor

from glassworks.objectives.preferences.bradley_terry import bradley_terry_loss, plackett_luce_loss

SCORES = torch.tensor([0.3, -0.5, 1.2, 0.0], dtype=torch.float64)


def test_a_pair_by_hand() -> None:
    chosen, rejected = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0])
    expected = torch.tensor([math.log(1 + math.exp(-1)), math.log(1 + math.exp(3))])
    torch.testing.assert_close(bradley_terry_loss(chosen, rejected), expected)


def test_a_margin_asks_for_more_and_centring_for_scores_near_0() -> None:
    chosen, rejected = torch.tensor([2.0]), torch.tensor([1.0])
    found = bradley_terry_loss(chosen, rejected, margin=torch.tensor([1.0]), centre=0.01)
    torch.testing.assert_close(found, torch.tensor([math.log(2) + 0.09]))


def test_a_tie_is_least_where_scores_are_equal() -> None:
    scores = torch.zeros(2, requires_grad=True)
    bradley_terry_loss(scores[:1], scores[1:], share=torch.tensor([0.5])).sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [0, 0]


def minimised(loss_of: object, size: int) -> Tensor:
    scores = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [scores], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        loss = loss_of(scores)  # type: ignore[operator]
        loss.backward()
        return loss

    search.step(closure)
    return (scores - scores.mean()).detach()


def test_choices_as_the_model_says_give_its_scores_back() -> None:
    a, b = (torch.tensor(x) for x in zip(*itertools.combinations(range(4), 2), strict=True))
    share = (SCORES[a] - SCORES[b]).sigmoid()
    found = minimised(lambda s: bradley_terry_loss(s[a], s[b], share=share).mean(), 4)
    torch.testing.assert_close(found, SCORES - SCORES.mean(), atol=1e-4, rtol=0)


def test_two_options_are_a_pair() -> None:
    scores = torch.tensor([[1.0, 0.2], [0.3, 2.0]])
    ranks = torch.tensor([[1, 2], [1, 2]])
    for pairs in (False, True):
        found = plackett_luce_loss(scores, ranks, pairs=pairs)
        torch.testing.assert_close(found, bradley_terry_loss(scores[:, 0], scores[:, 1]))


def test_the_probabilities_of_all_orders_add_up_to_1() -> None:
    orders = torch.tensor([[order.index(k) + 1 for k in range(4)] for order in itertools.permutations(range(4))])
    losses = plackett_luce_loss(SCORES.expand(24, 4), orders)
    assert float((-losses).exp().sum()) == pytest.approx(1)


def test_orders_as_the_model_says_give_its_scores_back() -> None:
    orders = torch.tensor([[order.index(k) + 1 for k in range(4)] for order in itertools.permutations(range(4))])
    weights = (-plackett_luce_loss(SCORES.expand(24, 4), orders)).exp()
    found = minimised(lambda s: (weights * plackett_luce_loss(s.expand(24, 4), orders)).sum(), 4)
    torch.testing.assert_close(found, SCORES - SCORES.mean(), atol=1e-4, rtol=0)


def test_what_is_not_there_changes_nothing_and_equal_places_are_not_compared() -> None:
    scores = torch.tensor([[0.5, 9.0, -0.5, 1.0]])
    for pairs in (False, True):
        found = plackett_luce_loss(scores, torch.tensor([[1, 0, 3, 2]]), pairs=pairs)
        torch.testing.assert_close(
            found, plackett_luce_loss(scores[:, [0, 2, 3]], torch.tensor([[1, 3, 2]]), pairs=pairs)
        )
        assert plackett_luce_loss(scores, torch.tensor([[2, 2, 2, 2]]), pairs=pairs).tolist() == [0]
    tied = plackett_luce_loss(scores[:, [0, 3]], torch.tensor([[1, 1]]))
    assert tied.tolist() == [0]
    first, both = torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1, 1, 2]])
    torch.testing.assert_close(plackett_luce_loss(first, both), torch.tensor([2 * math.log(1 + math.exp(-1))]))
