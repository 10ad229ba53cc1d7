"""What people give to a function of this room, made what it takes: arrays and lists as tensors, and plain refusals.

`public` reads a function's annotations. Where one says Tensor, a NumPy array or nested lists of numbers do as well.
Where one says a class of module, as GPT, another is refused in one line, before it ends in an attribute that it lacks;
one that was compiled is taken as itself. Where one says a sequence of texts, a single text is refused, which would be
taken letter by letter. And a function works under `torch.inference_mode`, which it leaves for as long as it runs.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.interpret.access.compiled import WRAPPER

PUBLIC: dict[str, Callable[..., Any]] = {}
"""Every such function of the modules that are imported, as "module:name" of `interpret`."""

P = ParamSpec("P")
R = TypeVar("R")


def public(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its arguments made what their annotations say, or refused in one line that names them."""
    signature = inspect.signature(function)
    kinds = {name: parts_of_type(parameter.annotation) for name, parameter in signature.parameters.items()}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        with left_inference_mode():
            for name, value in bound.arguments.items():
                bound.arguments[name] = fitting(value, name, kinds[name])
            return function(*bound.args, **bound.kwargs)

    PUBLIC[f"{function.__module__.removeprefix('glassworks.interpret.')}:{function.__name__}"] = call
    return call


def left_inference_mode() -> AbstractContextManager[object]:
    """Inside the block there is no inference mode: only no gradients, if there was one."""
    if not torch.is_inference_mode_enabled():
        return nullcontext()
    stack = ExitStack()
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.no_grad())
    return stack


def parts_of_type(annotation: Any) -> list[Any]:
    """The members of a union, or the type itself."""
    return list(typing.get_args(annotation)) if typing.get_origin(annotation) in UNIONS else [annotation]


UNIONS = (typing.Union, type(int | str))


def fitting(value: Any, name: str, kinds: Sequence[Any]) -> Any:
    """One argument as one of its types."""
    classes = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, nn.Module)]
    if classes:
        return a_module(value, name, classes[0]) if value is not None or type(None) not in kinds else None
    if isinstance(value, str) and str not in kinds and any(typing.get_origin(kind) is Sequence for kind in kinds):
        raise ValueError(f"{name} (={value!r}) is one text: give a list of them")
    if isinstance(value, int | float) and (int in kinds or float in kinds):
        return value
    if any(is_tensor_type(kind) for kind in kinds) and value is not None:
        if isinstance(value, tuple) and any(typing.get_origin(kind) is tuple for kind in kinds):
            return tuple(as_tensor(x, name) for x in value)
        return as_tensor(value, name)
    return value


def a_module(value: Any, name: str, kind: type[nn.Module]) -> Any:
    """A model, if it is of the class that a function is about; any module where that is `nn.Module`."""
    root = getattr(value, WRAPPER, value) if isinstance(value, nn.Module) else value
    if kind is not nn.Module and isinstance(root, kind):
        return root
    actual = type(root).__name__
    if not isinstance(root, nn.Module):
        raise ValueError(f"{name} must be a module, not a {actual}: open a folder with glassworks.models.io.load_model")
    if kind is nn.Module:
        return value
    if not kind.__module__.startswith("glassworks.models."):
        raise ValueError(f"{name} must be a {kind.__name__}, not a {actual}")
    raise ValueError(
        f"{name} must be a {kind.__name__} of glassworks, not a {actual}: open its folder with "
        "glassworks.models.io.load_model, or take one of the functions for any module (capture, patch_points, "
        "ablate_points, probe, steer)"
    )


def is_tensor_type(kind: Any) -> bool:
    """Whether an annotation is a tensor, as jaxtyping's are."""
    return kind is Tensor or getattr(kind, "array_type", None) is Tensor


# ----------------------------------------------------------------------------------------------------------------------
# Tensors


def as_tensor(value: Any, name: str) -> Tensor:
    """Numbers as a tensor; floats of NumPy, which are float64 there unless said otherwise, in torch's own default."""
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() and not torch.is_inference_mode_enabled() else value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, np.ndarray | np.generic | Sequence):
        raise ValueError(f"{name} must be a tensor, an array or lists of numbers, not a {type(value).__name__}")
    try:
        if isinstance(value, Sequence) and len(value) and all(isinstance(x, Tensor) for x in value):
            return torch.stack(list(value))
        array = np.array(value)  # a copy: torch takes none that is read-only or runs backwards
        if array.dtype.kind == "f" and array.dtype != np.float16:
            array = array.astype(np.dtype(str(torch.get_default_dtype()).removeprefix("torch.")))
        return torch.from_numpy(array.astype(np.int64) if array.dtype.kind == "u" and array.itemsize > 1 else array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be a tensor, an array or lists of numbers of one shape: {error}") from None


def tensors(value: Any, name: str) -> Any:
    """A model's inputs: a tensor, or what `as_tensor` makes one of; of a dict, its values."""
    if isinstance(value, Mapping):
        return {key: tensors(x, f"{name}[{key!r}]") for key, x in value.items()}
    return as_tensor(value, name) if isinstance(value, np.ndarray | list | Tensor) else value
