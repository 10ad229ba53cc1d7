"""A training in the playground: as far as it was asked to go, with the weights that a hand has changed on the way.

>>> experiment = Experiment(Settings(layers=(3,)))
>>> experiment.advance(100)
>>> experiment.step
100
"""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.data.batches import Places, shuffled
from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.few import Sequential
from glassworks.optim.gradient_free.search import Search
from glassworks.optim.groups import make_optimizer
from glassworks.optim.schedules import make_schedule
from glassworks.studio.playground.edits import LIVE, Edit, set_weight
from glassworks.studio.playground.network import linears, make_network, penalised, plain_loss
from glassworks.studio.playground.points import Points, points_of
from glassworks.studio.playground.settings import Settings, settings_from
from glassworks.train.fit import Interrupted, fit

MOST_KEPT = 512
"""Places along the training of which losses and weights are kept; beyond it every second one is forgotten."""
STRIDE = 5
"""Steps between them, at first."""
MOST_STEPS = 10**6


class OneByOne(dict[str, Any]):
    """How candidates are evaluated: always one after the other. What is fastest depends on the machine's moment."""

    def __contains__(self, key: object) -> bool:
        return key != "no module"

    def __missing__(self, key: str) -> list[Any]:
        return ["loop", 1, "here", 1]


class Experiment:
    """Points, network and optimizer of some settings, and where their training stands."""

    def __init__(self, settings: Settings, edits: Sequence[Edit] = ()) -> None:
        self.began = self.settings = settings
        self.edits, self.applied = tuple(edits), 0
        self.points: Points = points_of(settings)
        classes = len(self.points.classes)
        self.model: nn.Sequential = make_network(settings, classes)
        self.weights = [p for p in self.model.parameters() if p.requires_grad]
        self.loss = plain_loss(settings, classes)
        self.inputs = torch.from_numpy(self.points.inputs)
        self.targets = torch.from_numpy(self.points.targets)
        if classes and settings.loss == "squares":
            self.targets = 2 * self.targets.float() - 1
        self.make_optimizer()
        self.obey()
        order = partial(shuffled, size=self.points.train, seed=settings.seed)
        self.order = Places(lambda sample: order(sample)[0].astype(np.int64))
        self.step, self.reached, self.failed = 0, 0, ""
        self.stride = STRIDE
        self.kept: list[tuple[int, float, float, Tensor]] = []
        """Step, loss on the training points and on the test's, weights."""
        self.asked: list[tuple[Tensor, float]] = []
        """Weights whose loss a search asked for in its last step, the estimate first, and their losses."""
        self.plane: Any = None
        self.keep()

    def make_optimizer(self) -> None:
        """The optimizer of the weights as they are."""
        self.optimizer = make_optimizer(self.model, self.settings.optimizer_config(), seed=self.settings.seed)
        if isinstance(self.optimizer, Search):
            self.optimizer.memory["ways"] = OneByOne()

    def obey(self) -> None:
        """Take what the settings say of batches and of the penalty."""
        made_by = METHODS[self.settings.optimizer].made_by
        exact = bool(made_by) and issubclass(method_class(self.settings.optimizer), Sequential)
        self.batch = self.points.train if exact else min(self.settings.batch, self.points.train)
        self.objective = penalised(self.settings, self.loss)

    # ------------------------------------------------------------------------------------------------------------------
    # Training

    def advance(self, to: int, seconds: float = math.inf) -> None:
        """Train up to step `to`, or as far as some seconds go; not on from weights that are no numbers.

        Raises: ValueError for more steps than the playground does, and for what the optimizer cannot train.
        """
        if not 0 <= to <= MOST_STEPS:
            raise ValueError(f"to (={to:,}) must be from 0 to {MOST_STEPS:,} steps: reset, or train it by a command")
        end = time.perf_counter() + seconds
        self.take_edits()
        while self.step < to and not self.failed and (self.step == 0 or time.perf_counter() < end):
            waiting = [edit.step for edit in self.edits[self.applied :]]
            self.fit_to(min([to, *(step for step in waiting if step > self.step)]), end)
            self.take_edits()

    def fit_to(self, to: int, end: float) -> None:
        """Train to a step, by the loop that trains everything; or until the time is over."""
        schedule, horizon = make_schedule(self.settings.schedule_config()), self.settings.horizon
        try:
            fit(
                self.model,
                self.examples,
                self.watched,
                self.optimizer,
                steps=to,
                start=self.step,
                schedule=lambda step, _: schedule(min(step, horizon - 1), horizon),
                every=[(self.stride, self.after)],
                log_every=self.stride,
                stop=lambda: time.perf_counter() > end,
            )
            self.step = to
        except Interrupted as interrupted:
            self.step = interrupted.fit.step
        except RunError:
            self.step = self.reached
            self.fail()

    def examples(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: each training point once an epoch, in another order each time."""
        self.reached = step + 1
        self.asked = []
        chosen = self.order(step * self.batch, self.batch)
        return self.inputs[chosen], self.targets[chosen]

    def watched(self, model: nn.Module, batch: Any) -> Tensor:
        """The objective, which remembers where a search asked for it."""
        loss = self.objective(model, batch)
        assert isinstance(loss, Tensor)
        if model is self.model and isinstance(self.optimizer, Search) and not torch.is_grad_enabled():
            self.asked.append((vector.read(self.weights), float(loss)))
        return loss

    def after(self, step: int, _: nn.Module) -> dict[str, float]:
        """Keep what is to be kept of a step."""
        if step % self.stride == 0:
            asked = self.asked
            self.step = step
            self.keep()
            self.asked = asked
        return {}

    def keep(self) -> None:
        """Keep the losses and weights of this step."""
        if not self.kept or self.kept[-1][0] < self.step:
            self.kept.append((self.step, *self.losses(), vector.read(self.weights)))
        if len(self.kept) > MOST_KEPT:
            self.stride *= 2
            self.kept = [one for one in self.kept if one[0] % self.stride == 0]

    def fail(self) -> None:
        """Say what has happened to the loss."""
        method = METHODS[self.settings.optimizer].kind
        rate = self.optimizer.param_groups[0].get("lr")
        remedy = "reset, and take a smaller learning rate" + (f" than {rate:g}" if rate else "")
        remedy = "reset, and take a smaller sigma" if method == "search" and not rate else remedy
        self.failed = f"The loss is no number any more by step {self.step:,}: {remedy}."

    # ------------------------------------------------------------------------------------------------------------------
    # A hand

    def take(self, edits: Sequence[Edit]) -> bool:
        """Let these be the edits; False where others were made before now, so that the training must begin anew."""
        told = tuple(edits)
        if told[: self.applied] != self.edits[: self.applied]:
            return False
        if any(edit.step < self.step for edit in told[self.applied :]):
            return False
        self.edits = told
        return True

    def take_edits(self) -> None:
        """Make the changes that are due at this step."""
        moved = False
        while self.applied < len(self.edits) and self.edits[self.applied].step <= self.step:
            edit = self.edits[self.applied]
            if edit.what in LIVE:
                self.turn(edit)
            else:
                set_weight(self.model, edit)
                moved = True
            self.applied += 1
        if moved and METHODS[self.settings.optimizer].kind != "gradient":
            self.make_optimizer()  # what a search or a rule remembers is of the weights as they were

    def turn(self, edit: Edit) -> None:
        """Change a setting; what the optimizer remembers stays."""
        before = self.settings.optimizer_config().lr
        self.settings = settings_from(asdict(self.settings) | {edit.what: edit.value})
        now = self.settings.optimizer_config().lr
        for group in self.optimizer.param_groups if now is not None else ():
            if before is None or group.get("initial_lr", group.get("lr")) == before:
                group["lr"] = group["initial_lr"] = now
        self.obey()

    # ------------------------------------------------------------------------------------------------------------------
    # What it comes to

    @torch.no_grad()
    def losses(self) -> tuple[float, float]:
        """Of the training points and of the test's, without the penalty."""
        cut = self.points.train
        parts = ((self.inputs[:cut], self.targets[:cut]), (self.inputs[cut:], self.targets[cut:]))
        train, test = (float(torch.as_tensor(self.loss(self.model, part))) for part in parts)
        return train, test

    @torch.no_grad()
    def right(self) -> tuple[float, float] | None:
        """The share of training and of test points whose class is right; None of numbers."""
        if not self.points.classes:
            return None
        said = self.model(self.inputs)
        chosen = said.argmax(1) if said.shape[1] > 1 else (said[:, 0] > 0).long()
        known = torch.from_numpy(self.points.targets)
        hits = (chosen == known).double()
        return float(hits[: self.points.train].mean()), float(hits[self.points.train :].mean())

    def snapshot(self) -> dict[str, Any]:
        """All that is drawn of it as it stands, but for the points."""
        train, test = self.losses()
        if not self.failed and not all(map(math.isfinite, [train, float(vector.read(self.weights).sum())])):
            self.fail()
        right = self.right()
        layers = [(layer.weight.detach().clone(), layer.bias.detach().clone()) for layer in linears(self.model)]
        return {
            "step": self.step,
            "epoch": self.step * self.batch / self.points.train,
            "batch": self.batch,
            "lr": self.optimizer.param_groups[0].get("lr"),
            "failed": self.failed,
            "layers": [{"weight": weight, "bias": bias} for weight, bias in layers],
            "losses": {"train": train, "test": test},
            "right": None if right is None else {"train": right[0], "test": right[1]},
            "curve": {
                "step": np.array([one[0] for one in self.kept], np.int32),
                "train": np.array([one[1] for one in self.kept], np.float32),
                "test": np.array([one[2] for one in self.kept], np.float32),
            },
        }

    def path(self) -> Float[Tensor, "S D"]:
        """The weights that were kept on the way, and those of now."""
        return torch.stack([*(one[3] for one in self.kept), vector.read(self.weights)])
