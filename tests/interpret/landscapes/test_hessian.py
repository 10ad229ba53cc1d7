"""The Hessian by products alone: exact against closed forms and against the whole matrix."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import (
    DOUBLE,
    Bowl,
    cross_entropy,
    examples,
    quadratic,
    symmetric,
)
from torch import Tensor, nn
from torch.func import functional_call

from glassworks.interpret.landscapes.hessian import hessian
from glassworks.interpret.landscapes.lanczos import lanczos, spectrum, top_eigenpairs


def whole_hessian(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The matrix, by torch.func."""
    names, weights = zip(*model.named_parameters(), strict=True)
    sizes = [w.numel() for w in weights]

    def loss(vector: Tensor) -> Tensor:
        parts = [x.view_as(w) for x, w in zip(vector.split(sizes), weights, strict=True)]
        output = functional_call(model, dict(zip(names, parts, strict=True)), batch[0])
        return nn.functional.cross_entropy(output, batch[1])

    return torch.func.jacrev(torch.func.grad(loss))(torch.cat([w.detach().flatten() for w in weights]))


def test_eigenvalues_trace_and_smallest_of_a_network_are_those_of_the_whole_matrix() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    batch = examples(dtype=DOUBLE)
    trace = hessian(model, cross_entropy, batch, top=6, products=43, probes=400, runs=8, steps=43)
    values = torch.linalg.eigvalsh(whole_hessian(model, batch)).flip(0).numpy()
    arrays = trace.arrays
    assert (abs(arrays["eigenvalue"][0] - values[:6]) <= arrays["eigenvalue_error"][0] + 1e-12).all()
    np.testing.assert_allclose(arrays["eigenvalue"][0], values[:6], rtol=1e-4)
    assert arrays["smallest"][0] == pytest.approx(values[-1], abs=arrays["smallest_error"][0] + 1e-9)
    assert abs(arrays["trace"][0] - values.sum()) < 4 * arrays["trace_error"][0]
    places = np.array(trace.labels["place"], dtype=float)
    total = np.trapezoid(arrays["density"][0], places)
    assert total == pytest.approx(1, abs=0.01)


def test_a_random_sign_gives_the_trace_of_a_diagonal_matrix_exactly() -> None:
    values = torch.tensor([3.0, 1.0, -2.0, 0.25], dtype=DOUBLE)
    trace = hessian(Bowl(torch.ones(4, dtype=DOUBLE)), quadratic, torch.diag(values), top=4, probes=3, runs=1)
    np.testing.assert_allclose(trace.arrays["eigenvalue"][0], [3.0, 1.0, 0.25, -2.0], atol=1e-12)
    assert trace.arrays["trace"][0] == pytest.approx(2.25, abs=1e-12)
    assert trace.arrays["trace_error"][0] == pytest.approx(0, abs=1e-12)


def test_eigenvalues_of_several_directions_are_found_as_often_as_they_are_there() -> None:
    matrix = symmetric([4.0, 4.0, 4.0, 1.0, 1.0, 0.0])
    found = top_eigenpairs(
        lambda v: matrix @ v, torch.zeros(6, dtype=DOUBLE), 5, steps=6, generator=torch.Generator().manual_seed(0)
    )
    np.testing.assert_allclose(found.values, [4, 4, 4, 1, 1], atol=1e-10)
    np.testing.assert_allclose((found.vectors @ found.vectors.T).numpy(), np.eye(5), atol=1e-10)
    np.testing.assert_allclose(
        (matrix @ found.vectors.T - found.vectors.T * torch.tensor(found.values.copy())).numpy(), 0, atol=1e-9
    )


def test_residuals_are_the_distance_from_an_eigenvector_at_every_length_of_the_run() -> None:
    matrix = symmetric(torch.linspace(-1, 1, 60, dtype=DOUBLE) ** 3)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(60, generator=generator, dtype=DOUBLE)
    for steps in (3, 12, 40):
        found = lanczos(lambda v: matrix @ v, start, steps=steps, generator=generator)
        values, vectors = found.ritz
        made = torch.from_numpy(vectors.T.copy()) @ found.basis
        actual = (made @ matrix - torch.from_numpy(values.copy())[:, None] * made).norm(dim=1).numpy()
        np.testing.assert_allclose(found.residuals, actual, atol=1e-9)
        whole = torch.linalg.eigvalsh(matrix).numpy()
        assert (abs(whole[None] - values[:, None]).min(1) <= found.residuals + 1e-12).all()


def test_float32_keeps_its_vectors_orthogonal_where_plain_lanczos_makes_copies() -> None:
    matrix = symmetric([100.0, *torch.linspace(0, 1, 199).tolist()]).float()
    found = top_eigenpairs(
        lambda v: matrix @ v, torch.zeros(200), 3, steps=120, generator=torch.Generator().manual_seed(0)
    )
    assert found.values[0] == pytest.approx(100, rel=1e-5)
    assert found.values[1] < 1.1


def test_the_density_of_known_eigenvalues_has_their_shares() -> None:
    matrix = symmetric([*[0.0] * 30, *[1.0] * 9, 5.0])
    found = spectrum(
        lambda v: matrix @ v,
        torch.zeros(40, dtype=DOUBLE),
        probes=200,
        runs=200,
        steps=5,
        generator=torch.Generator().manual_seed(0),
    )
    places = np.linspace(-1, 6, 1401)
    density = found.density(places, 0.05).mean(0)
    for value, share in ((0, 0.75), (1, 0.225), (5, 0.025)):
        near = abs(places - value) < 0.4
        assert np.trapezoid(density[near], places[near]) == pytest.approx(share, abs=0.02)
    assert found.traces.mean() == pytest.approx(14, abs=4 * found.traces.std() / 200**0.5)


def test_what_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match=r"top \(=0\) must be at least 1"):
        hessian(Bowl(torch.ones(2)), quadratic, torch.eye(2), top=0)
