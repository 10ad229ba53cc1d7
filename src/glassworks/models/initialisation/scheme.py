"""One call for all schemes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.models.initialisation.draws import draw_default, draw_glorot, draw_he, draw_orthogonal
from glassworks.models.initialisation.fixup import draw_fixup
from glassworks.models.initialisation.layers import left_as_they_are
from glassworks.models.initialisation.lsuv import draw_lsuv
from glassworks.models.initialisation.mup import draw_mup
from glassworks.models.initialisation.names import SCHEMES, Scheme

PLAIN: dict[Scheme, Callable[[nn.Module, int], None]] = {
    "default": draw_default,
    "glorot": draw_glorot,
    "he": draw_he,
    "orthogonal": draw_orthogonal,
}


def draw(
    model: nn.Module,
    scheme: Scheme,
    *,
    run: Callable[[], Tensor] | None = None,
    base: nn.Module | None = None,
    seed: int = 0,
) -> list[str]:
    """Draw the weights of any module by a scheme, in place; returns what there is to be said of it, in sentences.

    Args:
        model: linear and convolutional layers of it are drawn; frozen weights and embeddings stay as they are.
        scheme: one of `SCHEMES`.
        run: for lsuv and fixup: the loss of a batch by the model, as it is then.
        base: for mup: a network of the same architecture, of the width at which the learning rate was chosen.
        seed: of the weights: the same seed draws the same ones.

    Raises: ValueError for another scheme, for a module without such layers, and where run or base is missing.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"initialisation (={scheme!r}) must be one of {', '.join(SCHEMES)}")
    left = left_as_they_are(model)
    notes = [f"left as they were: {', '.join(left)}"] if left and scheme != "default" else []
    if scheme in PLAIN:
        PLAIN[scheme](model, seed)
    elif scheme == "mup":
        draw_mup(model, given(base, "mup", "base, a network of the same architecture and another width"), seed)
    else:
        needed = given(run, scheme, "a batch")
        with restored_if_refused(model):
            if scheme == "lsuv":
                notes = draw_lsuv(model, needed, seed) + notes
            else:
                notes = draw_fixup(model, needed, seed) + notes
    return notes


@contextmanager
def restored_if_refused(model: nn.Module) -> Iterator[None]:
    """A batch that shows a scheme to be impossible half way leaves the weights as they were."""
    before = [(p, p.detach().clone()) for p in model.parameters()]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for p, values in before:
                p.copy_(values)
        raise


def given(value: Any, scheme: Scheme, what: str) -> Any:
    """A value that a scheme needs; ValueError where there is none."""
    if value is None:
        raise ValueError(f"initialisation (={scheme!r}) needs {what}: give one")
    return value
