"""The network as a graph of scalars equals torch, forward and backward; and so does what is taken away."""

import json
import runpy
from pathlib import Path

import pytest
import torch

from glassworks.studio.playground.edits import edits_from
from glassworks.studio.playground.experiment import Experiment
from glassworks.studio.playground.export import exported
from glassworks.studio.playground.network import linears
from glassworks.studio.playground.scalar import graph, loss_of
from glassworks.studio.playground.settings import FEATURES, Settings

CASES = [
    Settings(points=40),
    Settings(points=40, features=tuple(FEATURES), layers=(2,), activation="sine", loss="entropy"),
    Settings(points=40, data="hills", activation="relu", layers=(3, 2)),
    Settings(points=40, data="blobs", loss="entropy", activation="sigmoid", layers=()),
    Settings(points=40, activation="linear", layers=(2,)),
]


@pytest.mark.parametrize("settings", CASES)
def test_values_and_gradients_are_torchs(settings: Settings) -> None:
    experiment = Experiment(settings)
    experiment.advance(20)
    model = experiment.model.double()
    for point in (0, 7):
        x, y = experiment.inputs[point : point + 1].double(), experiment.targets[point : point + 1]
        model.zero_grad()
        loss = experiment.loss(model, (x, y.double() if y.is_floating_point() else y))
        loss.backward()
        scalar = loss_of(settings, model, x[0].tolist(), float(y[0]), classes=len(experiment.points.classes))
        found = graph(scalar)
        assert scalar.data == pytest.approx(float(loss.detach()), abs=1e-6)
        grads = dict(zip(found["names"], found["grads"], strict=True))
        for depth, layer in enumerate(linears(model), 1):
            for i in range(layer.out_features):
                assert grads[f"b{depth}.{i + 1}"] == pytest.approx(float(layer.bias.grad[i]), abs=1e-6)
                for j in range(layer.in_features):
                    assert grads[f"w{depth}.{i + 1}.{j + 1}"] == pytest.approx(float(layer.weight.grad[i, j]), abs=1e-6)
        assert found["backward"][0]["words"] == ["The gradient of loss by itself: loss.grad = 1"]
        assert found["svg"].count("data-box=") == len(found["data"])


def test_a_graph_that_is_too_large_is_refused() -> None:
    experiment = Experiment(Settings(points=40, layers=(8, 8)))
    scalar = loss_of(experiment.settings, experiment.model, [1.0, 2.0], 1.0, 2)
    with pytest.raises(ValueError, match="no more than 200 are drawn: take away neurons"):
        graph(scalar)


@pytest.mark.parametrize("settings", CASES)
def test_what_is_taken_away_makes_the_same_network(settings: Settings, tmp_path: Path) -> None:
    experiment = Experiment(settings, edits_from("5:0:0:1:0.5,8:lr:0.2"))
    experiment.advance(12)
    taken = exported(experiment)
    (tmp_path / "playground.py").write_text(taken["python"])
    again = runpy.run_path(str(tmp_path / "playground.py"))
    points = torch.tensor([[0.5, -2.0], [3.0, 1.5]])
    assert again["model"](points).equal(experiment.model(points))
    assert torch.allclose(again["computed"](points), experiment.model(points), atol=1e-6)
    layers = json.loads(taken["json"])["layers"]
    for layer, kept in zip(linears(experiment.model), layers, strict=True):
        assert torch.tensor(kept["weight"]).equal(layer.weight)
        assert torch.tensor(kept["bias"]).equal(layer.bias)
