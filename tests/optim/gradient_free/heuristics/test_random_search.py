import pytest
import torch
from torch import nn

from glassworks.optim.gradient_free.heuristics.random_search import RandomSearch


def test_places_do_not_depend_on_what_was_seen() -> None:
    found = []
    for sign in (1, -1):
        search = RandomSearch([nn.Parameter(torch.tensor([1.0, 2.0]))], population=4)
        for _ in range(3):
            search.tell(sign * search.ask().square().sum(1))
        found.append(search.ask()[1:])
    assert torch.equal(*found)


def test_in_a_box_places_are_uniform() -> None:
    search = RandomSearch([nn.Parameter(torch.zeros(4))], population=2000, box=(2.0, 6.0))
    places = search.ask()[1:]
    assert places.min() >= 2
    assert places.max() <= 6
    assert float(places.mean()) == pytest.approx(4, abs=0.05)
    assert float(places.var()) == pytest.approx(16 / 12, rel=0.05)


def test_keeps_the_best_of_all() -> None:
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    search, best = RandomSearch([w], population=5), 5.0
    for _ in range(10):
        losses = search.ask().square().sum(1)
        best = min(best, float(losses.min()))
        search.tell(losses)
        assert float(w.detach().square().sum()) == pytest.approx(best)


def test_a_box_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="box \\(=\\(1.0, 1.0\\)\\)"):
        RandomSearch([nn.Parameter(torch.zeros(2))], box=(1.0, 1.0))
