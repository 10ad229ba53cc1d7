import pytest
import torch
from torch import nn

from glassworks.models.initialisation.layers import layers_to_draw
from glassworks.reproductions.initialisation import deep, shortcuts
from glassworks.reproductions.initialisation.deep import (
    Training,
    by_depth,
    chain,
    deepest,
    digits,
    drawn,
    signals,
    theory_of,
    trains,
)


def test_digits_have_mean_square_1_and_ten_classes() -> None:
    x, y = digits()
    assert x.shape == (1797, 64)
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert x.square().mean().item() == pytest.approx(1, abs=1e-3)
    assert sorted(set(y.tolist())) == list(range(10))


def test_a_shallow_network_trains_and_a_deep_one_by_default_does_not() -> None:
    data = digits()
    shallow = trains(drawn(chain("relu", 2, 32), "he", data, 0), data, 80, 0)
    assert shallow.trained
    assert shallow.loss < deep.LEVEL
    assert shallow.steps < 80
    lost = trains(drawn(chain("relu", 15, 32), "default", data, 0), data, 20, 0)
    assert not lost.trained
    assert lost.loss == pytest.approx(2.3, abs=0.1)


def test_a_training_whose_loss_grows_without_end_is_given_up() -> None:
    data, model = digits(), chain("relu", 3, 32)
    with torch.no_grad():
        for layer in layers_to_draw(model):
            layer.weight.mul_(50)
    found = deep.train(model, data, 0.1, 50, 0)
    assert not found.trained
    assert found.steps < 50


def test_the_same_seed_trains_the_same() -> None:
    data = digits()
    first, again = (trains(drawn(chain("tanh", 2, 16), "glorot", data, 3), data, 30, 3) for _ in range(2))
    assert first == again


def test_after_two_depths_that_do_not_train_none_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {2: True, 4: False, 6: True, 8: False, 10: False}

    def trains(model: int, *_: object) -> Training:
        return Training(outcomes[model], 0.5 if outcomes[model] else float("nan"), 1, 0.1)

    monkeypatch.setattr(deep, "trains", trains)
    monkeypatch.setattr(by_depth, "__annotations__", {})
    found = by_depth(lambda depth: depth, (2, 4, 6, 8, 10, 12), digits(), 1, 0)
    assert [one["depth"] for one in found] == [2, 4, 6, 8, 10]
    assert found[-1]["loss"] is None
    assert deepest(found) == 2
    assert deepest([]) == deepest(found[1:2]) == 0


def test_signals_are_of_hidden_layers_and_the_theory_knows_every_scheme() -> None:
    found = signals("tanh", "orthogonal", 4, digits(), 0)
    assert len(found["forward"]) == len(found["backward"]) == 4
    assert theory_of("orthogonal", "relu").weights == pytest.approx(2, rel=1e-4)
    assert theory_of("orthogonal", "tanh").weights == pytest.approx(1, rel=1e-4)
    assert theory_of("lsuv", "relu").weights == pytest.approx(2, rel=1e-2)
    assert theory_of("lsuv", "tanh").weights == pytest.approx(2.536, rel=1e-3)
    assert theory_of("default", "tanh").biases == pytest.approx(1 / 384)


def test_residual_networks_are_fixups_and_have_norms_where_they_are_to() -> None:
    data = digits()
    fixup = shortcuts.network("fixup", 3, data, 0)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in fixup.modules())
    assert all(not block.body[-1].weight.any() and block.body[1].weight.any() for block in fixup[1:-1])
    normed = shortcuts.network("batch_norm", 3, data, 0)
    assert sum(isinstance(module, nn.BatchNorm1d) for module in normed.modules()) == 6


def test_there_is_no_loss_of_a_network_that_is_never_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcuts, "train", lambda *_, **__: Training(False, float("nan"), 3, 0.1))
    found = shortcuts.measure("he", 1, digits(), 2, (0, 1))
    assert found == {"losses": [None, None], "loss": None, "trained": False, "rates": [0.1, 0.1]}
