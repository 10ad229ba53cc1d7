"""Draw the weights of a module by a scheme, and see what that does to its signals, beside torch's default.

trace = initialise(model, "orthogonal", batch=batch, loss_fn=loss_fn)
print(initialisation_table(trace))
"""

import copy
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.core.columns import aligned
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.finite import plain_name
from glassworks.interpret.landscapes.legends.initialisation import DEFAULT, INITIALISATION
from glassworks.interpret.landscapes.objective import lent, mean_loss
from glassworks.interpret.landscapes.signals import variances
from glassworks.models.initialisation.draws import draw_default
from glassworks.models.initialisation.layers import ACTIVATIONS, Layer, critical_gain, layers_to_draw
from glassworks.models.initialisation.names import Scheme
from glassworks.models.initialisation.scheme import draw
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace


@public
def initialise(
    model: nn.Module,
    scheme: Scheme,
    *,
    batch: Any,
    loss_fn: LossFn,
    base: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """Draw the weights of any module by a scheme, in place, and measure the signal forward and the gradient back.

    Linear and convolutional layers are drawn; frozen weights and embeddings stay as they are. µP's learning rates are
    `models.initialisation.mup.mup_groups`.

    Args:
        model: any module, in the mode in which it is to be looked at.
        scheme: default, glorot, he, orthogonal, lsuv, fixup or mup; `models.initialisation.names` says what each does.
        batch: what the signals are measured on, and what lsuv scales layers by.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        base: for mup: a network of the same architecture, of the width at which the learning rate was chosen.
        seed: of the weights, and of the control's.

    Returns: a trace of
        forward, backward (network, layer): as `signal` has them, of this network and of torch's default.
        gain, ideal_gain (network, drawn): root mean square of a layer's weights times √fan-in, and what keeps small
            signals through the activation after it; NaN where none of the model's activation modules follows.

    Raises: ValueError for another scheme, a module without such layers, and where the batch does not do.
    """
    plain = copy.deepcopy(model)
    draw_default(plain, seed)

    def run() -> Tensor:
        return mean_loss(loss_fn, model, batch)

    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of dropout
        notes = draw(model, scheme, run=run, base=base, seed=seed)
    networks = {f"{scheme} (this network)" if scheme == "default" else scheme: model, DEFAULT: plain}
    signals = [variances(network, loss_fn, batch, seed) for network in networks.values()]
    ideal = ideal_gains(model, loss_fn, batch)
    layers = [name for name in signals[0] if name in ideal]
    gains = [{called(layer.name): gain(layer) for layer in layers_to_draw(network)} for network in networks.values()]
    arrays = {
        "forward": np.array([[forward for forward, _ in found.values()] for found in signals]),
        "backward": np.array([[backward for _, backward in found.values()] for found in signals]),
        "gain": np.array([[found[name] for name in layers] for found in gains]),
        "ideal_gain": np.array([[ideal[name] for name in layers]] * len(networks)),
    }
    of_drawn = [list(signals[0]).index(name) for name in layers]
    return Trace(
        "initialisation",
        arrays,
        {
            "forward": ("network", "layer"),
            "backward": ("network", "layer"),
            "gain": ("network", "drawn"),
            "ideal_gain": ("network", "drawn"),
        },
        {"network": list(networks), "layer": list(signals[0]), "drawn": layers},
        {
            "scheme": scheme,
            "notes": ". ".join(note[0].upper() + note[1:] for note in notes) + ("." if notes else ""),
            "forward_factor": factor(arrays["forward"][0, of_drawn]),
            "backward_factor": factor(arrays["backward"][0, of_drawn][::-1]),
            "seed": seed,
        },
        legend=INITIALISATION,
    )


def initialisation_table(trace: Trace, width: int | None = None) -> str:
    """What `initialise` found as a table for a terminal: a line a layer, both networks side by side."""
    (name, control), arrays = trace.labels["network"], trace.arrays
    head = ("layer", "gain", "ideal", f"forward, {name}", control, f"backward, {name}", control)
    gains = dict(zip(trace.labels["drawn"], zip(arrays["gain"][0], arrays["ideal_gain"][0], strict=True), strict=True))
    rows = [
        (
            layer,
            *map(number, (*gains.get(layer, (np.nan, np.nan)), *arrays["forward"][:, i], *arrays["backward"][:, i])),
        )
        for i, layer in enumerate(trace.labels["layer"])
    ]
    forward, backward = (number(trace.meta[f"{way}_factor"]) for way in ("forward", "backward"))
    rows.append(("factor a layer", "", "", forward, "", backward, ""))
    lines = aligned([head, *rows], width=width, right=range(1, len(head)))
    notes = str(trace.meta["notes"])
    return "\n".join([*lines, notes] if notes else lines)


def number(value: Any) -> str:
    """Three digits; a dash where there is none."""
    return "-" if np.isnan(value) else f"{value:.3g}"


def gain(layer: Layer) -> float:
    """The root mean square of a layer's weights, times √fan-in."""
    return float(layer.weight.detach().double().square().mean().sqrt()) * float(layer.fan_in**0.5)


def factor(variances: np.ndarray) -> float:
    """By how much a variance is multiplied a layer: the geometric mean; NaN where one of its ends is 0."""
    steps = len(variances) - 1
    if steps < 1 or not variances[0] > 0 or not variances[-1] > 0:
        return float("nan")
    return float((variances[-1] / variances[0]) ** (1 / steps))


def ideal_gains(model: nn.Module, loss_fn: LossFn, batch: Any) -> dict[str, float]:
    """For each layer that schemes draw, in the order in which they run, the critical gain of the activation after it.

    1 for the last layer; NaN where no activation module comes before the next layer.
    """
    names = {layer.module: called(layer.name) for layer in layers_to_draw(model)}
    found: dict[str, float] = {}

    def look(module: nn.Module) -> None:
        if module in names:
            found.setdefault(names[module], float("nan"))
        elif found and np.isnan(found[last := next(reversed(found))]):
            found[last] = critical_gain(module)

    with ExitStack() as stack:
        for module in model.modules():
            if module in names or isinstance(module, ACTIVATIONS):
                stack.callback(module.register_forward_hook(lambda m, *_: look(m)).remove)
        objective = stack.enter_context(lent(model, loss_fn, batch))
        objective.loss()
    if found:
        found[next(reversed(found))] = 1.0
    return found


def called(name: str) -> str:
    """A layer's name as signals have it."""
    return plain_name(name) or "the network"
