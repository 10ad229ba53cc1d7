"""Neurons, layers and perceptrons with micrograd's interface."""

import random

import pytest
import torch

from glassworks.micro import MLP, Neuron
from glassworks.micro.engine import Value
from glassworks.micro.nn import Layer


def test_a_perceptron_has_torchs_outputs_and_gradients() -> None:
    random.seed(0)
    net = MLP(3, [4, 4, 2])
    x = [0.5, -1.0, 2.0]
    total = sum(net(x), Value(0))
    total.backward()
    h = torch.tensor(x, dtype=torch.float64)
    tensors = []
    for i, layer in enumerate(net.layers):
        w = torch.tensor([[p.data for p in n.w] for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        tensors += [w, b]
        h = w @ h + b
        h = h.relu() if i < 2 else h
    h.sum().backward()
    assert total.data == pytest.approx(h.sum().item())
    ours = [p.grad for layer in net.layers for n in layer.neurons for p in n.w]
    theirs = [g for w in tensors[::2] for g in w.grad.flatten().tolist()]
    assert ours == pytest.approx(theirs)
    assert [n.b.grad for layer in net.layers for n in layer.neurons] == pytest.approx(
        [g for b in tensors[1::2] for g in b.grad.tolist()]
    )


def test_the_last_layer_is_linear_and_says_so() -> None:
    net = MLP(2, [16, 16, 1])
    assert len(net.parameters()) == 337
    assert str(net.layers[0].neurons[0]) == "ReLUNeuron(2)"
    assert str(net.layers[2]) == "Layer of [LinearNeuron(16)]"
    assert str(MLP(1, [1])) == "MLP of [Layer of [LinearNeuron(1)]]"


def test_a_single_output_is_a_value_and_several_are_a_list() -> None:
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert len(MLP(2, [3, 2])([1.0, 2.0])) == 2
    assert isinstance(MLP(2, [1, 1])([1.0, 2.0]), Value)  # a layer of one neuron in the middle


@pytest.mark.parametrize("nonlin", ["tanh", "sigmoid", "sin"])
def test_other_nonlinearities_by_name(nonlin: str) -> None:
    n = Neuron(2, nonlin)
    linear = sum((w * x for w, x in zip(n.w, (1.0, -2.0), strict=True)), n.b)
    assert n([1.0, -2.0]).data == getattr(linear, nonlin)().data


def test_zero_grad_clears_every_parameter() -> None:
    layer = Layer(2, 2)
    for p in layer.parameters():
        p.grad = 1.0
    layer.zero_grad()
    assert not any(p.grad for p in layer.parameters())


def test_wrong_shapes_and_names_are_refused() -> None:
    with pytest.raises(ValueError, match="neuron of 2 inputs was given 3"):
        MLP(2, [2])([1, 2, 3])
    with pytest.raises(ValueError, match="'frobnicate'"):
        Neuron(2, "frobnicate")


def test_a_seed_makes_micrograds_weights() -> None:
    # Two uniform numbers a neuron, in order, biases 0. (Single neurons: beartype draws numbers to look into lists.)
    random.seed(1337)
    neurons = [Neuron(2), Neuron(2)]
    random.seed(1337)
    drawn = [random.uniform(-1, 1) for _ in range(4)]
    assert [p.data for n in neurons for p in n.parameters()] == [*drawn[:2], 0.0, *drawn[2:], 0.0]
