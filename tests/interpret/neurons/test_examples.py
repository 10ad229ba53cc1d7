import numpy as np
import pytest
import torch
from tests.interpret.networks import drawn, tokens
from torch import nn

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.neurons.examples import Examples, neuron_examples
from glassworks.models.gpt.model import GPT

POINT = "blocks.1.mlp.post"
SMALL = Examples(k=3, quantiles=(0.9, 0.5, 0.1), sample=20, before=2, after=1)


def texts(B: int, seed: int = 1) -> torch.Tensor:
    return tokens(B, 8, below=11, seed=seed)


def activations(model: GPT, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), capture(model, POINT) as seen:
        model(inputs)
    return seen[POINT]


def test_strongest_and_weakest_are_those_of_a_sort_one_an_input() -> None:
    model, inputs = drawn("gpt2", 0.5, vocab_size=11), texts(20)
    arrays = neuron_examples(model, inputs, texts(9, seed=2), POINT, examples=SMALL, batch_size=7).arrays
    a = activations(model, inputs)
    top, weakest = a.amax(1).topk(3, 0).values.T, -(-a).amax(1).topk(3, 0).values.T
    np.testing.assert_allclose(arrays["activation"][0, :, :3], top, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(arrays["activation"][0, :, -3:], weakest, rtol=1e-5, atol=1e-6)
    rows = arrays["row"][0, :, :3]
    assert (np.diff(np.sort(rows, 1), axis=1) > 0).all()


def test_every_activation_is_the_models_own_at_its_place_and_around_it() -> None:
    model, both = drawn("nanochat", 0.5, vocab_size=11), (texts(20), texts(9, seed=2))
    trace = neuron_examples(model, *both, POINT, examples=SMALL, batch_size=4)
    checked = 0
    for split, text in enumerate(both):
        a = np.pad(activations(model, text).numpy(), ((0, 0), (2, 1), (0, 0)), constant_values=np.nan)
        ids = np.pad(text.numpy(), ((0, 0), (2, 1)), constant_values=-1)
        row, position = trace.arrays["row"][split], trace.arrays["position"][split]
        for neuron, example in np.argwhere(row >= 0):
            r, p = row[neuron, example], position[neuron, example]
            window = trace.arrays["window_activation"][split, neuron, example]
            np.testing.assert_allclose(window, a[r, p : p + 4, neuron], rtol=1e-4, atol=1e-6)
            assert window[2] == trace.arrays["activation"][split, neuron, example]
            assert np.array_equal(trace.arrays["window_token"][split, neuron, example], ids[r, p : p + 4])
            checked += 1
    assert checked > 300
    assert np.isnan(trace.arrays["activation"][trace.arrays["row"] < 0]).all()


def test_quantiles_are_ordered_and_of_places_where_it_fires() -> None:
    model, inputs = drawn("nanochat", 0.5, vocab_size=11), texts(60)
    trace = neuron_examples(model, inputs, inputs, POINT, examples=SMALL)
    values = trace.arrays["activation"][0, :, 3:6]
    fires = trace.arrays["firing_rate"][0] > 0.5
    assert fires.sum() > 3
    assert (values[fires] > 0).all()
    assert (np.diff(values[fires], axis=1) <= 0).all()
    a = activations(model, inputs).flatten(0, 1).numpy()[:, fires]
    middle = np.array([np.median(x[x > 0]) for x in a.T])
    rank = np.array([(x[x > 0] < v).mean() for x, v in zip(a.T, values[fires, 1], strict=True)])
    assert abs(np.median(rank) - 0.5) < 0.15, middle


def test_statistics_and_histogram_count_every_place() -> None:
    model, inputs = drawn("nanochat", 0.5, vocab_size=11), texts(30)
    arrays = neuron_examples(model, inputs, inputs[:1], POINT, examples=SMALL, batch_size=4).arrays
    a = activations(model, inputs).flatten(0, 1).double().numpy()
    np.testing.assert_allclose(arrays["firing_rate"][0], (a > 0).mean(0), rtol=1e-6)
    np.testing.assert_allclose(arrays["zeros"][0], (a == 0).mean(0), rtol=1e-6)
    np.testing.assert_allclose(arrays["mean"][0], a.mean(0), rtol=1e-5)
    np.testing.assert_allclose(arrays["deviation"][0], a.std(0), rtol=1e-4)
    np.testing.assert_allclose(arrays["lowest"][0], a.min(0), rtol=1e-6)
    np.testing.assert_allclose(arrays["highest"][0], a.max(0), rtol=1e-5)
    for neuron in range(a.shape[1]):
        scale, x = arrays["scale"][0, neuron], a[:, neuron].astype(np.float32)
        expected = np.histogram(x[x != 0], 128, (-scale, scale))[0]
        assert np.array_equal(arrays["histogram"][0, neuron], expected)


def test_a_silent_neuron_is_dead_and_its_examples_are_missing() -> None:
    model = drawn("nanochat", 0.5, vocab_size=11)
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[5] = 0  # type: ignore[union-attr]
    trace = neuron_examples(model, texts(10), texts(10, seed=2), POINT, neurons=[5, 3], examples=SMALL)
    assert trace.labels["neuron"] == ["5", "3"]
    assert trace.arrays["firing_rate"][:, 0].tolist() == [0, 0]
    assert trace.arrays["zeros"][:, 0].tolist() == [1, 1]
    assert np.isnan(trace.arrays["activation"][0, 0, 3:6]).all()
    assert trace.arrays["histogram"][:, 0].sum() == 0
    assert trace.arrays["firing_rate"][0, 1] > 0


def test_masked_places_are_never_examples_nor_counted() -> None:
    model, inputs = drawn("nanochat", 0.5, vocab_size=11), texts(12)
    keep = torch.zeros(12, 8, dtype=torch.bool)
    keep[:, 3:5] = True
    trace = neuron_examples(model, inputs, inputs, POINT, keep=keep, keep_held_out=keep, examples=SMALL, batch_size=5)
    places = trace.arrays["position"]
    assert set(places[places >= 0].tolist()) == {3, 4}
    a = activations(model, inputs)[:, 3:5].flatten(0, 1)
    np.testing.assert_allclose(trace.arrays["mean"][0], a.mean(0), rtol=1e-5, atol=1e-7)


def test_a_neuron_that_detects_a_token_agrees_with_itself_and_not_with_another() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.post = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.post(nn.functional.one_hot(x, 11)[..., [2, 7]].float())
            return out

    trace = neuron_examples(
        Detector(),
        texts(40),
        texts(40, seed=2),
        "post",
        names=[f"<{i}>" for i in range(11)],
    )
    assert trace.arrays["token_agreement"].tolist() == [1, 1]
    assert trace.arrays["token_agreement_control"].tolist() == [0, 0]
    assert (trace.arrays["window_token"][:, 0, :8, 16] == 2).all()
    assert trace.arrays["vocabulary_count"].tolist() == torch.bincount(texts(40).flatten(), minlength=11).tolist()

    alone = neuron_examples(Detector(), texts(40), texts(40, seed=2), "post", neurons=[1])
    assert alone.arrays["token_agreement"].tolist() == [1]
    assert np.isnan(alone.arrays["token_agreement_control"]).tolist() == [True]  # not the neuron itself


def test_channels_of_a_convolution_are_neurons_and_its_places_positions() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 12, 2))
    x = torch.randn(10, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    keep = torch.rand(10, 3, 4, generator=torch.Generator().manual_seed(1)) < 0.7
    arrays = neuron_examples(model, x, x, "1", keep=keep, examples=SMALL, batch_size=4).arrays
    with torch.no_grad():
        maps = model[:2](x).masked_fill(~keep[:, None], -1)  # (10, 3, 3, 4)
    np.testing.assert_allclose(arrays["activation"][0, :, 0], maps.amax((0, 2, 3)), rtol=1e-6)
    for neuron in range(3):
        row, position = arrays["row"][0, neuron, 0], arrays["position"][0, neuron, 0]
        assert maps[row, neuron].flatten()[position] == arrays["activation"][0, neuron, 0]
    kept = [maps[:, i][keep] for i in range(3)]
    np.testing.assert_allclose(arrays["mean"][0], [k.mean() for k in kept], rtol=1e-5)


def test_works_on_any_module_and_the_result_does_not_depend_on_batches() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    one, many = (neuron_examples(model, x, x, "1", examples=SMALL, batch_size=n).arrays for n in (50, 7))
    assert "window_token" not in one
    assert one["activation"].shape == (2, 5, 12)
    for name in one:
        np.testing.assert_allclose(one[name], many[name], rtol=1e-5, err_msg=name)


def test_an_untrained_networks_neurons_of_the_same_numbers_stand_beside() -> None:
    model, fresh = drawn("nanochat", 0.5, vocab_size=11), drawn("gpt2", 0.5, vocab_size=11)
    given, names = (texts(20), texts(9, seed=2)), list("abcdefghijk")
    both = neuron_examples(model, *given, POINT, neurons=[1, 5], examples=SMALL, fresh=fresh, names=names)
    alone = neuron_examples(fresh, *given, POINT, neurons=[1, 5], examples=SMALL)
    for name, array in alone.arrays.items():
        np.testing.assert_array_equal(both.arrays[f"untrained_{name}"], array)
        assert both.axes[f"untrained_{name}"] == both.axes[name]
    assert "untrained_vocabulary_count" not in both.arrays


def test_refuses_bad_input() -> None:
    model, inputs = drawn("nanochat", 0.5, vocab_size=11), texts(4)
    with pytest.raises(ValueError, match=r"k \(=0\)"):
        Examples(k=0)
    with pytest.raises(ValueError, match="quantiles"):
        Examples(quantiles=(2.0,))
    with pytest.raises(ValueError, match="nearest: blocks.1.mlp.post"):
        neuron_examples(model, inputs, inputs, "blocks.1.mlp.pst")
    with pytest.raises(ValueError, match="one place, not 2"):
        neuron_examples(model, inputs, inputs, "blocks.*.mlp.post")
    with pytest.raises(ValueError, match="below the 64"):
        neuron_examples(model, inputs, inputs, POINT, neurons=[64])
    with pytest.raises(ValueError, match=r"held out inputs \(0, 8\)"):
        neuron_examples(model, inputs, inputs[:0], POINT)
    with pytest.raises(ValueError, match="counts 0 places"):
        neuron_examples(model, inputs, inputs, POINT, keep=torch.zeros(4, 8, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"names \(of 3 tokens\)"):
        neuron_examples(model, inputs, inputs, POINT, names=["a", "b", "c"])
    with torch.no_grad():
        model.blocks[0].mlp.up.weight[0, 0] = torch.nan  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="NaN.*begin at the weights of blocks.0.mlp.up"):
        neuron_examples(model, inputs, inputs, POINT)
