"""Sparse autoencoders: activations written as a sum of a few of many directions.

    scale · x ≈ pre_bias + Σ_i f_i · decoder_i,     f = act(encoder (scale · x - pre_bias) + bias)

Two ways to make f sparse:

    topk       the k largest pre-activations of each row stay, if positive (Gao et al. 2024, eq. 3-4)
    jumprelu   those above a learned threshold stay; the number of them is penalised through straight-through gradients
               (Rajamanoharan et al. 2024, eq. 8, 11 and 12)

Decoder directions have length 1. Rows are scaled by one number, so that their mean squared distance from their mean is
the width, whatever the layer. All biases are learned; `pre_bias` (b_pre there, b_dec here) begins as the mean of some
rows. For topk, latents that have not fired for a while learn what the others leave over (Gao
et al. 2024, appendix A.2), so that few stay dead.
"""

import functools
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.config import from_dict
from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_sealed_json, write_sealed_json
from glassworks.core.progress import Report, silent, tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.stream import Batches, stream
from glassworks.models.io import read_tensors, write_tensors
from glassworks.optim.config import ScheduleConfig
from glassworks.optim.schedules import make_schedule
from glassworks.train.fit import fit

Kind = Literal["topk", "jumprelu"]


@dataclass(frozen=True)
class SAEConfig:
    """The shape of a sparse autoencoder, and what its training penalises."""

    latents: int
    """How many directions: some times the width."""
    kind: Kind = "topk"
    k: int = 16
    """topk: how many latents of a row stay."""
    dead_after: int = 50
    """topk: steps without firing after which a latent is given the others' errors to learn."""
    auxiliary: float = 1 / 32
    """topk: the weight of the loss of those errors."""
    penalty: float = 0.01
    """jumprelu: loss for each latent that fires, in units of a row's variance per coordinate."""
    bandwidth: float = 0.2
    """jumprelu: how near its threshold a pre-activation is, in scaled units, for the threshold to learn from it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field."""
        if self.kind not in ("topk", "jumprelu"):
            raise ValueError(f"kind (={self.kind!r}) must be topk or jumprelu")
        for name in ("latents", "k", "dead_after"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} (={value!r}) must be a whole number of at least 1")
        if self.kind == "topk" and self.k > self.latents:
            raise ValueError(f"k (={self.k}) must be at most latents (={self.latents})")
        for name in ("auxiliary", "penalty", "bandwidth"):
            value = getattr(self, name)
            if not 0 <= value < math.inf or (name == "bandwidth" and value == 0):
                raise ValueError(f"{name} (={value!r}) must be at least 0, and the bandwidth above it")


