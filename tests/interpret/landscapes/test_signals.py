"""Signals forward and back in networks where they are known, and sizes over widths."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import cross_entropy, disturbed, examples, same, state_of
from torch import Tensor, nn

from glassworks.interpret.landscapes.layers import layers_of
from glassworks.interpret.landscapes.signals import coordinate_check, signal
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss


def deep(gain: float, depth: int = 8, width: int = 256) -> nn.Sequential:
    """Linear layers whose weights have variance gain² / width."""
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(depth)))
    for layer in net:
        nn.init.normal_(layer.weight, std=gain / width**0.5)
    return net


def squared(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch).square().sum(1).mean() / 2


def sloped(model: nn.Module, batch: Tensor) -> Tensor:
    """A loss whose gradient by an example's output is given."""
    return (model(batch[0]) * batch[1]).sum(1).mean()


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_in_a_deep_linear_network_variance_changes_by_the_squared_gain_a_layer(gain: float) -> None:
    batch = torch.randn(2, 64, 256)
    trace = signal(deep(gain), sloped, batch)
    forward, backward = trace.arrays["forward"][0], trace.arrays["backward"][0]
    np.testing.assert_allclose(forward, [gain ** (2 * (i + 1)) for i in range(8)], rtol=0.25)
    np.testing.assert_allclose(backward[:-1] / backward[1:], gain**2, rtol=0.15)
    assert backward[-1] == pytest.approx(float(batch[1].var(correction=0)), rel=1e-5)


def test_relu_halves_what_he_initialisation_doubles() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(*(m for _ in range(6) for m in (nn.Linear(512, 512, bias=False), nn.ReLU(inplace=True))))
    for layer in net[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    trace = signal(net, squared, torch.randn(64, 512))
    np.testing.assert_allclose(trace.arrays["forward"][0], 2.0, rtol=0.25)  # before each ReLU, though it works in place
    assert trace.arrays["forward"][1, -1] < 0.01  # torch's default: variance 1 / 3 of what it reads, halved


def test_others_stand_beside_it_by_name_and_must_have_the_same_layers() -> None:
    batch = torch.randn(8, 256)
    trace = signal(deep(1.0), squared, batch, name="He", beside={"torch": deep(0.5), "large": deep(2.0)})
    assert trace.labels["network"] == ["He", "torch", "large"]
    assert trace.legend.axes["network"].controls == ("torch", "large")
    with pytest.raises(ValueError, match="layers have the same names"):
        signal(deep(1.0), squared, batch, beside={"other": deep(1.0, depth=3)})


def test_nothing_is_changed_and_a_gpt_works() -> None:
    model = disturbed().train()
    before = state_of(model)
    signal(model, cross_entropy, examples())
    assert same(before, state_of(model))
    tokens = torch.randint(0, 11, (2, 8))
    trace = signal(GPT(GPTConfig("gpt2", 11, 8, 2, 2, 8)), next_token_loss, (tokens, tokens))
    assert "blocks.1.mlp.up" in trace.labels["layer"]
    assert np.isfinite(trace.arrays["forward"]).all()


# ----------------------------------------------------------------------------------------------------------------------


def readout(scale: float) -> object:
    """A hidden layer and a readout whose learning rate goes as width ** scale, both of variance 1 / width."""

    def build(width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, width, bias=False), nn.Linear(width, 3, bias=False))
        nn.init.normal_(net[0].weight)
        nn.init.normal_(net[1].weight, std=1 / width)
        return net, torch.optim.Adam([{"params": net[0].weight}, {"params": net[1].weight, "lr": width**scale}], lr=0.0)

    return build


def test_a_rate_that_falls_with_the_width_is_flat_and_a_constant_one_grows_with_it() -> None:
    widths, found = [64, 256, 1024, 4096], {}
    for scale in (-1.0, 0.0):
        trace = coordinate_check(readout(scale), widths, cross_entropy, lambda _: examples(), steps=2)
        found[scale] = trace.arrays["slope"][trace.labels["layer"].index("1")]
    assert found[-1.0][-1] == pytest.approx(0, abs=0.15)
    assert found[0.0][-1] == pytest.approx(1, abs=0.15)
    assert found[0.0][0] == pytest.approx(found[-1.0][0])  # the start is the same
    assert not trace.arrays["change"][:, 0].any()


def test_one_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"widths \(=\[8\]\) must be at least two"):
        coordinate_check(readout(0.0), [8], cross_entropy, lambda _: examples())


class Flattened(nn.Module):
    """Layers that read examples as rows of tokens, and all tokens side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).flatten(0, 1)).view(x.shape)


def test_gradients_of_layers_are_an_examples_own_however_a_layer_has_its_rows() -> None:
    torch.manual_seed(0)
    batch = torch.randn(2, 6, 5, 8)  # six examples of five tokens
    for layer in (net := Flattened()).children():
        nn.init.orthogonal_(layer.weight)
    backward = signal(net, lambda net, batch: (net(batch[0]) * batch[1]).flatten(1).sum(1).mean(), tuple(batch))
    assert backward.arrays["backward"][0] == pytest.approx(float(batch[1].var(correction=0)), rel=0.05)


def test_attention_is_a_layer_with_all_of_its_weights() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.attention(x, x, x)[0].mean(1))

    net = Attending()
    layers, _ = layers_of(net, lambda: net(torch.randn(2, 5, 8)))
    assert [(layer.name, len(layer.weights)) for layer in layers] == [("attention", 4), ("head", 2)]
    assert {id(w) for layer in layers for w in layer.weights} == set(map(id, net.parameters()))


def test_a_width_that_diverges_and_layers_that_give_0_have_no_numbers() -> None:
    def build(width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 3))
        nn.init.zeros_(net[1].weight)
        nn.init.zeros_(net[1].bias)
        return net, torch.optim.SGD(net.parameters(), lr=1e-3 if width < 8 else 1e38)

    trace = coordinate_check(build, [4, 8], cross_entropy, lambda _: examples(), steps=3)
    size, slope = trace.arrays["size"], trace.arrays["slope"]
    assert not size[1, 0].any()
    assert np.isnan(slope[1, 0])
    assert np.isfinite(size[:, :, 0]).all()
    assert np.isnan(size[:, -1, 1]).all()
    assert np.isnan(slope[:, -1]).all()
    assert trace._repr_html_()
