import pytest
import torch

from glassworks.optim.functions import rosenbrock
from glassworks.optim.valley import rosenbrock_rows


@pytest.mark.parametrize("dimension", [2, 3, 17, 1000])
def test_the_loop_is_the_formula(dimension: int) -> None:
    x = torch.randn(9, dimension)
    torch.testing.assert_close(rosenbrock_rows(x).double(), rosenbrock(x.double()), rtol=1e-5, atol=0)
    assert rosenbrock_rows(torch.ones(4, dimension)).tolist() == [0] * 4


def test_it_is_taken_wherever_rows_come_from() -> None:
    x = torch.randn(50, 9).T
    torch.testing.assert_close(rosenbrock(x), rosenbrock(x.double()).float())


def test_threads_change_nothing_and_numbers_that_are_none_stay_so() -> None:
    x, threads = torch.randn(64, 1000), torch.get_num_threads()
    x[5, 7] = torch.nan
    alone = rosenbrock_rows(x)
    assert alone.isnan().tolist() == [i == 5 for i in range(64)]
    try:
        torch.set_num_threads(3)
        assert torch.equal(rosenbrock_rows(x).nan_to_num(), alone.nan_to_num())
    finally:
        torch.set_num_threads(threads)


def test_a_gradient_goes_by_the_formula() -> None:
    x = torch.randn(3, 5, requires_grad=True)
    (found,) = torch.autograd.grad(rosenbrock(x).sum(), x)
    y = x.detach().double().requires_grad_()
    (expected,) = torch.autograd.grad(rosenbrock(y).sum(), y)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-3)
