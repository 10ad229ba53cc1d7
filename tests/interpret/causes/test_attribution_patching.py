import numpy as np
import pytest
import torch
from tests.interpret.networks import ARCHITECTURES, METRIC, drawn, pair

from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.causes.attribution_patching import attribution_patching
from glassworks.interpret.causes.metrics import kl_divergence, logit_difference
from glassworks.interpret.causes.patching import activation_patching
from glassworks.interpret.causes.sites import SITES
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_estimate_is_the_derivative_of_patching(name: str) -> None:
    model, (clean, corrupt) = drawn(name), pair()
    trace = attribution_patching(model, clean, corrupt, METRIC, sites=list(SITES), check=0)
    small = 1e-3
    for site, kind in SITES.items():
        point = f"blocks.1.{kind.tap}"
        with torch.no_grad(), capture(model, point) as seen:
            model(clean)
            new = seen[point]
            model(corrupt)
            old = seen[point]
        ends = []
        for step in (small, -small):
            with torch.no_grad(), patch(model, {point: old + step * (new - old)}):
                ends.append(METRIC(model(corrupt)).mean().item())
        slope = (ends[0] - ends[1]) / (2 * small)
        found = trace.arrays[site][1].sum() * trace.meta["scale"]
        assert found == pytest.approx(slope, rel=1e-2, abs=1e-3), site


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_identical_inputs_have_exactly_no_attribution(name: str) -> None:
    model, (clean, _) = drawn(name), pair()
    trace = attribution_patching(model, clean, clean, METRIC, sites=list(SITES), check=0)
    assert all((trace.arrays[site] == 0).all() for site in SITES)


def test_the_truth_beside_it_is_activation_patching() -> None:
    model, (clean, corrupt) = drawn("qwen3"), pair()
    for by_position in (True, False):
        estimate = attribution_patching(model, clean, corrupt, METRIC, sites=["z", "v"], by_position=by_position)
        true = activation_patching(model, clean, corrupt, METRIC, sites=["z", "v"], by_position=by_position)
        for site in ("z", "v"):
            np.testing.assert_allclose(estimate.arrays[f"{site}_true"], true.arrays[site], atol=1e-5)
            assert estimate.arrays[site].shape == true.arrays[site].shape
            assert estimate.axes[site] == true.axes[site]


def test_correlations_are_those_of_the_arrays_and_beat_the_shuffled_estimate() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    trace = attribution_patching(model, clean, corrupt, METRIC, sites="z")
    guess, true = trace.arrays["z"].ravel(), trace.arrays["z_true"].ravel()
    assert trace.meta["z_pearson"] == pytest.approx(np.corrcoef(guess, true)[0, 1], abs=1e-6)
    ranks = [x.argsort().argsort() for x in (guess, true)]
    distinct = len(np.unique(guess)) == len(guess) and len(np.unique(true)) == len(true)
    if distinct:
        assert trace.meta["z_spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-6)
    assert float(trace.meta["z_pearson"]) > 0.9  # small weights: nearly linear
    assert abs(float(trace.meta["z_shuffled"])) < 0.5


def test_the_truth_may_be_sampled() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    true = attribution_patching(model, clean, corrupt, METRIC, sites="z", check=7).arrays["z_true"]
    assert np.isfinite(true).sum() == 7


def test_it_takes_two_forward_passes_and_one_backward() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    calls = {"forward": 0, "backward": 0}
    count = lambda key: calls.__setitem__(key, calls[key] + 1)  # noqa: E731
    handles = [
        model.register_forward_hook(lambda *_: count("forward")),
        model.norm.register_full_backward_hook(lambda *_: count("backward")),
    ]
    attribution_patching(model, clean, corrupt, METRIC, sites=list(SITES), check=0)
    for handle in handles:
        handle.remove()
    assert calls == {"forward": 2, "backward": 1}


def test_frozen_parameters_training_mode_and_no_grad_change_nothing() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    expected = attribution_patching(model, clean, corrupt, METRIC, sites="q", check=0).arrays["q"]
    model.train().requires_grad_(False)
    with torch.no_grad():
        found = attribution_patching(model, clean, corrupt, METRIC, sites="q", check=0).arrays["q"]
    np.testing.assert_array_equal(found, expected)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_slopes_at_the_reference_of_a_divergence_are_refused() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    with torch.no_grad():
        there, here = kl_divergence(model(clean)), kl_divergence(model(corrupt))
    assert attribution_patching(model, clean, corrupt, there, check=0).arrays["resid_pre"].any()
    with pytest.raises(ValueError, match=r"metric is flat at the corrupt run.*exchanging the two"):
        attribution_patching(model, clean, corrupt, here)


def test_correlations_that_do_not_exist_are_left_out() -> None:
    model = GPT(GPTConfig("qwen3", 50, 8, 2, 2, 16, n_inner=0))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.3, generator=generator)
    trace = attribution_patching(model, *pair(), METRIC, sites=["z", "mlp_out"])
    assert "z_pearson" in trace.meta
    assert not any(name.startswith("mlp_out") for name in trace.meta)


def test_refuses_what_has_no_gradient_or_cannot_be_counted() -> None:
    model, (clean, corrupt) = drawn("gpt2"), pair()
    with pytest.raises(ValueError, match="without a gradient: leave out argmax, detach"):
        attribution_patching(model, clean, corrupt, lambda logits: METRIC(logits).detach())
    with pytest.raises(ValueError, match="torch.int64: it must give floats"):
        attribution_patching(model, clean, corrupt, lambda logits: logits.argmax(-1).sum(1))
    with pytest.raises(ValueError, match=r"check \(=-1\) must be at least 0"):
        attribution_patching(model, clean, corrupt, METRIC, check=-1)


def test_memory_for_the_gradients_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GPT(GPTConfig("qwen3", 40_000, 16, 1, 1, 8))
    tokens, sizes = torch.zeros(16, 16, dtype=torch.int64), []
    model.head.register_forward_hook(lambda _m, _a, out: sizes.append(out.nbytes))
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free: give fewer or shorter pairs"):
        attribution_patching(model, tokens, tokens + 1, logit_difference(tokens[:, 0], tokens[:, 0] + 1))
    assert not sizes
