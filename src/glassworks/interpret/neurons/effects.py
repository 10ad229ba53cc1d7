"""What a neuron does: how much worse a model gets when the neuron says the same everywhere (mean ablation)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from glassworks.core.progress import Report, tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.axes import Axes, axes_at
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.access.tallies import activations_of
from glassworks.interpret.neurons.legends import NEURON_ABLATION
from glassworks.interpret.transformer.lens import divergence
from glassworks.models.gpt.model import GPT, Block
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and the inputs they are of, to one loss an input (b,)."""
Run = Callable[[nn.Module, Tensor, Sequence[int]], Iterator[Tensor]]
"""A model, its inputs and neurons, to the logits without each of these."""
BEHIND = r"blocks\.(\d+)\.mlp\.post"
BUDGET = 2**27  # bytes of activations at once; on a CPU larger batches are no faster


def next_token_loss(logits: Tensor, inputs: Tensor) -> Tensor:
    """Cross-entropy of the next token in nats, averaged over each row's positions but the last: (B,)."""
    if inputs.ndim != 2 or inputs.is_floating_point() or logits.shape[:-1] != inputs.shape or inputs.size(1) < 2:
        shapes = f"logits {tuple(logits.shape)} and inputs {tuple(inputs.shape)}"
        raise ValueError(f"loss: {shapes} are no rows of two or more tokens: give a loss of your own")
    flat = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), inputs[:, 1:].flatten(), reduction="none")
    return flat.view(len(inputs), -1).mean(1)


@public
@torch.no_grad()
def neuron_ablation(
    model: nn.Module,
    inputs: Shaped[Tensor, "B ..."],
    point: str,
    *,
    neurons: Sequence[int] | None = None,
    controls: int = 64,
    loss: Loss = next_token_loss,
    batch_size: int = 8,
    seed: int = 0,
) -> Trace:
    """Set one neuron after the other to its mean over the inputs; report what that does to the loss.

    For the hidden neurons of our GPTs' MLPs ("blocks.3.mlp.post") many neurons are one batch that begins behind their
    block; any other model is run once a neuron. The control is the same done to neurons drawn at random from the same
    layer: most neurons matter little, and one that matters stands out of them.

    Args:
        model: any module whose `point` has its neurons along the last axis of a sequence or matrix, along the channels
            of a map, or where `axes.describe` says.
        inputs: what it takes, one example a row, such as tokens (B, T).
        point: as `capture` takes it; one only.
        neurons: which; None = all. Their numbers become the labels of the axis neuron.
        controls: how many others are drawn; at most as many as there are.
        loss: a loss an input; as it stands, that of the next token.
        batch_size: inputs to a forward pass.
        seed: draws the others.

    Arrays:
        effect, effect_error (neuron): the rise of the loss, and its standard error over inputs.
        kl (neuron): KL(untouched || ablated) of the model's outputs in nats, averaged over all places.
        mean (neuron): the activation it was set to.
        control_effect, control_kl (control): the same of the random others; their numbers are the axis' labels.
        larger (neuron): the share of the others whose effect is at least as far from 0. Near 0 for one that matters.
    """
    if not len(inputs):
        raise ValueError(f"inputs {tuple(inputs.shape)} must not be empty")
    if controls < 1 or batch_size < 1:
        raise ValueError(f"controls (={controls}) and batch_size (={batch_size}) must be at least 1")
    device = next((p.device for p in model.parameters()), inputs.device)
    batches = [inputs[i : i + batch_size].to(device) for i in range(0, len(inputs), batch_size)]
    axes = axes_at(model, batches[0], point)
    mean = mean_activation(model, batches, point, axes)
    if neurons is not None and (not len(neurons) or not all(0 <= i < len(mean) for i in neurons)):
        raise ValueError(f"neurons (={list(neurons)[:5]}, ...) must be numbers below the {len(mean)} of {point}")
    chosen = list(range(len(mean))) if neurons is None else list(neurons)
    free = torch.tensor([i for i in range(len(mean)) if i not in set(chosen)] or chosen)
    order = torch.randperm(len(free), generator=torch.Generator().manual_seed(seed))
    drawn = free[order[: min(controls, len(free))]].sort().values.tolist()
    wanted = list(dict.fromkeys(chosen + drawn))
    run: Run = partial(patched, point=point, axes=axes, mean=mean)
    if isinstance(model, GPT) and re.fullmatch(BEHIND, point):
        run = partial(resumed, point=point, mean=mean)
    with tracked("ablate neurons", len(batches) * len(wanted)) as report:
        effect, kl = measure(model, batches, run, wanted, loss, report)  # (neurons, B), (neurons,)
    place = {neuron: i for i, neuron in enumerate(wanted)}
    mine, others = torch.tensor([place[i] for i in chosen]), torch.tensor([place[i] for i in drawn])
    size = effect.mean(1).abs()
    arrays = {
        "effect": effect.mean(1)[mine],
        "effect_error": effect.std(1)[mine] / len(inputs) ** 0.5
        if len(inputs) > 1
        else torch.full((len(mine),), torch.nan),
        "kl": kl[mine],
        "mean": mean[chosen].cpu(),
        "control_effect": effect.mean(1)[others],
        "control_kl": kl[others],
        "larger": (size[others] >= size[mine][:, None]).double().mean(1),
    }
    return Trace(
        method="neuron_ablation",
        legend=NEURON_ABLATION,
        arrays={name: x.float().numpy() for name, x in arrays.items()},
        axes={name: ("control",) if name.startswith("control") else ("neuron",) for name in arrays},
        labels={"neuron": [str(i) for i in chosen], "control": [str(i) for i in drawn]},
        meta={"point": point, "num_inputs": len(inputs), "seed": seed},
    )


