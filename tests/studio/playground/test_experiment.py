"""A training in the playground: by every optimizer, the same however it is come by, with what a hand changes."""

import pytest
import torch

from glassworks.optim.catalogue import METHODS
from glassworks.optim.gradient_free import vector
from glassworks.studio.playground.edits import edits_from
from glassworks.studio.playground.experiment import MOST_KEPT, Experiment
from glassworks.studio.playground.settings import Settings, changed, settings_from


def trained(settings: Settings, edits: str = "", *stops: int) -> Experiment:
    found = Experiment(settings, edits_from(edits))
    for stop in stops:
        found.advance(stop)
    return found


def test_a_training_in_parts_is_that_of_one_piece_to_the_bit() -> None:
    settings, edits = Settings(points=60, schedule="cosine", horizon=50), "10:0:1:0:-0.5,10:1:0:b:0.25,30:lr:0.1"
    whole, parts = trained(settings, edits, 60), trained(settings, edits, 3, 10, 29, 30, 31, 60)
    slow = Experiment(settings, edits_from(edits))
    while slow.step < 60:
        slow.advance(60, 0.002)
    for other in (parts, slow):
        assert vector.read(other.weights).equal(vector.read(whole.weights))
        assert [one[:3] for one in other.kept] == [one[:3] for one in whole.kept]
    assert [one[0] for one in whole.kept] == list(range(0, 61, 5))


def test_plain_gradient_descent_is_torchs_own() -> None:
    settings = Settings(points=40, share=50, batch=20, penalty="l2", strength=0.1, lr=0.3)
    experiment = Experiment(settings)
    other = Experiment(settings)
    linear = [layer for layer in other.model if isinstance(layer, torch.nn.Linear)]
    optimizer = torch.optim.SGD(other.model.parameters(), lr=0.3)
    for step in range(7):
        x, y = other.examples(step)
        loss = 0.5 * (other.model(x)[:, 0] - y).square().mean()
        loss = loss + 0.1 * sum(0.5 * layer.weight.square().sum() for layer in linear)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    experiment.advance(7)
    assert torch.allclose(vector.read(experiment.weights), vector.read(other.weights), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "bobyqa"])
def test_every_optimizer_trains_it(name: str) -> None:
    settings = Settings(points=40, layers=(3,), optimizer=name, loss="entropy")
    experiment = Experiment(settings)
    before = vector.read(experiment.weights)
    experiment.advance(2)
    assert experiment.step == 2
    assert not experiment.failed
    again = trained(settings, "", 1, 2)
    assert vector.read(again.weights).equal(vector.read(experiment.weights))
    moved = not vector.read(experiment.weights).equal(before)
    assert moved or METHODS[name].kind == "search"  # a search may have found nothing better yet


