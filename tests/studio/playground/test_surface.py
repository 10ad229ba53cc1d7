"""The loss around the weights, and where a training and a search's candidates lie on it."""

import pytest
import torch

from glassworks.optim.gradient_free import vector
from glassworks.studio.playground.experiment import Experiment
from glassworks.studio.playground.settings import Settings
from glassworks.studio.playground.surface import candidates, placed, surface


def objective(experiment: Experiment) -> float:
    """Of all training points, with the penalty."""
    cut = experiment.points.train
    with torch.no_grad():
        return float(experiment.objective(experiment.model, (experiment.inputs[:cut], experiment.targets[:cut])))


def test_its_middle_is_the_loss_and_its_ends_are_those_of_moved_weights() -> None:
    experiment = Experiment(Settings(points=60, penalty="l2", strength=0.01))
    experiment.advance(30)
    here = vector.read(experiment.weights)
    found = surface(experiment, reach=0.5)
    assert float(found["loss"][15, 15]) == pytest.approx(objective(experiment), rel=1e-5)
    assert vector.read(experiment.weights).equal(here)
    vector.write(here + 0.5 * experiment.plane.across[0] - 0.5 * experiment.plane.across[1], experiment.weights)
    assert float(found["loss"][0, 30]) == pytest.approx(objective(experiment), rel=1e-4)
    assert found["way"][-1].abs().max() < 1e-5


def test_candidates_are_those_that_the_search_tried_with_their_losses() -> None:
    experiment = Experiment(Settings(points=60, optimizer="cma_es", batch=500))
    assert candidates(experiment) is None
    experiment.advance(3)
    found = candidates(experiment)
    assert found is not None
    assert found["of"] == len(found["losses"]) == experiment.optimizer.settings["population"]
    vector.write(found["weights"][2], experiment.weights)
    assert experiment.losses()[0] == pytest.approx(float(found["losses"][2]), rel=1e-4)


def test_places_on_the_plane_are_coordinates_along_its_directions() -> None:
    experiment = Experiment(Settings(points=60, optimizer="snes"))
    experiment.advance(2)
    assert placed(experiment) == {}
    surface(experiment)
    plane = experiment.plane
    moved = plane.origin + 0.25 * plane.across[0] - 0.5 * plane.across[1]
    experiment.asked = [(plane.origin, 0.0), (moved, 0.0), (moved, 0.0)]
    found = placed(experiment)
    assert torch.allclose(found["members"], torch.tensor([[0.25, -0.5]] * 2), atol=1e-4)
    assert found["within"] == pytest.approx(1, abs=1e-4)


def test_a_reach_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reach \(=0.0\) must be above 0"):
        surface(Experiment(Settings(points=60)), reach=0.0)
