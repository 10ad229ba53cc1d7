"""Along a step: closed forms of quadratics, and what is seen over a training."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import DOUBLE, Bowl, cross_entropy, disturbed, examples, quadratic, symmetric
from torch import nn

from glassworks.interpret.landscapes.along_step import along_step, over_training, watching
from glassworks.trace.render import explained
from glassworks.train.fit import fit

SIZES = (0.5, 1.0, 2.0, 4.0)


def test_loss_predictiveness_and_beta_of_a_quadratic_are_their_closed_forms() -> None:
    matrix, w, lr = symmetric([5.0, 2.0, 0.5, -1.0]), torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=DOUBLE), 0.1
    trace = along_step(Bowl(w), quadratic, matrix, lr=lr, sizes=SIZES, draws=3)
    gradient = matrix @ w
    points = [w - s * lr * gradient for s in SIZES]
    np.testing.assert_allclose(trace.arrays["loss"][0], [float(x @ matrix @ x / 2) for x in points], rtol=1e-12)
    change = [s * lr * float((matrix @ gradient).norm()) for s in SIZES]
    np.testing.assert_allclose(trace.arrays["change"][0], change, rtol=1e-9)
    assert trace.arrays["beta"][0] == pytest.approx(float((matrix @ gradient).norm() / gradient.norm()), rel=1e-9)
    assert trace.arrays["change_lowest"][0] == pytest.approx(change[0], rel=1e-9)
    assert trace.arrays["change_highest"][0] == pytest.approx(change[-1], rel=1e-9)
    assert trace.meta["loss_here"] == pytest.approx(float(w @ matrix @ w / 2), rel=1e-12)


def test_beta_is_no_larger_than_the_largest_eigenvalue_and_reaches_it_where_the_gradient_is_its_direction() -> None:
    matrix = symmetric([7.0, 1.0, -3.0])
    top = torch.linalg.eigh(matrix)[1][:, -1]
    trace = along_step(Bowl(top), quadratic, matrix, lr=0.01, draws=20)
    assert trace.arrays["beta"][0] == pytest.approx(7.0, rel=1e-9)
    assert trace.arrays["beta"][1] <= 7.0


def test_on_a_plane_the_gradient_does_not_change_and_random_directions_are_as_long_as_the_gradient() -> None:
    model = Bowl(torch.zeros(1000, dtype=DOUBLE))
    slope = torch.ones(1000, dtype=DOUBLE)
    trace = along_step(model, lambda net, slope: net() @ slope, slope, lr=1.0, sizes=(1.0,), draws=400)
    assert not trace.arrays["change"].any()
    assert trace.arrays["loss"][0] == pytest.approx(-1000)
    spread = trace.arrays["loss_error"][1, 0] * 400**0.5  # of s · d over random d of the gradient's length
    assert spread == pytest.approx(1000 / 1000**0.5, rel=0.1)


def test_the_distance_is_of_new_less_old_gradient_and_not_of_their_sum() -> None:
    """Where a gradient turns round, its change is twice its length; the sum would be 0."""
    matrix = torch.eye(2, dtype=DOUBLE)
    trace = along_step(Bowl(torch.ones(2, dtype=DOUBLE)), quadratic, matrix, lr=2.0, sizes=(1.0,), draws=1)
    assert trace.arrays["change"][0, 0] == pytest.approx(2 * 2**0.5)


def test_watched_over_a_training_it_says_what_it_says_at_each_point_and_changes_nothing() -> None:
    batches = [examples(24), *[tuple(x[i:] for x in examples(24)) for i in (4, 8, 12)]]
    histories, ends = {}, []
    for watched in (True, False):
        model = disturbed().train()
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
        look = watching(cross_entropy, lambda step: batches[step % 4], lr=0.1, sizes=(1.0, 2.0))
        seen: dict[int, float] = {}

        def alone(step: int, net: nn.Module, seen: dict[int, float] = seen) -> dict[str, float]:
            found = along_step(net, cross_entropy, batches[step % 4], lr=0.1, sizes=(1.0, 2.0), draws=1, seed=step)
            seen[step] = float(found.arrays["beta"][0])
            return {}

        every = [(2, look), (2, alone)] if watched else []
        done = fit(model, lambda step: batches[step % 4], cross_entropy, optimizer, steps=4, every=every, log_every=1)
        ends.append([p.clone() for p in model.parameters()])
        if watched:
            histories = {"net": done.rows}
            assert {row["step"]: row["step/beta"] for row in done.rows if "step/beta" in row} == seen
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    trace = over_training(histories)
    assert trace.labels["step"] == ["2", "4"]
    assert trace.arrays["beta"].shape == (1, 2, 2)
    with pytest.raises(ValueError, match="rows of `watching`"):
        over_training({"net": [{"step": 1, "loss": 2.0}]})


def test_steps_that_are_none_are_refused() -> None:
    model, matrix = Bowl(torch.ones(2, dtype=DOUBLE)), torch.eye(2, dtype=DOUBLE)
    with pytest.raises(ValueError, match=r"lr \(=0.0\) must be above 0"):
        along_step(model, quadratic, matrix, lr=0.0)
    with pytest.raises(ValueError, match=r"sizes \(=\[0.0, 1.0\]\) must be numbers above 0"):
        along_step(model, quadratic, matrix, lr=1.0, sizes=[0.0, 1.0])


def test_the_page_says_of_which_batch_it_is_and_where_the_learning_rate_comes_from() -> None:
    page = str(explained(along_step(disturbed().train(), cross_entropy, examples(), lr=0.1, sizes=(1.0, 2.0), draws=1)))
    assert "the learning rate 0.1 (as given), on a batch of 24 examples, as given" in page
