import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.gradient_free.heuristics.random_search import RandomSearch
from glassworks.optim.gradient_free.heuristics.scale import around, own_scale


def test_each_tensor_has_the_deviation_of_its_own_entries() -> None:
    wide, narrow = torch.tensor([[-3.0, 3.0], [3.0, -3.0]]), torch.tensor([0.5, -0.5])
    assert own_scale([wide, narrow]).tolist() == [3.0] * 4 + [0.5] * 2


def test_constant_tensors_have_that_of_the_others() -> None:
    weights: list[Tensor] = [torch.tensor([-3.0, 3.0]), torch.ones(3), torch.zeros(1), torch.tensor([1.0, -1.0])]
    assert own_scale(weights)[2:6].tolist() == pytest.approx([5**0.5] * 4)


def test_where_nothing_varies_it_is_one() -> None:
    assert own_scale([torch.full((3,), 0.1), torch.zeros(2)]).tolist() == [1.0] * 5


def test_a_cloud_lies_about_the_weights_as_wide_as_they_do() -> None:
    model = nn.Linear(40, 50)
    search = RandomSearch(model.parameters(), population=300)
    points = around(search, search.memory["scale"])
    assert torch.equal(points[0], search.memory["mean"])
    spread = (points[1:] - points[0])[:, :2000].std()
    assert float(spread / model.weight.detach().std()) == pytest.approx(1, abs=0.01)
