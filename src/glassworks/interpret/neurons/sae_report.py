"""How good a sparse autoencoder is, and how good one of a network that learned nothing would be."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.core.progress import Report, tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.axes import Axes, axes_at
from glassworks.interpret.access.hooks import patch
from glassworks.interpret.access.stream import Batches, parts_of, spread
from glassworks.interpret.control import randomised
from glassworks.interpret.neurons.directions import latent_directions
from glassworks.interpret.neurons.fit_legends import SAE as LEGEND
from glassworks.interpret.neurons.latents import chosen_latents, gathered, latent_examples
from glassworks.interpret.neurons.sae import SAE, fit_sae, rows_at
from glassworks.interpret.text_labels import texts_of
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import LossFn, parted
from glassworks.trace.trace import Trace
from glassworks.train.batch import move

MEASURES = ("l0", "variance_explained", "loss", "loss_spliced", "loss_ablated", "loss_recovered", "dead_share")

HARM = 1e-4  # of the loss: what zeros must do to it for a share of that to mean something
LEAST = 8  # held-out places at which a latent fires whose examples are shown: enough for all its quantiles
TOKENS = 6  # that a latent promotes
EXAMPLES_BATCH = 8
STREAM = r"blocks\.\d+\.resid_\w+"
IDS = ("latent_window_token", "promoted_ids")
PROMOTED = {"promoted_ids": ("shown", "top"), "promoted": ("shown", "top"), "promoted_control": ("top",)}


@public
def sae_report(
    model: nn.Module,
    sae: SAE,
    batches: Batches,
    held_out: Batches,
    point: str,
    loss_fn: LossFn,
    *,
    fit_steps: int,
    steps: int,
    random_model: nn.Module | None = None,
    lr: float = 3e-3,
    repeats: int | None = None,
    examples: int = 16,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Trace:
    """Judge an autoencoder on held-out activations, beside one of the same size fitted to a random network.

    A random network's activations, too, are sums of few directions to a degree, so only what stands above that row is
    of the training. Rows: "trained network", "random network".

    It shows what some latents of both fire on: `examples` of those that fire at 8 or more held-out places, evenly by
    how often (of four the middle of each quarter in that order), so that none is picked for its looks.

    Arrays, all (row,), on held-out activations:
        l0: how many latents fire at once, on average.
        variance_explained: 1 is a perfect reconstruction, 0 no more than the mean tells: 1 - squared error / squared
            distance from the mean; NaN if that is 0.
        loss, loss_spliced, loss_ablated: of the plain model, with the reconstruction in the activations' place
            (spliced), and with zeros there (ablated).
        loss_recovered: (ablated - spliced) / (ablated - plain): 1 = nothing lost, 0 = as bad as zeros. NaN where
            zeros change the loss by less than a ten-thousandth, which rounding may be much of; where they lower it,
            a ratio of two gains, which says nothing.
        dead_share: the share of latents that fire on no held-out row.
        frequency (row, latent): the share of rows on which each latent fires.
        latent (row, shown): the latents that are shown.
        latent_* (row, split, shown, ...): what `latent_examples` says of them, ranked on as much of the text they were
            fitted on as is held out. Not of inputs that are dicts, or of several shapes.
        promoted_ids, promoted (row, shown, top), promoted_control (row, top): of autoencoders of a GPT's residual
            stream, as `latent_directions` has them.

    Args:
        model: the network the autoencoder was fitted on.
        sae: the autoencoder.
        batches: what the control's autoencoder is fitted on: the same as the other's.
        held_out: what both are judged on.
        point: where.
        loss_fn: the loss of a model on the inputs of a batch, which are on the model's device: as `fit` takes it.
        fit_steps: steps of the control's fit.
        steps: batches to judge on.
        random_model: the control; None makes one, `randomised(model)`.
        lr: of the control's fit.
        repeats: after how many steps `batches` begin anew, as `fit_sae` takes it.
        examples: of how many latents; 0 = none.
        names: of the tokens, by id, for inputs that are tokens.
        seed: of the control.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    control = random_model if random_model is not None else randomised(model, seed=seed + 1)
    other = fit_sae(control, batches, point, sae.config, steps=fit_steps, lr=lr, seed=seed, repeats=repeats)
    rows: list[dict[str, Any]] = []
    with tracked("judge both autoencoders", 2 * steps) as report:
        for net, one in ((model, sae), (control, other)):
            told = len(rows) * steps
            rows.append(judge(net, one, held_out, point, loss_fn, steps, lambda done, told=told: report(told + done)))
    arrays = {name: np.array([row[name] for row in rows], np.float32) for name in MEASURES}
    frequency = np.stack([row["frequency"] for row in rows])
    trace = Trace(
        method="sae",
        legend=LEGEND,
        arrays={**arrays, "frequency": frequency},
        axes={**dict.fromkeys(arrays, ("row",)), "frequency": ("row", "latent")},
        labels={"row": ["trained network", "random network"]},
        meta={"point": point, "latents": sae.config.latents, "kind": sae.config.kind, "steps": steps},
    )
    if not examples or (texts := gathered(held_out, steps)) is None:
        return trace
    fitted = gathered(batches, fit_steps if repeats is None else min(repeats, fit_steps), len(texts[0]))
    if fitted is None:
        return trace
    chosen = [chosen_latents(row["frequency"], examples, LEAST / row["places"]) for row in rows]
    networks = list(zip((model, control), (sae, other), chosen, strict=True))
    return with_latents(trace, networks, fitted, texts, point, names, seed)


