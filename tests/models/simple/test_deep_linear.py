from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glassworks.models.simple.deep_linear import DeepLinear
from glassworks.models.vision.config import OVER_BATCH, Norm

EVERY = get_args(Norm)


def some(number: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(seed))


def test_without_norms_it_is_the_product_of_its_matrices() -> None:
    model, x = DeepLinear(7, 3, width=16).double(), some(5, 7).double()
    torch.testing.assert_close(model(x), x @ model.product().T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", EVERY)
def test_each_matrix_but_the_last_has_one_norm(norm: Norm) -> None:
    model = DeepLinear(10, 2, width=16, norm=norm)
    names = [name for name, _ in model.named_children()]
    assert sum(name.startswith("linear") for name in names) == 25
    assert sum(name.startswith("norm") for name in names) == (0 if norm == "none" else 24)
    assert names[-1] == "linear25"
    assert (model.linear1.bias is None) == (norm in OVER_BATCH)


@pytest.mark.parametrize("norm", EVERY)
def test_it_learns_a_linear_map(norm: Norm) -> None:
    torch.manual_seed(0)  # of the noise
    model, target = DeepLinear(8, 2, width=16, depth=6, norm=norm), some(2, 8, 5) / 8**0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    x = some(256, 8, 1)
    first = F.mse_loss(model(x), x @ target.T).item()
    for step in range(150):
        batch = some(64, 8, 10 + step)
        optimizer.zero_grad()
        F.mse_loss(model(batch), batch @ target.T).backward()
        optimizer.step()
    with torch.no_grad():
        assert F.mse_loss(model.eval()(x), x @ target.T).item() < 0.5 * first


def test_its_weights_keep_the_variance_of_what_passes() -> None:
    model = DeepLinear(512, 512, width=512, depth=2)
    with torch.no_grad():
        assert model(some(200, 512, 9)).square().mean().item() == pytest.approx(1, rel=0.1)


def test_the_same_seed_draws_the_same_weights_and_torchs_own_generator_stays() -> None:
    state = torch.get_rng_state()
    first, again, other = DeepLinear(4, 2), DeepLinear(4, 2), DeepLinear(4, 2, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.linear1.weight, other.linear1.weight)


def test_one_matrix_is_a_linear_model() -> None:
    model = DeepLinear(4, 2, depth=1)
    assert [type(layer) for layer in model] == [nn.Linear]
    assert model(some(3, 4)).shape == (3, 2)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 0}, r"width \(=0\) must be at least 1"),
        ({"depth": 0}, r"depth \(=0\) must be at least 1"),
        ({"width": 12, "norm": "group"}, r"width \(=12\) must be a multiple of 8"),
    ],
)
def test_sizes_that_make_no_network_are_refused(sizes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeepLinear(4, 2, **sizes)


def test_a_batch_of_one_is_refused_where_the_batch_normalises() -> None:
    with pytest.raises(ValueError, match="a batch of 1 has no spread"):
        DeepLinear(4, 2, norm="linf")(some(1, 4))
