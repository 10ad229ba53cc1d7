"""Neurons, layers and multilayer perceptrons of scalar values, with micrograd's interface.

Weights are drawn by the module `random`, in micrograd's order: the same `random.seed` makes the same network.
"""

import random
from collections.abc import Sequence
from typing import Any

from glassworks.micro.engine import Value


class Module:
    """Something with parameters."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def parameters(self) -> list[Value]:
        """What training changes."""
        return []


class Neuron(Module):
    """w · x + b, then the nonlinearity: "relu" (True), any other of `Value`'s functions by its name, or False for none.

    Weights are drawn uniformly from [-1, 1], the bias is 0.
    """

    def __init__(self, nin: int, nonlin: bool | str = True) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = "relu" if nonlin is True else nonlin
        if self.nonlin and not callable(getattr(Value, self.nonlin, None)):
            raise ValueError(f"nonlin (={nonlin!r}) is no function of a Value: try relu, tanh, sigmoid or sin")

    def __call__(self, x: Sequence[Any]) -> Value:
        """One output of nin inputs, which may be values or plain numbers."""
        if len(x) != len(self.w):
            raise ValueError(f"a neuron of {len(self.w)} inputs was given {len(x)}")
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return getattr(act, self.nonlin)() if self.nonlin else act

    def parameters(self) -> list[Value]:
        """Weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        kind = {"relu": "ReLU", False: "Linear"}.get(self.nonlin, str(self.nonlin).title())
        return f"{kind}Neuron({len(self.w)})"


class Layer(Module):
    """Nout neurons that read the same nin inputs."""

    def __init__(self, nin: int, nout: int, nonlin: bool | str = True) -> None:
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def __call__(self, x: Sequence[Any]) -> Any:
        """A list of nout values; for a single neuron its value alone."""
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Those of each neuron in turn."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(neuron) for neuron in self.neurons)}]"


class MLP(Module):
    """A multilayer perceptron: nin inputs, then layers of nouts neurons; the last layer is linear."""

    def __init__(self, nin: int, nouts: Sequence[int], nonlin: bool | str = True) -> None:
        sizes = [nin, *nouts]
        self.layers = [
            Layer(sizes[i], sizes[i + 1], nonlin if i != len(nouts) - 1 else False) for i in range(len(nouts))
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        """The outputs of the last layer, as `Layer` gives them."""
        for i, layer in enumerate(self.layers):
            x = layer([x] if i and isinstance(x, Value) else x)
        return x

    def parameters(self) -> list[Value]:
        """Those of each layer in turn."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"