def with_latents(
    trace: Trace,
    networks: Sequence[tuple[nn.Module, SAE, list[int]]],
    fitted: tuple[Tensor, Tensor | None],
    held_out: tuple[Tensor, Tensor | None],
    point: str,
    names: Sequence[str] | None,
    seed: int,
) -> Trace:
    """The trace with what some latents of both autoencoders fire on, and the tokens that they promote."""
    fires = [
        latent_examples(
            net,
            sae,
            fitted[0],
            held_out[0],
            point,
            latents=latents,
            keep=fitted[1],
            keep_held_out=held_out[1],
            batch_size=EXAMPLES_BATCH,
            seed=seed,
        )
        for net, sae, latents in networks
    ]
    arrays = {"latent": np.array([latents for *_, latents in networks])}
    axes: dict[str, tuple[str, ...]] = {"latent": ("row", "shown")}
    for name, of in fires[0].axes.items():
        arrays[f"latent_{name}"] = np.stack([one.arrays[name] for one in fires])
        axes[f"latent_{name}"] = ("row", *("shown" if axis == "neuron" else axis for axis in of))
    if re.fullmatch(STREAM, point) and all(isinstance(net, GPT) for net, *_ in networks):
        said = [
            latent_directions(cast(GPT, net), sae, latents=latents, k=TOKENS, seed=seed)
            for net, sae, latents in networks
        ]
        for name, last in PROMOTED.items():
            arrays[name], axes[name] = np.stack([one.arrays[name] for one in said]), ("row", *last)
    ids = np.concatenate([arrays[name].ravel() for name in IDS if name in arrays] or [np.empty(0, np.int32)])
    known = {} if names is None else texts_of(torch.from_numpy(ids[ids >= 0]), names)
    labels = {name: fires[0].labels[name] for name in ("split", "example", "offset")}
    return replace(
        trace, arrays=trace.arrays | arrays, axes=trace.axes | axes, labels=trace.labels | labels, tokens=known
    )


@torch.no_grad()
def judge(
    model: nn.Module, sae: SAE, held_out: Batches, point: str, loss_fn: LossFn, steps: int, report: Report
) -> dict[str, Any]:
    """The measures of one autoencoder."""
    count, fired, error = 0, torch.zeros(sae.config.latents, dtype=torch.float64), 0.0
    total, square = torch.zeros(sae.width, dtype=torch.float64), 0.0
    sums = np.zeros((3, 2))  # of losses, and of what they are over
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    edits: list[dict[str, Any]] = []
    with evaluating(model), evaluating(sae):
        for step in range(steps):
            rows = rows_at(model, held_out, point, step)
            latents = sae.encode(rows)
            fired += (latents > 0).sum(0).double().cpu()
            error += float((rows - sae.decode(latents)).double().square().sum())
            total += rows.double().sum(0).cpu()
            square += float(rows.double().square().sum())
            count += len(rows)
            inputs = move(parts_of(held_out(step))[0], device)
            if not edits:
                with spread(model, inputs):
                    splice = partial(spliced, axes=axes_at(model, inputs, point), sae=sae)
                edits = [{}, {point: splice}, {point: torch.zeros_like}]
            for i, edit in enumerate(edits):
                with patch(model, edit):
                    sums[i] += [float(x) for x in parted(loss_fn, model, inputs)[:2]]
            report(step + 1)
    plain, after, ablated = (sums[:, 0] / sums[:, 1]).tolist()
    harm, variation = ablated - plain, square - float(total.square().sum()) / count
    return {
        "l0": float(fired.sum()) / count,
        "variance_explained": 1 - error / variation if variation > 1e-12 * square else float("nan"),
        "loss": plain,
        "loss_spliced": after,
        "loss_ablated": ablated,
        "loss_recovered": (ablated - after) / harm if abs(harm) > HARM * abs(plain) else float("nan"),
        "dead_share": float((fired == 0).double().mean()),
        "frequency": (fired / count).float().numpy(),
        "places": count,
    }


def spliced(x: Tensor, axes: Mapping[int, Axes], sae: SAE) -> Tensor:
    """The reconstruction of a point's value, in its shape: of its places' numbers, as `stream` makes rows of them."""
    return axes[x.ndim].unlay(sae(axes[x.ndim].rows(x)), x)
