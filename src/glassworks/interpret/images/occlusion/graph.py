"""The graph of a model, as torch.fx finds it, and one node of it computed."""

import operator
from collections.abc import Mapping
from typing import Any

from torch import Tensor, fx, nn

IN_PLACE = (operator.iadd, operator.imul, operator.isub, operator.itruediv)


class Leaves(fx.Tracer):
    """Innermost modules are taken as they are."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is not looked into."""
        return not any(m.children()) or isinstance(m, nn.MultiheadAttention)


def graph_of(model: nn.Module) -> fx.Graph | None:
    """The model's graph; None where torch.fx finds none, or one in which what is changed in place is used again."""
    try:
        graph = Leaves().trace(model)
    except Exception:  # whatever a model's own code says of arguments that have no values
        return None
    modules = dict(model.named_modules())
    for node in graph.nodes:
        if changes(node, modules) and any(len(before.users) > 1 for before in node.all_input_nodes[:1]):
            return None
    return graph


def changes(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node works in place."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    if node.op == "call_method":
        return str(node.target).endswith("_")
    return node.op == "call_function" and (node.target in IN_PLACE or bool(node.kwargs.get("inplace")))


def run(node: fx.Node, values: Mapping[fx.Node, Any], modules: Mapping[str, nn.Module], *, cloned: bool = False) -> Any:
    """What a node makes of some values of its inputs; `cloned` = of copies of them."""
    of = lambda x: values[x].clone() if cloned and isinstance(values[x], Tensor) else values[x]  # noqa: E731
    args, kwargs = fx.map_arg(node.args, of), fx.map_arg(node.kwargs, of)
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    return getattr(args[0], str(node.target))(*args[1:], **kwargs)
