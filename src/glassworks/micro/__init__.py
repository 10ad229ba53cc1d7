"""The scalar engine, readable in one sitting: values, networks, byte-pair encoding, and a compiler for them."""

from glassworks.micro.compiler import compile
from glassworks.micro.engine import Value
from glassworks.micro.nn import MLP, Layer, Module, Neuron

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value", "compile"]
