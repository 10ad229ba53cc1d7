"""The table of removed layers, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.interpret.images.removal import Variant, difference, layer_removal, standard_error, train_variants

RIGHT = np.array([[True, True, True, False], [True, True, False, False]])


def test_an_accuracy_has_the_error_of_examples_and_of_runs() -> None:
    one = Variant.of(RIGHT[0], 10)
    assert one.accuracy == 0.75
    assert np.isclose(one.error, 0.5 / 2)  # the deviation of 1 1 1 0 is 0.5
    both = Variant.of(RIGHT, 10)
    assert both.accuracy == 0.625
    examples = np.std([1, 1, 0.5, 0], ddof=1) / 2
    runs = np.std([0.75, 0.5], ddof=1) / np.sqrt(2)
    assert np.isclose(both.error, np.hypot(examples, runs))
    assert standard_error(np.ones((3, 5))) == 0


def test_the_same_examples_are_compared_one_by_one() -> None:
    whole, less = Variant.of(RIGHT[0], 10), Variant.of(RIGHT[1], 5)
    lost, error = difference(whole, less)
    assert lost == 0.25
    assert np.isclose(error, np.std([0, 0, 1, 0], ddof=1) / 2)
    apart = difference(Variant(0.75, 0.3, 10), Variant(0.5, 0.4, 5))
    assert apart[0] == 0.25
    assert np.isclose(apart[1], 0.5)
    assert difference(whole, whole) == (0, 0)


def test_variants_are_trained_once_a_seed() -> None:
    asked = []

    def train(model: nn.Module, seed: int) -> np.ndarray:
        asked.append((type(model).__name__, seed))
        return np.array([True, seed > 0, not isinstance(model, nn.Identity)])

    builders = {"whole": lambda seed: nn.Linear(2, 3), "without all": lambda seed: nn.Identity()}
    found = train_variants(builders, train, seeds=(0, 1))
    assert asked == [("Linear", 0), ("Linear", 1), ("Identity", 0), ("Identity", 1)]
    assert [variant.parameters for variant in found.values()] == [9, 0]
    trace = layer_removal(found, published={"without all": 0.5})
    assert np.allclose(trace.arrays["error_rate"], [1 / 6, 1 / 2])
    assert np.allclose(trace.arrays["loss"], [0, 1 / 3])
    assert np.isnan(trace.arrays["published"][0])
    assert trace.meta["runs"] == 2
    assert "without all" in trace._repr_html_()


def test_controls_are_marked() -> None:
    trace = layer_removal({"whole": Variant.of(RIGHT, 9), "narrow": Variant(0.5, 0.1, 4)}, controls=["narrow"])
    assert trace.legend.axes["variant"].controls == ("narrow",)
    assert "published" not in trace.arrays


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    whole = Variant.of(RIGHT, 9)
    with pytest.raises(ValueError, match=r"^variants \(1\) must be two at the least"):
        layer_removal({"whole": whole})
    with pytest.raises(ValueError, match=r"^controls and published name 'thin', which is no variant: whole, less$"):
        layer_removal({"whole": whole, "less": whole}, controls=["thin"])
    with pytest.raises(ValueError, match=r"^variants were asked about 4 and 3 examples: ask the same$"):
        layer_removal({"whole": whole, "less": Variant.of(RIGHT[:, :3], 9)})
    with pytest.raises(ValueError, match=r"^correct has shape \(1, 3\) and dtype float32: give booleans"):
        Variant.of(torch.ones(3).numpy(), 1)
