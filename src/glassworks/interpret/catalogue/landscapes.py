"""The loss around the weights, on a subject of any kind: with the loss of its kind, on its own data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import nn

from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.interpret.catalogue.row_subject import RowSubject
from glassworks.interpret.catalogue.subject import LARGE, Subject
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace

AnySubject = Subject | ImageSubject | RowSubject
LABELLED, ROWS, FEW_ROWS = 256, 16, 2
"""Examples of a batch: images, or rows of a table; rows of text; rows of text for a large model."""
MANY = 2**20
"""Weights from which on less is asked for; from `LARGE` on, less still."""
STEP = 1e-3
"""How long the step is that is looked along, as a share of the weights' length: about what optimizers' steps are."""


class Problem(NamedTuple):
    """What every landscape is of."""

    model: nn.Module
    loss_fn: LossFn
    batch: Any


def problem(subject: AnySubject) -> Problem:
    """The network, the mean loss of its kind, and a batch of its own data."""
    from glassworks.objectives.labelled import class_loss, number_loss
    from glassworks.objectives.losses import next_token_loss

    if isinstance(subject, Subject):
        rows = subject.fewer(subject.held_out[:ROWS], FEW_ROWS)
        return Problem(subject.model, next_token_loss, (rows[:, :-1], rows[:, 1:]))
    inputs, targets = subject.some(LABELLED)
    loss = class_loss() if subject.classes else number_loss(std=float(targets.float().std(correction=0)) or 1.0)
    return Problem(subject.model, loss, (inputs, targets))


def examples_of(subject: AnySubject) -> str:
    """What the batch is of, in words."""
    if isinstance(subject, Subject):
        return "rows of held-out text" if subject.folder is not None else "rows of the text that is measured on"
    if subject.folder is None:
        return "images that were given"
    return f"{'images' if isinstance(subject, ImageSubject) else 'rows'} of its test split"


def unit_of(subject: AnySubject) -> str:
    """What the loss is in."""
    if isinstance(subject, Subject):
        return "nats a token"
    return "nats an example" if subject.classes else "squared error, by the variance of the targets"


def size(subject: AnySubject) -> int:
    """0, 1 or 2: how little a network is given to do, by its number of weights."""
    weights = sum(p.numel() for p in subject.model.parameters())
    return (weights > MANY) + (weights > LARGE)


@contextmanager
def trained(model: nn.Module) -> Iterator[None]:
    """In the block, BatchNorm takes the statistics of its batch, as in a step of training; dropout stays off."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [module.training for module in norms]
    for module in norms:
        module.train()
    try:
        yield
    finally:
        for module, mode in zip(norms, before, strict=True):
            module.train(mode)


def rate(asked: Problem, seed: int) -> float:
    """The learning rate whose step of gradient descent is `STEP` of the weights' length."""
    from glassworks.interpret.landscapes.objective import lent

    with lent(*asked, seed=seed) as objective:
        length = float(objective.gradient()[1].norm())
        return float(f"{STEP * float(objective.point.norm()) / length:.2g}") if length else 1.0


def loss_surface(subject: AnySubject) -> Trace:
    """The plane of the training's path where the run remembers it, or of two random directions."""
    from glassworks.interpret.landscapes.directions import WeightsPath
    from glassworks.interpret.landscapes.surface import loss_surface

    points, path = (21, 11, 7)[size(subject)], WeightsPath()
    if not isinstance(subject, Subject):
        for step, model in subject.checkpoints():
            path(step, model)
    if len(path.steps) > 2:
        return loss_surface(*problem(subject), directions="path", path=path, points=points, seed=subject.seed)
    return loss_surface(*problem(subject), points=points, seed=subject.seed)


def along_step(subject: AnySubject) -> Trace:
    """Along the gradient of a batch."""
    from glassworks.interpret.landscapes.along_step import along_step

    asked = problem(subject)
    with trained(subject.model):
        return along_step(
            *asked,
            lr=rate(asked, subject.seed),
            draws=3 - size(subject),
            seed=subject.seed,
            lr_from=f"chosen so that a step of gradient descent is {STEP:g} of the weights’ length, not the training’s",
            batch_of=f"{len(asked.batch[0])} {examples_of(subject)}",
        )


def covariate_shift(subject: AnySubject) -> Trace:
    """By a step of gradient descent on a batch."""
    from glassworks.interpret.landscapes.covariate_shift import covariate_shift

    asked = problem(subject)
    with trained(subject.model):
        return covariate_shift(*asked, lr=rate(asked, subject.seed), seed=subject.seed)


def hessian(subject: AnySubject) -> Trace:
    """Its largest eigenvalues, trace and density."""
    from glassworks.interpret.landscapes.hessian import hessian

    top, products, probes, runs, steps = ((10, 50, 8, 3, 24), (5, 24, 4, 2, 12), (2, 8, 2, 1, 8))[size(subject)]
    return hessian(
        *problem(subject), top=top, products=products, probes=probes, runs=runs, steps=steps, seed=subject.seed
    )


def noise_scale(subject: AnySubject) -> Trace:
    """Of one batch, in as many parts as it divides into, 32 at most."""
    from glassworks.interpret.landscapes.noise_scale import noise_scale

    asked = problem(subject)
    count = len(asked.batch[0])
    parts = max((n for n in range(2, 33) if count % n == 0), default=2)
    return noise_scale(*asked, parts=parts, seed=subject.seed)


def signal(subject: AnySubject) -> Trace:
    """Of one batch, beside an untrained network."""
    from glassworks.interpret.landscapes.signals import signal

    return signal(*problem(subject), seed=subject.seed)
