import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.evaluate.labelled.parts import Part
from torch import nn

from glassworks.core.errors import RunError
from glassworks.evaluate.labelled.predictions import Predictions, as_tensor, predict_part, validation


def images(n: int = 50) -> Part:
    generator = np.random.default_rng(0)
    return Part(generator.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8), generator.integers(0, 3, n), np.arange(n) % 7)


NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))


def test_batches_change_nothing_and_the_mode_comes_back() -> None:
    part = images()
    whole = predict_part(NETWORK, part)
    small = predict_part(NETWORK.train(), part, batch_size=7)
    assert NETWORK.training
    assert part.most == 50
    np.testing.assert_allclose(small.log_probabilities, whole.log_probabilities, atol=1e-6)
    with torch.no_grad():
        logits = NETWORK.eval()(torch.from_numpy(part.rows).float() / 255)
    np.testing.assert_allclose(whole.probabilities, logits.softmax(1).numpy(), atol=1e-6)
    np.testing.assert_array_equal(whole.predicted, logits.argmax(1).numpy())
    np.testing.assert_allclose(whole.confidence, logits.softmax(1).max(1).values.numpy(), atol=1e-6)


def test_some_examples_keep_their_names_and_groups() -> None:
    found = predict_part(NETWORK, images(), indices=np.array([10, 3, 40]))
    assert len(found) == 3
    assert found.names([1, 2]) == ["row 3", "row 40"]
    assert found.groups.tolist() == [3, 3, 5]
    np.testing.assert_array_equal(found.targets, images().targets[[10, 3, 40]])


def test_numbers_are_predicted_too() -> None:
    generator = np.random.default_rng(0)
    part = Part(generator.normal(0, 1, (30, 2)).astype(np.float32), generator.normal(0, 1, 30))
    model = nn.Linear(2, 1)
    found = predict_part(model, part)
    with torch.no_grad():
        np.testing.assert_allclose(found.values, model(torch.from_numpy(part.rows))[:, 0].numpy(), atol=1e-6)
    errors = found.values - part.targets
    looked = validation(model, part)
    assert looked == {
        "val_rmse": pytest.approx(np.sqrt((errors**2).mean())),
        "val_mae": pytest.approx(np.abs(errors).mean()),
    }


def test_a_look_during_training_is_at_the_same_few() -> None:
    part = images(1000)
    looked = validation(NETWORK, part)
    whole = predict_part(NETWORK, part)
    losses = nn.functional.nll_loss(torch.from_numpy(whole.log_probabilities), torch.from_numpy(part.targets))
    assert looked["val_loss"] == pytest.approx(float(losses))
    assert looked["val_accuracy"] == pytest.approx((whole.predicted == part.targets).mean())
    assert validation(NETWORK, part, most=100) == validation(NETWORK, part, most=100) != looked
    assert validation(NETWORK, Part(part.rows[:0], part.targets[:0])) == {}


def test_weights_that_diverged_are_said_with_the_example() -> None:
    part = Part(np.array([[1.0], [0.0], [2.0]], np.float32), np.array([0, 1, 0]))
    model = nn.Linear(1, 2)
    nn.init.constant_(model.weight, float("inf"))
    with pytest.raises(RunError, match="the output for row 0 is not finite"):
        predict_part(model, part)


def test_refuses_no_examples_and_another_number_of_outputs() -> None:
    part = images(3)
    with pytest.raises(ValueError, match="no example to predict"):
        predict_part(NETWORK, Part(part.rows[:0], part.targets[:0]))
    with pytest.raises(ValueError, match="class 5: the model tells only 3 apart"):
        predict_part(NETWORK, Part(part.rows, np.array([0, 5, 1])))
    with pytest.raises(ValueError, match="one is wanted"):
        predict_part(NETWORK, Part(part.rows, np.array([0.5, 5, 1])))


def test_a_temperature_changes_no_prediction() -> None:
    found = predict_part(NETWORK, images())
    hot = found.at(3.0)
    np.testing.assert_array_equal(hot.predicted, found.predicted)
    assert hot.confidence.mean() < found.confidence.mean()
    np.testing.assert_allclose(found.at(1.0).probabilities, found.probabilities)
    assert Predictions(np.zeros(2, np.int64)).names([1]) == ["1"]


def test_only_bytes_are_divided() -> None:
    assert as_tensor(np.array([[[[255, 0]]]], np.uint8)).tolist() == [[[[1, 0]]]]
    assert as_tensor(np.array([[255.0, 0]], np.float32)).tolist() == [[255, 0]]


MEASURED = """
import resource
import numpy as np
from torch import nn
from glassworks.evaluate.labelled.predictions import predict_part

class Part:
    groups = None
    def __init__(self, n): self.targets = np.arange(n) % 10
    def __len__(self): return len(self.targets)
    def inputs(self, indices): return np.zeros((len(indices), 3, 32, 32), np.uint8)
    def names(self, indices): return []

model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
for n in (10_000, 100_000):
    predict_part(model, Part(n))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_is_that_of_what_is_said_however_many_are_read() -> None:
    """Ten times as many images, which would be a gigabyte more; what is said of them is 30 MB."""
    said = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True).stdout
    few, many = map(int, said.split())
    assert many - few < 100_000  # kilobytes
