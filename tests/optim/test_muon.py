import copy

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.muon import POLAR_EXPRESS, MuonAdamW, orthogonalise

JORDAN = ((3.4445, -4.7750, 2.0315),) * 5
"""Muon's own polynomial, five times: singular values end between 0.7 and 1.2."""

SHAPES = [(16, 16), (16, 16), (48, 16), (16, 64), (64, 16), (16, 64)]


def matrices(seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def with_spectrum(values: Tensor, rows: int, columns: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    u, _ = torch.linalg.qr(torch.randn(rows, len(values), generator=generator))
    v, _ = torch.linalg.qr(torch.randn(columns, len(values), generator=generator))
    return u * values @ v.T


def test_matches_torch_muon_with_the_same_polynomials() -> None:
    ours, theirs = matrices(), matrices()
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    a = MuonAdamW([{"kind": "muon", "params": ours, **settings}], polynomials=JORDAN)
    b = torch.optim.Muon(theirs, **settings)
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    for p, q, first in zip(ours, theirs, matrices(), strict=True):
        # bfloat16 keeps 8 bits; rounding differs with the order of sums, and five iterations enlarge it.
        assert (p - q).norm() < 0.02 * (q - first).norm()


def test_matches_torch_adamw() -> None:
    ours, theirs = matrices(), matrices()
    settings = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-10, "weight_decay": 0.1}
    a = MuonAdamW([{"kind": "adamw", "params": ours, **settings}])
    b = torch.optim.AdamW(theirs, **settings)
    generator = torch.Generator().manual_seed(2)
    for _ in range(5):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize(("iterations", "lowest", "error"), [(3, 0.01, 0.3), (4, 0.004, 0.16), (5, 0.001, 0.15)])
def test_the_polynomials_take_their_interval_to_1(iterations: int, lowest: float, error: float) -> None:
    x = torch.logspace(0, 1, 1000, dtype=torch.float64).sub(1).div(9).mul(1 - lowest).add(lowest)
    x = torch.cat([x, torch.tensor([1.02], dtype=torch.float64)])  # what rounding may make of 1
    for a, b, c in POLAR_EXPRESS[iterations]:
        x = a * x + b * x**3 + c * x**5
    assert (x - 1).abs().max() < error


@pytest.mark.parametrize("polynomials", [JORDAN, *POLAR_EXPRESS.values()])
@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (32, 96), (96, 32)])
def test_the_singular_vectors_stay_and_the_values_go_to_1(
    polynomials: tuple[tuple[float, float, float], ...], rows: int, columns: int
) -> None:
    matrix = with_spectrum(torch.linspace(0.2, 1, 32), rows, columns)
    turned = orthogonalise(torch.stack([matrix, -3 * matrix]), polynomials).float()
    exact = with_spectrum(torch.ones(32), rows, columns)
    values = torch.linalg.svdvals(turned)
    assert ((values > 0.6) & (values < 1.4)).all()
    for sign, got in zip((1, -1), turned, strict=True):
        assert nn.functional.cosine_similarity(got.flatten(), sign * exact.flatten(), 0) > 0.97


@pytest.mark.parametrize("iterations", list(POLAR_EXPRESS))
def test_a_matrix_of_rank_1_and_a_matrix_of_zeros_stay_finite(iterations: int) -> None:
    rank_1 = torch.outer(torch.arange(1.0, 33), torch.arange(1.0, 49))
    turned = orthogonalise(torch.stack([rank_1, torch.zeros(32, 48)]), POLAR_EXPRESS[iterations]).float()
    assert torch.linalg.matrix_norm(turned[0], 2) < 1.4
    assert turned[1].norm() == 0


def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened() -> None:
    def build(params: list[nn.Parameter]) -> MuonAdamW:
        return MuonAdamW([{"kind": "muon", "params": params[:3], "lr": 0.02}, {"params": params[3:]}])

    def train(params: list[nn.Parameter], optimizer: MuonAdamW, seeds: range) -> None:
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            for p in params:
                p.grad = torch.randn(p.shape, generator=generator)
            optimizer.step()

    through = matrices()
    train(through, build(through), range(6))
    first = matrices()
    before = build(first)
    train(first, before, range(3))
    second = copy.deepcopy(first)
    after = build(second)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    train(second, after, range(3, 6))
    for p, q in zip(through, second, strict=True):
        assert torch.equal(p, q)


def test_its_state_is_tensors_alone() -> None:
    params = matrices()
    optimizer = MuonAdamW([{"kind": "muon", "params": params[:3], "lr": 0.02}, {"params": params[3:]}])
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    for state in optimizer.state_dict()["state"].values():
        assert all(isinstance(value, Tensor) for value in state.values())


def test_parameters_without_a_gradient_stay_as_they_are() -> None:
    params = matrices()
    optimizer = MuonAdamW(
        [{"kind": "muon", "params": params[:3], "lr": 0.02, "weight_decay": 0.1}, {"params": params[3:]}]
    )
    params[0].grad = torch.ones_like(params[0])
    optimizer.step()
    assert not torch.equal(params[0], matrices()[0])
    for p, q in zip(params[1:], matrices()[1:], strict=True):
        assert torch.equal(p, q)


def test_step_returns_the_closures_loss_and_gives_it_gradients() -> None:
    params = matrices()
    optimizer = MuonAdamW([{"kind": "muon", "params": params, "lr": 0.02}])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack([p.square().sum() for p in params]).sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(30)]
    assert losses[-1] < losses[0]


def test_convolution_kernels_are_matrices_of_their_first_axis() -> None:
    kernel = nn.Parameter(torch.zeros(8, 4, 3, 3))
    optimizer = MuonAdamW([{"kind": "muon", "params": [kernel], "lr": 1.0}])
    kernel.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(0))
    optimizer.step()
    assert torch.linalg.svdvals(kernel.detach().flatten(1)).sub(1).abs().max() < 0.3


@pytest.mark.parametrize(
    "group", [{"kind": "sgd", "params": []}, {"kind": "muon", "params": [nn.Parameter(torch.ones(3))]}]
)
def test_a_wrong_group_is_refused(group: dict[str, object]) -> None:
    group = group if group["params"] else group | {"params": [nn.Parameter(torch.ones(3, 3))]}
    with pytest.raises(ValueError, match="group"):
        MuonAdamW([group])