@pytest.mark.parametrize("name", ["cma_es", "nelder_mead", "hebbian"])
def test_a_weight_set_by_hand_is_what_a_search_or_rule_goes_on_from(name: str) -> None:
    settings = Settings(points=40, layers=(2,), optimizer=name)
    experiment = trained(settings, "1:0:0:0:0.75", 1)
    assert float(vector.read(experiment.weights)[0]) == 0.75
    experiment.advance(2)
    asked = experiment.asked[0][0] if experiment.asked else None
    assert asked is None or float(asked[0]) == 0.75


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (Settings(optimizer="cobyqa", layers=(16, 16)), "COBYQA is for 100 at most"),
        (Settings(optimizer="forward_forward"), "tells classes apart"),
        (Settings(optimizer="extreme_learning_machine"), "solves for the last layer"),
        (Settings(data="blobs"), "choose entropy"),
    ],
)
def test_what_an_optimizer_or_a_loss_cannot_do_is_its_line(settings: Settings, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        trained(settings, "", 1)


def test_an_exact_search_has_all_points_in_every_batch() -> None:
    assert trained(Settings(points=40, layers=(1,), optimizer="nelder_mead")).batch == 20
    assert trained(Settings(points=40, layers=(1,), optimizer="cma_es")).batch == 10


def test_a_loss_that_is_no_number_any_more_ends_the_training_in_a_line() -> None:
    settings = Settings(data="plane", points=40, activation="linear", lr=10.0)
    experiment = trained(settings, "", 500)
    assert experiment.failed.startswith("The loss is no number any more by step")
    assert "smaller learning rate than 10" in experiment.failed
    step = experiment.step
    experiment.advance(600)
    assert experiment.step == step < 500
    assert experiment.snapshot()["failed"] == experiment.failed


def test_edits_of_before_begin_it_anew_and_later_ones_do_not() -> None:
    experiment = trained(Settings(points=40), "5:lr:0.1", 10)
    assert experiment.take(edits_from("5:lr:0.1,10:0:0:0:1"))
    assert not experiment.take(edits_from("5:lr:0.2,10:0:0:0:1"))
    assert not experiment.take(edits_from("5:lr:0.1,9:0:0:0:1"))


def test_what_is_kept_of_a_long_training_is_of_the_same_steps_however_it_was_asked_for() -> None:
    settings = Settings(points=20, layers=(1,), batch=5)
    whole = Experiment(settings)
    whole.kept += [(-1 - i, 0.0, 0.0, whole.kept[0][3]) for i in range(MOST_KEPT - 2)]  # as if it had gone on for long
    whole.advance(12)
    assert whole.stride == 10
    assert [one[0] for one in whole.kept if one[0] >= 0] == [0, 10]


@pytest.mark.parametrize(
    ("link", "line"),
    [
        ({"layers": "99"}, r"layers \(=99\) must be at most 6, of 1 to 16 neurons"),
        ({"lr": "fast"}, r"lr \(='fast'\) must be a number"),
        ({"lr": "nan"}, "must be"),
        ({"data": "suns"}, r"data \(='suns'\) must be one of circles"),
        ({"points": "1e9"}, r"points \(='1e9'\) must be a whole number"),
        ({"points": "100000"}, r"points \(=100000\) must be from 10 to 5,000"),
        ({"population": "100000000", "optimizer": "snes"}, r"population \(=100000000\) must be from 1 to 1,000"),
        ({"features": ""}, "features"),
        ({"features": "x1,x9"}, r"features \(with 'x9'\)"),
        ({"optimizer": "magic"}, r"optimizer \(='magic'\)"),
        ({"activation": "step"}, "activation"),
        ({"strength": "-1"}, "strength"),
    ],
)
def test_a_link_that_is_none_is_refused_in_a_line(link: dict[str, str], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        settings_from(link)


def test_settings_and_what_a_link_says_of_them_are_one() -> None:
    settings = Settings(data="xor", layers=(), features=("x1", "x1x2"), lr=0.1, population=None)
    link = {"data": "xor", "layers": ",", "features": "x1,x1x2", "lr": "0.1", "view": "scalar", "step": "4"}
    assert settings_from(link) == settings
    assert changed(settings) == {"data": "xor", "features": ("x1", "x1x2"), "layers": (), "lr": 0.1}


@pytest.mark.parametrize("text", ["x", "1:2:3", "1:0:0:0:nan", "1:seed:3", "1:0:0:z:1", "1:0:0:0:1;"])
def test_edits_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be step:layer:row:column:value"):
        edits_from(text)


def test_a_weight_that_there_is_not_is_refused() -> None:
    for text, line in (("0:7:0:0:1", "no layer 7"), ("0:0:4:0:1", "no weight 4, 0"), ("0:0:0:9:1", "no weight 0, 9")):
        with pytest.raises(ValueError, match=line):
            trained(Settings(points=40), text, 1)
    with pytest.raises(ValueError, match="lr"):
        trained(Settings(points=40), "0:lr:x", 1)


def test_more_steps_than_a_playground_does_are_refused() -> None:
    with pytest.raises(ValueError, match="must be from 0 to 1,000,000"):
        trained(Settings(points=40), "", 10**7)
