"""A network as a chain of stages, each of which reads the one before: found in one forward pass, for any module.

    stages = stages_of(lenet5, images)
    [stage.name for stage in stages]  # normalise c1 s2 c3 s4 c5 f6 head
    values = run_stages(stages, images)  # of each stage, before and after its nonlinearity

A stage is a module that mixes numbers (a convolution, a pooling, a linear layer, ...) with the modules behind it that
treat each number by itself (nonlinearities, norms over the batch, dropout). The first is what the network reads: the
modules before any that has weights. Which modules form a chain is seen by what they are given and give; where something
else happens between the parts of a module (a residual is added, a function is called that is no module), that module
is one stage, whole. What treats each number by itself is seen by changing some numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.modes import evaluating

ALIKE = 1e-4
"""Of the largest number: up to there two slopes are the same."""
OTHERS = 8
"""Inputs of noise at which a unit's slopes must be the same for it to be a sum."""


@dataclass(frozen=True, eq=False)
class Step:
    """One module of the chain."""

    name: str
    module: nn.Module
    given: tuple[int, ...]
    """Shape of what it is given of an example: it may be what the module before gave, laid otherwise."""
    made: tuple[int, ...]
    """Shape of what it gives."""

    def __call__(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        """What it makes of what the module before gave."""
        made: Tensor = self.module(x.reshape(len(x), *self.given))
        return made


@dataclass(frozen=True, eq=False)
class Stage:
    """Numbers that are drawn together, and the modules that make them of the stage before."""

    steps: tuple[Step, ...]
    shape: tuple[int, ...]
    """Of its numbers: channels, rows, columns; or as the module that mixes gives them."""

    @property
    def name(self) -> str:
        """Its first module's."""
        return self.steps[0].name if self.steps else "input"

    @property
    def after(self) -> tuple[Step, ...]:
        """The modules that treat each number by itself."""
        return self.steps[1:]

    def mixed(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        """What its first module makes of the stage before."""
        return self.steps[0](x)


@dataclass
class Call:
    """A module that was called, what it was given and gave, and what it called itself."""

    name: str
    module: nn.Module
    given: Tensor | None = None
    made: Tensor | None = None
    parts: list["Call"] = field(default_factory=list)


@torch.no_grad()
def stages_of(model: nn.Module, images: Float[Tensor, "B C H W"]) -> list[Stage]:
    """The stages of a model; at least what it reads and one more.

    Args:
        model: any module that takes images, and gives a row of numbers for each.
        images: some that differ; noise will do.

    Raises: ValueError where it gives something else.
    """
    with evaluating(model):
        calls = called(model, images)
        out = calls.made
        if out is None or out.ndim != 2 or len(out) != len(images):
            raise ValueError("model must give a row of numbers for each image, as a classifier does")
        return grouped(chain(calls), images)


def grouped(steps: list[Step], images: Float[Tensor, "B C H W"]) -> list[Stage]:
    """The stages that a chain's steps make up."""
    rest = next((i for i, step in enumerate(steps) if any(True for _ in step.module.parameters())), len(steps) - 1)
    stages = [Stage(tuple(steps[:rest]), shape_of(steps[:rest], tuple(images.shape[1:])))]
    x = images
    for step in steps[:rest]:
        x = step(x)
    for step in steps[rest:]:
        alone, idle = is_alone(step, x), all(are_same(sign * x, step(sign * x)) for sign in (1, -1))
        if idle and step is not steps[-1]:
            continue
        x = step(x)
        if alone and len(stages) > 1:
            stages[-1] = Stage((*stages[-1].steps, step), stages[-1].shape)
        else:
            stages.append(Stage((step,), tuple(x.shape[1:])))
    return stages


def called(model: nn.Module, images: Tensor) -> Call:
    """What a forward pass calls; the whole model's call."""
    names = {module: name for name, module in reversed(list(model.named_modules()))}
    top = Call("", model)
    stack = [top]

    def before(module: nn.Module, args: tuple[object, ...]) -> None:
        call = Call(names.get(module, ""), module) if module is not model else top
        if module is not model:
            stack[-1].parts.append(call)
            stack.append(call)
        if len(args) == 1 and isinstance(args[0], Tensor):
            call.given = args[0].clone()  # a copy: a module may work in place

    def after(module: nn.Module, _: object, output: object) -> None:
        call = stack.pop() if module is not model else top
        if isinstance(output, Tensor):
            call.made = output.clone()

    hooks = [
        hook
        for module in names
        for hook in (module.register_forward_pre_hook(before), module.register_forward_hook(after))
    ]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return top


def chain(call: Call) -> list[Step]:
    """A call's modules one behind the other, as finely as they are a chain."""
    assert call.given is not None
    assert call.made is not None
    steps, x = [], call.given
    for part in call.parts:
        if part.given is None or part.made is None or not are_same(x, part.given):
            break
        steps += chain(part)
        x = part.made
    else:
        if steps and are_same(x, call.made):
            return steps
    return [Step(call.name, call.module, tuple(call.given.shape[1:]), tuple(call.made.shape[1:]))]


def are_same(x: Tensor, y: Tensor) -> bool:
    """Whether two values are the same numbers in the same order, however they are laid."""
    return x.numel() == y.numel() and len(x) == len(y) and torch.equal(x.flatten(), y.flatten())


def is_alone(step: Step, x: Tensor) -> bool:
    """Whether a module treats each number by itself: some are changed, and no other moves. A new order counts, too."""
    before = step(x)
    if before.numel() != x.numel():
        return False
    changed = torch.arange(x.numel(), device=x.device) % 7 % 3 == 1
    other = torch.where(changed.view(x.shape), x.flip(0) + 1.5, x)
    same = torch.allclose(step(other).flatten()[~changed], before.flatten()[~changed], rtol=ALIKE, atol=ALIKE)
    return same and x.numel() > len(x)  # of a single number nothing can be seen


def shape_of(steps: Sequence[Step], images: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after some modules; as long as there are maps, theirs."""
    return next((step.made for step in reversed(steps) if len(step.made) == len(images)), images)


# ----------------------------------------------------------------------------------------------------------------------
# What they compute


@torch.no_grad()
def run_stages(stages: Sequence[Stage], images: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B ..."]]:
    """The numbers of each stage. The caller puts the model into evaluation mode."""
    x, found = images, []
    for stage in stages:
        for step in stage.steps:
            x = step(x)
        x = x.reshape(len(x), *stage.shape)
        found.append(x)
    return found


@dataclass(frozen=True, eq=False)
class Unit:
    """How one unit of a stage comes of the stage before, for one input."""

    sources: Tensor
    """(S,) units of the stage before that it depends on, in order."""
    slopes: Float[Tensor, " S"]
    """By how much it moves as each of them does: of a convolution or a linear layer the weights."""
    offset: float
    """What is to be added to the sum of slopes times sources: the bias."""
    is_sum: bool
    """Whether it is that sum whatever the input, as convolutions and linear layers are; else only for this one."""
    values: list[float]
    """After each step of its stage."""


def unit_of(stage: Stage, x: Float[Tensor, "1 ..."], unit: int) -> Unit:
    """How a unit comes of the stage before, by the gradient of the module that mixes; see `Unit`.

    Args:
        stage: not the first.
        x: what the stage before gives for one input.
        unit: its number among the stage's.
    """
    noise = torch.randn(OTHERS, *x.shape[1:], generator=torch.Generator().manual_seed(0)).to(x)
    with torch.enable_grad():
        both = torch.cat([x, noise]).detach().requires_grad_()
        mixed = stage.mixed(both).flatten(1)
        if not 0 <= unit < mixed.size(1):
            raise ValueError(f"unit (={unit}) must be below {mixed.size(1)}, the units of {stage.name}")
        (slopes,) = torch.autograd.grad(mixed[:, unit].sum(), both)
    mixed, both = mixed.detach(), both.detach()
    here = slopes[0].flatten()
    offsets = mixed[:, unit].double() - (slopes.double() * both.double()).flatten(1).sum(1)
    near = ALIKE * max(1.0, float(mixed[:, unit].abs().max()), float(here.abs().max()))
    sources = here.nonzero()[:, 0]
    return Unit(
        sources=sources.int(),
        slopes=here[sources],
        offset=float(offsets[0]),
        is_sum=bool((slopes - slopes[:1]).abs().max() <= near and (offsets - offsets[0]).abs().max() <= near),
        values=values_of(stage, mixed[:1], unit),
    )


@torch.no_grad()
def values_of(stage: Stage, mixed: Float[Tensor, "1 N"], unit: int) -> list[float]:
    """A unit's number after each step of its stage."""
    x, found = mixed, [mixed[0, unit].item()]
    for step in stage.after:
        x = step(x)
        found.append(x.flatten()[unit].item())
    return found


@torch.no_grad()
def receptive_fields(stages: Sequence[Stage], shape: tuple[int, int, int]) -> list[Tensor]:
    """The part of the image that each unit depends on: (N, 4) int32 a stage, first and last row and column.

    A row or a column of pixels that are no numbers makes all that depends on it no number, whatever the weights.
    """
    channels, height, width = shape
    images = torch.zeros(height + width, channels, height, width)
    for row in range(height):
        images[row, :, row] = torch.nan
    for column in range(width):
        images[height + column, :, :, column] = torch.nan
    fields = []
    for value in run_stages(stages, images):
        seen = value.flatten(1).isnan()
        fields.append(torch.stack([*ends(seen[:height]), *ends(seen[height:])], 1).int())
    return fields


def ends(seen: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last place (of the first axis) where something is true."""
    count = len(seen)
    return seen.int().argmax(0), count - 1 - seen.flip(0).int().argmax(0)
