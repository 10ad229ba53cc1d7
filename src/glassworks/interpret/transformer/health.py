"""Is the network well? Scales of activations and gradients, units that never fire, sizes of updates."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_gradients
from glassworks.interpret.access.finite import check_weights
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.legends.health import HEALTH
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace
from glassworks.train.pace import Often, is_due

SITES = ("resid_post", "attn_out", "mlp_out")
SMALL = 1e-6


@public
def health(model: GPT, inputs: Int[Tensor, "B T"], targets: Int[Tensor, "B T"], *, text: str = "text") -> Trace:
    """Look at one batch, forward and backward. Parameters, their `.grad` and the model's mode stay as they were.

    A residual stream that grows by orders of magnitude from layer to layer, a gradient that vanishes towards the first
    layers, or a large share of dead units are the usual signs of trouble. `text` is what a drawing calls the batch.

    Raises: ValueError for weights that are not finite, naming the first.

    Arrays:
        activation_rms (layer, site): root mean square of what the block's taps `resid_post`, `attn_out`, `mlp_out` saw.
        dead_fraction (layer,): hidden units of the MLP that are silent for every token of the batch. Silent is exactly
            0 for ReLU² and below 1e-6 in size for the smooth nonlinearities. A rare unit looks dead in a small batch.
        gradient_rms (layer, part): root mean square of the mean loss's gradient, over each part of a block.
        outer_gradient_rms (outer,): the same for the parts outside the blocks.
    """
    check_weights(model)
    check_gradients(model)
    with torch.enable_grad(), capture(model, [f"blocks.*.{tap}" for tap in (*SITES, "mlp.post")]) as captured:
        loss = F.cross_entropy(model(inputs).flatten(0, 1).float(), targets.flatten())
        names, parameters = zip(*model.named_parameters(), strict=True)
        gradients = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
    layers = [f"blocks.{layer}." for layer in range(model.config.n_layer)]
    silence = 0.0 if model.config.architecture == "nanochat" else SMALL
    dead = [(captured[layer + "mlp.post"].abs() <= silence).all(1).all(0).float().mean() for layer in layers]
    scales = {part: rms(group) for part, group in by_part(gradients).items()}
    parts = [part.removeprefix(layers[0]) for part in scales if part.startswith(layers[0])]
    outer = [part for part in scales if not part.startswith("blocks.")]
    arrays = {
        "activation_rms": torch.stack([rms([captured[layer + site]]) for layer in layers for site in SITES]),
        "dead_fraction": torch.stack(dead),
        "gradient_rms": torch.stack([scales[layer + part] for layer in layers for part in parts]),
        "outer_gradient_rms": torch.stack([scales[part] for part in outer]),
    }
    shapes = {"activation_rms": (-1, len(SITES)), "gradient_rms": (-1, len(parts))}
    return Trace(
        method="health",
        legend=HEALTH,
        arrays={name: x.detach().cpu().numpy().reshape(shapes.get(name, (-1,))) for name, x in arrays.items()},
        axes={
            "activation_rms": ("layer", "site"),
            "dead_fraction": ("layer",),
            "gradient_rms": ("layer", "part"),
            "outer_gradient_rms": ("outer",),
        },
        labels={
            "layer": [str(layer) for layer in range(len(layers))],
            "site": list(SITES),
            "part": parts,
            "outer": outer,
        },
        meta={"loss": loss.item(), "num_tokens": targets.numel(), "text": text},
    )


def by_part(gradients: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """Gather a module's weight and bias under the module's name."""
    parts: dict[str, list[Tensor]] = {}
    for name, gradient in gradients.items():
        parts.setdefault(name.rpartition(".")[0], []).append(gradient)
    return parts


def rms(tensors: list[Tensor]) -> Tensor:
    """Root mean square over all numbers of all tensors, in float32."""
    total = torch.stack([x.float().square().sum() for x in tensors]).sum()
    return (total / sum(x.numel() for x in tensors)).sqrt()


# ----------------------------------------------------------------------------------------------------------------------
# Updates


@torch.no_grad()
def weight_copies(model: nn.Module) -> dict[str, Tensor]:
    """Copies of a module's matrices (parameters of at least two axes), by name, to compare with later."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.ndim >= 2}


@torch.no_grad()
def update_ratios(before: Mapping[str, Tensor], model: nn.Module) -> dict[str, float]:
    """How far each matrix moved: norm of the change / norm before, as {"update_ratio/blocks.0.mlp.up.weight": 0.0012}.

    After one step of a well-set optimizer about 1e-3 (Karpathy's rule of thumb); several steps give their net change. A
    matrix that was all zero has no ratio and is left out. Costs one pass over the weights and one transfer.
    """
    after = dict(model.named_parameters())
    old = torch.stack([w.float().norm() for w in before.values()])
    change = torch.stack([(after[name] - w).float().norm() for name, w in before.items()])
    pairs = zip(before, old.tolist(), change.tolist(), strict=True)
    return {f"update_ratio/{name}": moved / size for name, size, moved in pairs if size > 0}


class UpdateRatios:
    """`update_ratios` of every `interval`-th step, for the `every` of `fit`: called after each step, as (1, this).

    It copies the weights one step earlier, lets go of the copy afterwards, and returns no numbers for other steps.
    """

    def __init__(self, interval: Often) -> None:
        if isinstance(interval, int) and interval < 1:
            raise ValueError(f"interval (={interval}) must be at least 1 step")
        self.interval = interval
        self.before: dict[str, Tensor] | None = None

    def __call__(self, step: int, model: nn.Module) -> dict[str, float]:
        """The ratios if this step is one to measure and the step before was seen."""
        ratios = update_ratios(self.before, model) if self.before is not None else {}
        self.before = weight_copies(model) if is_due(self.interval, step + 1) else None
        return ratios