class SAE(nn.Module):
    """Activations (N, C) to their reconstruction (N, C). `encode` gives the latents (N, latents)."""

    scale: Tensor
    silent_for: Tensor

    def __init__(self, width: int, config: SAEConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config, self.width = config, width
        generator = torch.Generator().manual_seed(seed)
        directions = torch.randn(config.latents, width, generator=generator)
        directions = directions / directions.norm(dim=1, keepdim=True)
        self.decoder = nn.Parameter(directions)
        self.encoder = nn.Parameter(directions.clone())
        self.bias = nn.Parameter(torch.zeros(config.latents))
        if config.kind == "jumprelu":
            self.log_threshold = nn.Parameter(torch.full((config.latents,), math.log(0.5)))
        self.pre_bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("silent_for", torch.zeros(config.latents, dtype=torch.int64), persistent=False)

    def forward(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N C"]:
        """The reconstruction, in the input's dtype."""
        return self.decode(self.encode(x)).to(x.dtype)

    def encode(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N latents"]:
        """The latents, most of them 0, in scaled units."""
        return self.sparse(self.before(self.scaled(x)))

    def decode(self, latents: Float[Tensor, "*N latents"]) -> Float[Tensor, "*N C"]:
        """Activations from latents."""
        return (latents @ self.decoder + self.pre_bias) / self.scale

    def scaled(self, x: Tensor) -> Tensor:
        """Activations in the units of the latents, less `pre_bias`."""
        if x.size(-1) != self.width:
            raise ValueError(f"activations {tuple(x.shape)} must be {self.width} wide, as the autoencoder is")
        return x.float() * self.scale - self.pre_bias

    def before(self, scaled: Tensor) -> Tensor:
        """Pre-activations."""
        return scaled @ self.encoder.T + self.bias

    def sparse(self, before: Tensor) -> Tensor:
        """Latents from pre-activations."""
        if self.config.kind == "topk":
            values, places = before.topk(self.config.k, -1)
            return torch.zeros_like(before).scatter(-1, places, values.relu())
        latents: Tensor = _Jump.apply(before.relu(), self.log_threshold.exp(), self.config.bandwidth)  # type: ignore[no-untyped-call]
        return latents

    @torch.no_grad()
    def prepare(self, rows: Float[Tensor, "N C"]) -> None:
        """Take the scale, and what `pre_bias` begins with, from some activations; once, before training."""
        rows = rows.float()
        mean = rows.mean(0)
        size = (rows - mean).square().mean().sqrt()
        if not size > 0:
            raise ValueError(f"activations {tuple(rows.shape)} must differ from each other: choose another point")
        self.scale.fill_(1 / size)
        self.pre_bias.copy_(mean / size)

    @torch.no_grad()
    def straighten(self) -> None:
        """Make the directions of the decoder unit vectors again."""
        self.decoder.div_(self.decoder.norm(dim=1, keepdim=True).clamp(min=1e-8))

    def save(self, folder: Path) -> None:
        """Write a folder with sae.json and sae.safetensors, whole or not at all."""
        with atomic_folder(folder) as temporary:
            write_tensors(dict(self.state_dict()), temporary / "sae.safetensors")
            write_sealed_json(temporary / "sae.json", {"width": self.width, "config": asdict(self.config)})

    @classmethod
    def load(cls, folder: Path) -> "SAE":
        """Read what `save` wrote; FileDamaged if the two files are not as they were written."""
        if not (folder / "sae.json").is_file():
            raise ValueError(f"{folder} holds no autoencoder: it has no sae.json")
        values = read_sealed_json(folder / "sae.json", "fit it again")
        sae = cls(values["width"], from_dict(SAEConfig, values["config"]))
        try:
            sae.load_state_dict(read_tensors(folder / "sae.safetensors"))
        except RuntimeError as error:
            raise FileDamaged(f"{folder / 'sae.safetensors'} does not belong to its sae.json: fit it again") from error
        return sae


class _Jump(torch.autograd.Function):
    """Z where z is above its threshold, else 0; near the threshold a rectangle stands for the step's derivative."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, z: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(z, threshold)
        ctx.bandwidth = bandwidth  # type: ignore[attr-defined]
        return z * (z > threshold)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        z, threshold = ctx.saved_tensors  # type: ignore[attr-defined]
        bandwidth = ctx.bandwidth  # type: ignore[attr-defined]
        near = ((z - threshold).abs() < bandwidth / 2) / bandwidth
        along = (-threshold * near * grad).flatten(0, -2).sum(0)
        return grad * (z > threshold), along, None


class _Step(torch.autograd.Function):
    """1 where z is above its threshold, else 0; only the threshold has a derivative."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, z: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(z, threshold)
        ctx.bandwidth = bandwidth  # type: ignore[attr-defined]
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[None, Tensor, None]:
        z, threshold = ctx.saved_tensors  # type: ignore[attr-defined]
        bandwidth = ctx.bandwidth  # type: ignore[attr-defined]
        near = ((z - threshold).abs() < bandwidth / 2) / bandwidth
        return None, (-near * grad).flatten(0, -2).sum(0), None


# ----------------------------------------------------------------------------------------------------------------------
# Fitting


@public
def fit_sae(
    model: nn.Module,
    batches: Batches,
    point: str,
    config: SAEConfig,
    *,
    steps: int,
    lr: float = 3e-3,
    seed: int = 0,
    repeats: int | None = None,
    report: Report = silent,
) -> SAE:
    """Fit an autoencoder to what passes a point of a model, by the ordinary `fit`. The model stays as it is.

    Args:
        model: any module.
        batches: what it is run on, as `stream` takes it, perhaps with a bool mask; a batch of activations is one step.
        point: one point, as `capture` takes it.
        config: the autoencoder.
        steps: steps to train; the learning rate falls to 0 over their last half.
        lr: Adam's first learning rate.
        seed: of the first directions.
        repeats: after how many steps the batches begin anew: what the model says to each is then kept. None = never.
        report: where progress is told.

    Raises: KeyboardInterrupt when it is stopped before its last step, after the step at hand.
    """
    if steps < 1 or lr <= 0:
        raise ValueError(f"steps (={steps}) and lr (={lr}) must be above 0")
    check_count("repeats", 1 if repeats is None else repeats, 1)
    once = functools.cache(lambda step: rows_at(model, batches, point, step))
    first = once(0)
    sae = SAE(first.size(1), config, seed=seed).to(first.device)
    sae.prepare(first)

    def after(step: int, _: nn.Module) -> dict[str, float]:
        sae.straighten()
        return {}

    with tracked("fit the autoencoder", steps) as tracked_report:
        fit(
            sae,
            lambda step: rows_at(model, batches, point, step) if repeats is None else once(step % repeats),
            sae_loss,
            torch.optim.Adam(sae.parameters(), lr, betas=(0.9, 0.99)),
            steps=steps,
            every=[(1, after)],
            schedule=make_schedule(ScheduleConfig("wsd", decay=0.5, final=0.0)),
            clip=1.0,
            report=tracked_report if report is silent else report,
        )
    return sae.eval()


def rows_at(model: nn.Module, batches: Batches, point: str, step: int) -> Float[Tensor, "N C"]:
    """One batch of activations."""
    (rows,) = stream(model, batches, point, steps=1, start=step, mask_only=True)
    if len(rows.values) != 1:
        raise ValueError(f"point (={point!r}) must be one point, not {len(rows.values)}: {', '.join(rows.values)}")
    (values,) = rows.values.values()
    return values.float()


def sae_loss(sae: nn.Module, rows: Float[Tensor, "N C"]) -> Float[Tensor, ""]:
    """Squared error a coordinate, in units of the variance, and what keeps the latents few and alive."""
    assert isinstance(sae, SAE)
    config = sae.config
    x = sae.scaled(rows)
    before = sae.before(x)
    latents = sae.sparse(before)
    error = x - latents @ sae.decoder
    loss = error.square().mean()
    if config.kind == "jumprelu":
        fired: Tensor = _Step.apply(before.relu(), sae.log_threshold.exp(), config.bandwidth)  # type: ignore[no-untyped-call]
        return loss + config.penalty * fired.sum(-1).mean()
    with torch.no_grad():
        sae.silent_for.add_(1).masked_fill_((latents > 0).any(0), 0)
        dead = sae.silent_for >= config.dead_after
    if not dead.any():
        return loss
    k = min(int(dead.sum()), max(1, sae.width // 2))
    values, places = before.masked_fill(~dead, -torch.inf).topk(k, -1)
    revived = torch.zeros_like(before).scatter(-1, places, values.relu())
    again = (error.detach() - revived @ sae.decoder).square().mean() / error.detach().square().mean().clamp(min=1e-8)
    return loss + config.auxiliary * again