@torch.no_grad()
def largest_writers(model: GPT, tokens: Int[Tensor, "B T"], layer: int, count: int) -> list[int]:
    """The neurons of an MLP that change the residual stream most: deviation of the activation times length written.

    What a neuron writes at every place alike is no more than a bias, and stays when it is set to its mean.
    """
    point = f"blocks.{layer}.mlp.post"
    if not model.config.width_of_mlp:
        raise ValueError(f"layer (={layer}) has no MLP, so it has no neurons: choose another model")
    spread = activations_of(model, tokens, point).flatten(0, 1).std(0)
    block = model.blocks[layer]
    assert isinstance(block, Block)
    size = spread * block.mlp.down.weight.float().norm(dim=0)
    found: list[int] = size.topk(min(count, len(size))).indices.tolist()
    return found


def mean_activation(model: nn.Module, batches: Sequence[Tensor], point: str, axes: Mapping[int, Axes]) -> Tensor:
    """Each neuron's mean over all places (F,)."""
    total, number = torch.zeros(()), 0
    for x in batches:
        with capture(model, point) as seen:
            model(x)
        if len(seen) != 1:
            raise ValueError(f"point (={point!r}) must stand for one place, not {len(seen)}: {', '.join(seen)}")
        (value,) = seen.values()
        a = axes[value.ndim].rows(value).flatten(0, 1)
        total = total.to(a.device) + a.sum(0, dtype=torch.float64)
        number += len(a)
    return (total / number).float()


def measure(
    model: nn.Module, batches: Sequence[Tensor], run: Run, neurons: Sequence[int], loss: Loss, report: Report
) -> tuple[Tensor, Tensor]:
    """The rise of each input's loss (neurons, B) and the mean KL (neurons,), float64."""
    effects, kls = list[Tensor](), list[Tensor]()
    for x in batches:
        base = run_model(model, x)
        before, own = loss(base, x), base.float().log_softmax(-1)
        if before.shape != (len(x),):
            raise ValueError(f"loss gave {tuple(before.shape)} for {len(x)} inputs: it must give one number an input")
        rises, far = [], []
        for logits in run(model, x, neurons):
            rises.append(loss(logits, x) - before)
            far.append(divergence(own, logits.float().log_softmax(-1)).view(len(x), -1).mean(1))
            report(len(neurons) * len(effects) + len(rises))
        effects.append(torch.stack(rises))
        kls.append(torch.stack(far))
    return torch.cat(effects, 1).double().cpu(), torch.cat(kls, 1).double().mean(1).cpu()


def patched(
    model: nn.Module, x: Tensor, neurons: Sequence[int], *, point: str, axes: Mapping[int, Axes], mean: Tensor
) -> Iterator[Tensor]:
    """The logits without each of the neurons, one run after the other."""
    for neuron in neurons:
        with patch(model, {point: partial(silenced, axes=axes, neuron=neuron, value=float(mean[neuron]))}):
            yield run_model(model, x)


def silenced(a: Tensor, axes: Mapping[int, Axes], neuron: int, value: float) -> Tensor:
    """Activations with one neuron the same everywhere."""
    return axes[a.ndim].unlay(axes[a.ndim].rows(a).index_fill(-1, torch.tensor([neuron], device=a.device), value), a)


def resumed(model: nn.Module, x: Tensor, neurons: Sequence[int], *, point: str, mean: Tensor) -> Iterator[Tensor]:
    """The same for an MLP's hidden neurons: from behind their block on, as many at once as fit the budget."""
    assert isinstance(model, GPT)
    layer = int(point.split(".")[1])
    block = model.blocks[layer]
    assert isinstance(block, Block)
    behind = f"blocks.{layer}.resid_post"
    with evaluating(model):
        with capture(model, [point, behind]) as seen:
            model(x)
        _, rope, mask = model.inputs(x, None)
        numbers = 3 * model.config.vocab_size + 4 * model.config.width_of_mlp + 8 * model.config.n_embd
        n = max(1, BUDGET // (4 * x.numel() * numbers))
        for first in range(0, len(neurons), n):
            some = torch.tensor(neurons[first : first + n], device=x.device)
            change = (mean[some] - seen[point][..., some]).permute(2, 0, 1)  # (n, B, T)
            write = block.mlp.down.weight[:, some].T  # (n, C)
            y = (seen[behind] + change[..., None] * write[:, None, None]).flatten(0, 1).to(seen[behind])
            for later in model.blocks[layer + 1 :]:
                y = later(y, rope, mask, None)
            yield from model.unembed(y).view(len(some), *x.shape, -1)
