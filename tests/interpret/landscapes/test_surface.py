"""Lines and planes through the weights: the centre is the network's own loss, and nothing else moves."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import (
    DOUBLE,
    Bowl,
    cross_entropy,
    disturbed,
    examples,
    quadratic,
    symmetric,
)
from torch import Tensor, nn

from glassworks.interpret.landscapes.directions import (
    WeightsPath,
    along_path,
    filter_normalised,
    random_walk_shares,
)
from glassworks.interpret.landscapes.surface import loss_line, loss_surface
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.gradient_free import vector
from glassworks.train.fit import fit


def places(labels: list[str]) -> np.ndarray:
    return np.array(labels, dtype=float)


def test_the_centre_is_the_networks_own_loss_to_the_bit() -> None:
    tokens = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(0))
    gpt = GPT(GPTConfig("gpt2", 11, 8, 1, 2, 8), seed=1)
    cases = [
        (disturbed().eval(), cross_entropy, examples()),
        (gpt, next_token_loss, (tokens[:, :-1], tokens[:, 1:])),
    ]
    for model, loss_fn, batch in cases:
        trace = loss_surface(model, loss_fn, batch, points=5)
        with torch.no_grad():
            assert trace.arrays["loss"][2, 2] == float(loss_fn(model, batch))
        assert trace.labels["first"][2] == trace.labels["second"][2] == "0"
        line = loss_line(model, loss_fn, batch, points=5, draws=2)
        assert (line.arrays["loss"][0, :, 2] == trace.arrays["loss"][2, 2]).all()


def test_on_given_directions_a_quadratic_is_its_closed_form() -> None:
    matrix, w = symmetric([3.0, 1.0, 0.2, -1.0]), torch.tensor([1.0, 0.5, -1.0, 2.0], dtype=DOUBLE)
    plane = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 1.0, 3.0]], dtype=DOUBLE)
    trace = loss_surface(Bowl(w), quadratic, matrix, plane=plane, points=7, reach=2.0)
    for i, b in enumerate(np.linspace(-2, 2, 7)):
        for j, a in enumerate(np.linspace(-2, 2, 7)):
            x = w + a * plane[0] + b * plane[1]
            assert trace.arrays["loss"][i, j] == pytest.approx(float(x @ matrix @ x / 2), rel=1e-9)


def test_every_point_is_the_loss_of_a_network_with_those_weights() -> None:
    model, batch = disturbed().eval(), examples()
    plane = torch.randn(2, sum(p.numel() for p in model.parameters() if p.requires_grad))
    trace = loss_surface(model, cross_entropy, batch, plane=plane, points=3)
    weights = [p for p in model.parameters() if p.requires_grad]
    before = vector.read(weights)
    for i, b in enumerate((-1, 0, 1)):
        for j, a in enumerate((-1, 0, 1)):
            vector.write(before + a * plane[0] + b * plane[1], weights)
            with torch.no_grad():
                assert trace.arrays["loss"][i, j] == pytest.approx(float(cross_entropy(model, batch)), rel=1e-5)


def test_batch_norm_keeps_its_statistics_unless_they_are_to_be_recomputed() -> None:
    model, batch = disturbed(0.0), examples()
    for _ in range(20):
        model.train()(batch[0] * 3 + 1)  # statistics of other inputs
    model.eval()
    with torch.no_grad():
        kept = float(cross_entropy(model, batch))
        model[1].train()
        buffers = {name: b.clone() for name, b in model.named_buffers()}
        recomputed = float(cross_entropy(model, batch))
        model[1].eval()
        model.load_state_dict(buffers, strict=False)
    assert kept != recomputed
    own = {how: loss_surface(model, cross_entropy, batch, points=3, statistics=how) for how in ("kept", "recomputed")}
    assert own["kept"].arrays["loss"][1, 1] == kept
    assert own["recomputed"].arrays["loss"][1, 1] == recomputed
    assert all(torch.equal(b, buffers[name]) for name, b in model.named_buffers())


def test_every_filter_of_a_direction_is_as_long_as_the_networks_and_biases_do_not_move() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))
    weights = list(model.parameters())
    for direction in filter_normalised(weights, 2, torch.Generator().manual_seed(0)):
        for part, weight in zip(vector.views(direction, weights), weights, strict=True):
            if weight.ndim == 1:
                assert not part.any()
            else:
                torch.testing.assert_close(part.flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
    with pytest.raises(ValueError, match="no matrices"):
        filter_normalised([nn.Parameter(torch.ones(3))], 1, torch.Generator())


def test_a_network_whose_layers_are_rescaled_has_the_same_surface() -> None:
    """What filters are normalised for (Li et al. 2018, section 3)."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 3, bias=False))
    batch = examples()
    one = loss_surface(model, cross_entropy, batch, points=5)
    with torch.no_grad():
        model[0].weight *= 16
        model[2].weight /= 16
    other = loss_surface(model, cross_entropy, batch, points=5)
    np.testing.assert_allclose(one.arrays["loss"], other.arrays["loss"], rtol=1e-5)


def test_curvature_spans_the_two_directions_that_bend_most() -> None:
    matrix = symmetric([9.0, 4.0, 0.5, 0.1])
    w = torch.zeros(4, dtype=DOUBLE) + 1e-3
    trace = loss_surface(Bowl(w), quadratic, matrix, directions="curvature", points=3)
    length, here = float(w.norm()), trace.meta["loss_here"]
    bends = [
        trace.arrays["loss"][1, 0] + trace.arrays["loss"][1, 2] - 2 * here,
        trace.arrays["loss"][0, 1] + trace.arrays["loss"][2, 1] - 2 * here,
    ]
    np.testing.assert_allclose(bends, [9 * length**2, 4 * length**2], rtol=1e-6)


