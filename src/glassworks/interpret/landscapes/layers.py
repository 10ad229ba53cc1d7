"""Layers in the order in which they run: the modules with parameters of their own, and what each gives."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from glassworks.interpret.access.finite import plain_name


@dataclass(frozen=True)
class Layer:
    """A module with parameters of its own."""

    name: str
    weights: list[Tensor]
    """Those that want gradients and that no earlier layer has."""


def layers_of(
    model: nn.Module, run: Callable[[], Any], look: Callable[[str, Tensor], object] = lambda name, output: None
) -> tuple[list[Layer], Any]:
    """The layers in the order in which `run` is through with them first, and what `run` gives.

    A layer is a module that has parameters of its own which want gradients, not counting those inside modules of it.
    One that is called several times is one layer. Parameters of a module that is never called belong to the layer
    around it, which reads them itself, as torch's attention does with those of its `out_proj`.

    Args:
        model: any module.
        run: a forward pass, of whatever else it computes.
        look: told each layer's name and output as it is given, the first tensor where it gives several.

    Raises: ValueError where nothing with parameters runs.
    """
    found: dict[nn.Module, Layer] = {}
    taken: set[int] = set()

    def left_of(module: nn.Module) -> list[Tensor]:
        own = [p for p in module.parameters(recurse=False) if p.requires_grad and id(p) not in taken]
        taken.update(map(id, own))
        return list[Tensor](own)

    def hook(name: str, module: nn.Module, output: Any) -> None:
        if module not in found:
            found[module] = Layer(plain_name(name) or "the network", left_of(module))
        given = tensor_in(output)
        if found[module].weights and given is not None:
            look(found[module].name, given)

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if any(p.requires_grad for p in module.parameters(recurse=False)):
                handle = module.register_forward_hook(lambda m, _, output, name=name: hook(name, m, output))
                stack.callback(handle.remove)
        result = run()
    for name, module in model.named_modules():
        if module not in found and (around := around_it(model, name, found)) is not None:
            around.weights.extend(left_of(module))
    layers = [layer for layer in found.values() if layer.weights]
    if not layers:
        raise ValueError(f"{type(model).__name__} runs no module that has weights of its own which want gradients")
    return layers, result


def around_it(model: nn.Module, name: str, found: dict[nn.Module, Layer]) -> Layer | None:
    """The innermost layer around a module, by the module's name."""
    while name:
        name = name.rpartition(".")[0]
        if (module := model.get_submodule(name)) in found:
            return found[module]
    return None


def tensor_in(output: Any) -> Tensor | None:
    """The first floating-point tensor of what a module gives."""
    for value in output if isinstance(output, tuple | list) else (output,):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None
