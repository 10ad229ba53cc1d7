import numpy as np
import pytest
import torch
from tests.interpret.networks import ARCHITECTURES, LABELS, drawn, tokens

from glassworks.interpret.transformer.lens import untrained
from glassworks.interpret.transformer.rollout import without_edges
from glassworks.interpret.transformer.saliency import gradient_times_input, saliency_of, token_saliency


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradient_times_input_is_the_slope_as_a_tokens_vector_shrinks(architecture: str) -> None:
    model = drawn(architecture).double()
    ids, target = tokens(6), 7
    found, log_probability = gradient_times_input(model, ids, target)

    def at(scale: float, place: int) -> float:
        with torch.no_grad():
            x, rope, mask = model.inputs(ids[None], None)
            x[0, place] *= scale
            for block in model.blocks:
                x = block(x, rope, mask, None)
            return float(model.unembed(x[:, -1])[0].log_softmax(-1)[target])

    slopes = [(at(1 + 1e-4, place) - at(1 - 1e-4, place)) / 2e-4 for place in range(6)]
    np.testing.assert_allclose(found.numpy(), slopes, rtol=1e-3, atol=1e-6)
    assert log_probability == pytest.approx(at(1, 0), rel=1e-5)


def test_what_is_measured_is_the_fall_of_the_targets_log_probability() -> None:
    model, ids, target = drawn("qwen3"), tokens(6), 7
    found = saliency_of(model, ids, target, samples=2)
    with torch.no_grad():
        last = model(ids[None])[0, -1].log_softmax(-1)[target]
        cut = without_edges(model, ids, torch.arange(6)).log_softmax(-1)[:, target]
    np.testing.assert_allclose(found.cut.numpy(), (last - cut).numpy(), rtol=1e-4, atol=1e-5)
    assert found.cut[-1] == pytest.approx(0, abs=1e-5)
    assert found.replaced.abs().min() > 0
    assert -1 <= found.correlation <= 1


def test_a_model_that_reads_but_the_last_token_gives_all_others_nothing() -> None:
    model = drawn("nanochat")
    with torch.no_grad():
        for block in model.blocks:
            block.attn.proj.weight.zero_()
    found = saliency_of(model, tokens(6), 7)
    for values in (found.cut, found.replaced, found.gradient):
        np.testing.assert_allclose(values[:-1].numpy(), 0, atol=1e-5)
    assert abs(found.replaced[-1]) > 1e-3


def test_a_target_that_is_no_token_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target \(=50\) must be from 0 to 49"):
        saliency_of(drawn(), tokens(6), 50)


@torch.no_grad()
def test_the_trace_holds_the_model_and_an_untrained_one_asked_about_the_same_token() -> None:
    model = drawn("qwen3")
    trace = token_saliency(model, tokens(), LABELS, samples=2, seed=3)
    logits = model(tokens()[None])[0, -1]
    target = int(logits.argmax())
    assert trace.meta["target"] == target
    assert trace.meta["log_probability"] == pytest.approx(float(logits.log_softmax(-1)[target]), rel=1e-4)
    for row, network in enumerate((model, untrained(model, 3))):
        expected = saliency_of(network, tokens(), target, samples=2, seed=3)
        for name in ("replaced", "cut", "gradient"):
            np.testing.assert_allclose(trace.arrays[name][row], getattr(expected, name).numpy(), rtol=1e-5)
        assert trace.arrays["correlation"][row] == pytest.approx(expected.correlation)
    other = token_saliency(model, tokens(), LABELS, target=5, samples=2, seed=3)
    assert other.meta["target"] == 5
    assert other.arrays["replaced"][0] == pytest.approx(
        saliency_of(model, tokens(), 5, samples=2, seed=3).replaced.numpy()
    )