def test_the_path_of_a_training_lies_on_its_plane_with_its_own_losses() -> None:
    torch.manual_seed(0)
    model, batch, path = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), examples(), WeightsPath()
    path(0, model)
    losses = [float(cross_entropy(model, batch).detach())]
    own = [(2, path), (2, lambda step, net: losses.append(float(cross_entropy(net, batch).detach())) or {})]
    fit(model, lambda _: batch, cross_entropy, torch.optim.SGD(model.parameters(), lr=0.5), steps=20, every=own)
    trace = loss_surface(model, cross_entropy, batch, directions="path", path=path, points=9)
    assert trace.labels["step"] == [str(i) for i in range(0, 21, 2)]
    np.testing.assert_allclose(trace.arrays["path_loss"], losses, rtol=1e-5)
    assert abs(trace.arrays["path_first"][-1]) < 1e-6
    assert abs(trace.arrays["path_second"][-1]) < 1e-6
    assert trace.arrays["loss"][list(trace.labels["second"]).index("0"), list(trace.labels["first"]).index("0")] == (
        pytest.approx(losses[-1], rel=1e-6)
    )
    for way in ("first", "second"):
        at, side = trace.arrays[f"path_{way}"], places(trace.labels[way])
        assert side.min() < at.min() <= at.max() < side.max()
    distance = (path.points[0] - path.points[-1]).norm()
    assert np.hypot(trace.arrays["path_first"][0], trace.arrays["path_second"][0]) <= distance * (1 + 1e-5)
    assert trace.arrays["shares"].sum() == pytest.approx(1, abs=0.05)


def test_components_of_a_path_are_those_of_its_singular_values() -> None:
    torch.manual_seed(0)
    points, centre = torch.randn(6, 30, dtype=DOUBLE), torch.randn(30, dtype=DOUBLE)
    plane, shares = along_path(points, centre)
    _, values, rows = torch.linalg.svd(points - centre, full_matrices=False)
    np.testing.assert_allclose(shares.numpy(), (values**2 / (values**2).sum()).numpy(), atol=1e-10)
    np.testing.assert_allclose((plane @ rows[:2].T).abs().numpy(), np.eye(2), atol=1e-8)
    with pytest.raises(ValueError, match=r"path \(=1 points\) spans no plane"):
        along_path(points[:1], centre)


def test_two_components_take_of_a_random_walk_what_is_known() -> None:
    """6 / (pi k)² of an infinite walk of equal steps that is centred at its end: (2 / (pi (2k - 1)))² · 2 here."""
    points = torch.randn(200, 20_000, generator=torch.Generator().manual_seed(0)).cumsum(0)
    centre, walk = points[-1], points[:-1]
    predicted = random_walk_shares(walk, centre).numpy()
    actual = along_path(walk, centre)[1].numpy()
    np.testing.assert_allclose(predicted[:3], actual[:3], rtol=0.05)
    np.testing.assert_allclose(predicted[:3], [8 / np.pi**2 / (2 * k - 1) ** 2 for k in (1, 2, 3)], rtol=0.02)


def test_points_without_a_finite_loss_are_counted_and_left_out() -> None:
    def burst(model: nn.Module, matrix: Tensor) -> Tensor:
        w = model()
        return (1 - w[0]).log() + w @ w

    trace = loss_surface(Bowl(torch.zeros(1, 3)), burst, torch.eye(1), plane=torch.eye(3)[:2], points=5, reach=2.0)
    assert trace.meta["failed"] == 20  # of both networks
    assert np.isnan(trace.arrays["loss"][:, 3:]).all()
    assert np.isfinite(trace.arrays["loss"][:, :3]).all()


def test_what_fits_no_plane_is_refused() -> None:
    model, batch = disturbed().eval(), examples()
    with pytest.raises(ValueError, match=r"points \(=4\) must be odd"):
        loss_surface(model, cross_entropy, batch, points=4)
    with pytest.raises(ValueError, match=r"directions \(='path'\) needs the path"):
        loss_surface(model, cross_entropy, batch, directions="path")
    with pytest.raises(ValueError, match=r"plane \(of shape \(2, 3\)\) must be two vectors of the"):
        loss_surface(model, cross_entropy, batch, plane=torch.ones(2, 3))
    with pytest.raises(ValueError, match="path .* must be of the network's own"):
        loss_surface(model, cross_entropy, batch, path=WeightsPath([1], [torch.ones(3)]))
    with pytest.raises(ValueError, match=r"reach \(=-1.0\) must be above 0"):
        loss_surface(model, cross_entropy, batch, reach=-1.0)
    with pytest.raises(ValueError, match=r"reach \(=0.0\) must be above 0"):
        loss_line(model, cross_entropy, batch, reach=0.0)


@pytest.mark.usefixtures("unchecked")
def test_statistics_of_another_name_are_refused() -> None:
    for look in (loss_surface, loss_line):
        with pytest.raises(ValueError, match=r"statistics \(=.recompute.\) must be kept or recomputed"):
            look(disturbed().eval(), cross_entropy, examples(), statistics="recompute")
