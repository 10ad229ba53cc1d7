"""Slopes that are bounded: what SPSA, MeZO and forward gradients do where their learning rate is too high."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from glassworks.classify.examples import examples_of, source_of
from glassworks.classify.recipe import LabelledRecipe
from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.labelled import class_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.gradient_free.forward_gradient import ForwardGradient
from glassworks.optim.gradient_free.mezo import MeZO
from glassworks.optim.gradient_free.spsa import SPSA
from glassworks.optim.groups import make_optimizer
from glassworks.train.distributed import Ranks
from glassworks.train.fit import fit


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    recipe = LabelledRecipe()
    root: Path = tmp_path_factory.mktemp("digits")
    return examples_of(recipe, source_of(recipe), root, Ranks())


@pytest.mark.parametrize(("name", "steps"), [("mezo", 500), ("spsa", 60), ("forward_gradient", 500)])
def test_by_its_defaults_the_digits_mlp_learns(digits: Labelled, name: str, steps: int) -> None:
    model = make_model(VisionConfig("mlp", digits.shape, len(digits.classes)), mean=digits.mean, std=digits.std)
    ended = fit(
        model,
        Examples(digits.train, 64, 0),
        class_loss(),
        make_optimizer(model, OptimizerConfig(name)),
        steps=steps,
        log_every=1,
    )
    losses = torch.tensor(ended.history["loss"])
    assert losses.isfinite().all()
    assert losses[-20:].mean() < 0.75 * losses[0]


@pytest.mark.parametrize("make", [SPSA, MeZO, ForwardGradient])
def test_a_slope_that_is_too_steep_counts_as_the_steepest(make: type[torch.optim.Optimizer]) -> None:
    far = []
    for steepest, scale in ((2.0, 1e4), (None, 1e4), (None, 1.0)):
        p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        how = {"population": 2} if make is SPSA else {}
        optimizer = make([p], lr=0.1, steepest=steepest, **how)  # type: ignore[call-arg]
        optimizer.step(partial(lambda p, scale: scale * p.sum(), p, scale))
        far.append(-p.item())
    direction = (far[2] / 0.1) ** 0.5  # moved by lr d d; what is drawn is the same each time
    assert far[0] == pytest.approx(0.1 * 2.0 * direction, rel=1e-4)
    assert far[1] == pytest.approx(1e4 * far[2], rel=1e-4)
