"""The noise scale of the gradient against distributions that are known."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import DOUBLE, Bowl, cross_entropy, disturbed, examples, same, state_of
from torch import Tensor, nn

from glassworks.draw.scales import figure
from glassworks.interpret.landscapes.noise_scale import estimates, grams_of, noise_scale
from glassworks.trace.render import trace_figure


def slopes(model: nn.Module, batch: Tensor) -> Tensor:
    """A loss whose gradient is each example itself."""
    return (batch @ model()).mean()


def drawn(count: int, mean: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 20, generator=generator, dtype=DOUBLE) + mean


@pytest.mark.parametrize("parts", [16, 128])
def test_of_known_gradients_it_is_variance_by_squared_mean_and_the_interval_holds_it(parts: int) -> None:
    """20 weights of variance 1 and mean 0.5: 20 / (20 / 4) = 4."""
    model, held = Bowl(torch.zeros(1, 20, dtype=DOUBLE)), []
    for seed in range(40):
        trace = noise_scale(model, slopes, drawn(128, 0.5, seed), parts=parts)
        held.append(bool(trace.arrays["noise_scale_low"][0] <= 4 <= trace.arrays["noise_scale_high"][0]))
    assert np.mean(held) >= 0.85
    assert trace.arrays["noise_scale"][0] == pytest.approx(4, rel=0.25)


def test_both_estimates_are_without_bias() -> None:
    found = []
    for seed in range(300):
        gradients = drawn(6, 0.2, seed).numpy()
        found.append(estimates(gradients @ gradients.T, 1))
    square, noise = np.array(found).mean(0)
    assert square == pytest.approx(20 * 0.2**2, abs=0.15)
    assert noise == pytest.approx(20, rel=0.03)


def test_one_example_a_part_is_the_sample_covariance_of_gradients() -> None:
    batch = drawn(32, 0.5, 0)
    trace = noise_scale(Bowl(torch.zeros(1, 20, dtype=DOUBLE)), slopes, batch, parts=32)
    assert trace.arrays["noise"][0] == pytest.approx(float(batch.var(0).sum()), rel=1e-9)
    assert trace.arrays["gradient"][0] == pytest.approx(float(batch.mean(0).square().sum() - batch.var(0).sum() / 32))


def test_gradients_that_have_nothing_in_common_have_no_upper_end_and_stay_within_chance() -> None:
    model, within = Bowl(torch.zeros(1, 20, dtype=DOUBLE)), []
    for seed in range(20):
        trace = noise_scale(model, slopes, drawn(64, 0.0, seed), parts=32)
        within.append(trace.arrays["gradient"][0] <= trace.arrays["gradient_chance"][0])
        if trace.arrays["gradient"][0] <= 0:
            assert trace.arrays["noise_scale_high"][0] == np.inf
    assert np.mean(within) >= 0.8
    strong = noise_scale(model, slopes, drawn(64, 0.5, 0), parts=32)
    assert strong.arrays["gradient"][0] > 2 * strong.arrays["gradient_chance"][0]


def test_a_noise_scale_that_is_within_chance_is_said_to_be_unmeasured_and_not_drawn() -> None:
    model = Bowl(torch.zeros(1, 20, dtype=DOUBLE))
    traces = [noise_scale(model, slopes, drawn(64, 0.0, seed), parts=32) for seed in range(4)]
    trace = next(one for one in traces if one.arrays["gradient"][0] < one.arrays["gradient_chance"][0])
    page = str(trace_figure(trace))
    assert "Not measurable here: this network. " in page
    assert "share of the largest step" not in page
    assert "noise scale, in examples" not in page
    assert np.isnan(trace.arrays["layer_noise_scale"][0]).all()


def test_a_noise_scale_that_is_measured_is_one_mark_with_its_interval() -> None:
    trace = noise_scale(Bowl(torch.zeros(1, 20, dtype=DOUBLE)), slopes, drawn(64, 0.5, 0), parts=32)
    page = str(trace_figure(trace))
    assert "Not measurable" not in page
    assert page.count("noise scale, in examples") == 1
    assert "upper end of its 95" not in page
    low, high = (figure(float(trace.arrays[f"noise_scale_{end}"][0])) for end in ("low", "high"))
    assert f"from {low} to {high}" in page
    assert "share of the largest step" in page


def test_layers_add_up_to_the_whole_and_nothing_is_changed() -> None:
    model, batch = disturbed().train(), examples()
    before = state_of(model)
    grams = grams_of(model, cross_entropy, batch, 6, 0)
    whole = np.sum([estimates(gram, 4) for gram in grams.values()], 0)
    trace = noise_scale(model, cross_entropy, batch, parts=6)
    assert (trace.arrays["gradient"][0], trace.arrays["noise"][0]) == pytest.approx(tuple(whole), rel=1e-9)
    assert same(before, state_of(model))
    assert trace.labels["layer"] == ["0", "1", "5"]
    at = trace.labels["batch_size"].index("16")
    assert trace.arrays["step_share"][0, at] == pytest.approx(1 / (1 + trace.arrays["noise_scale"][0] / 16))


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parts \(=5\) must divide the batch, which has 24 examples"):
        noise_scale(disturbed().eval(), cross_entropy, examples(), parts=5)
    with pytest.raises(ValueError, match=r"parts \(=1\) must be at least 2"):
        noise_scale(disturbed().eval(), cross_entropy, examples(), parts=1)
