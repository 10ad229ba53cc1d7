import pytest
import torch
from torch import nn

from glassworks.optim.gradient_free.heuristics.genetic import Genetic


def test_the_best_are_the_next_parents_and_the_first_of_them_the_elite() -> None:
    search = Genetic([nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))], population=9, parents=4)
    x = search.ask().clone()
    losses = torch.arange(10.0).flip(0)
    search.tell(losses)
    assert torch.equal(search.memory["parents"], x[[9, 8, 7, 6]])
    assert torch.equal(search.memory["mean"], x[9])
    assert torch.equal(search.ask()[0], x[9])


def test_children_are_parents_and_noise_of_the_modules_scale() -> None:
    search = Genetic([nn.Parameter(torch.tensor([-4.0, 4.0]))], population=4000, sigma=0.1, lr=0.5)
    steps = search.ask()[1:] - search.ask()[0]
    assert float(steps.std()) == pytest.approx(0.1 * 0.5 * 4, rel=0.05)


def test_with_crossover_each_weight_is_of_either_parent() -> None:
    search = Genetic([nn.Parameter(torch.zeros(50))], population=30, crossover=1.0, sigma=1e-9)
    search.memory["parents"] = torch.stack([torch.zeros(50), torch.ones(50)])
    children = search.ask()[1:].round()
    assert set(children.flatten().tolist()) == {0.0, 1.0}
    assert any(0.2 < float(child.mean()) < 0.8 for child in children)


def test_an_elite_that_was_lucky_on_one_batch_goes_with_the_next() -> None:
    search = Genetic([nn.Parameter(torch.tensor([1.0, 2.0]))], population=5, parents=2)
    search.tell(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    lucky = search.memory["mean"].clone()
    search.tell(torch.tensor([9.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    assert not torch.equal(search.memory["mean"], lucky)


def test_candidates_that_fail_are_no_parents() -> None:
    search = Genetic([nn.Parameter(torch.tensor([1.0, 2.0]))], population=5, parents=4)
    search.tell(torch.tensor([torch.nan, 1.0, torch.nan, 0.5, torch.inf, torch.nan]))
    assert len(search.memory["parents"]) == 2


@pytest.mark.parametrize(("field", "value"), [("parents", 0), ("crossover", 1.5)])
def test_refuses_what_makes_no_children(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} \\(={value}\\)"):
        Genetic([nn.Parameter(torch.zeros(2))], **{field: value})
