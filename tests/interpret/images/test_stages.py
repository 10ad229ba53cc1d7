"""A chain of stages computes what the network does; a unit is the sum that its weights make of its sources."""

import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.stages import receptive_fields, run_stages, stages_of, unit_of
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.lenet5 import TABLE


def images(*shape: int) -> Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))


def network(architecture, *shape: int) -> nn.Module:
    return make_model(VisionConfig(architecture, shape=shape, outputs=10)).eval()


@pytest.mark.parametrize("architecture", ["mlp", "lenet5", "tiny_vgg", "small_vgg", "resnet20", "vit"])
def test_the_last_stage_is_what_the_network_says(architecture) -> None:
    model, x = network(architecture, 1, 16, 16), images(1, 16, 16)
    values = run_stages(stages_of(model, x), x)
    torch.testing.assert_close(values[-1], model(x))


def test_lenet_has_its_layers_each_with_its_nonlinearity() -> None:
    stages = stages_of(network("lenet5", 1, 28, 28), images(1, 28, 28))
    assert [(stage.name, stage.shape) for stage in stages] == [
        ("normalise", (1, 32, 32)),
        ("c1", (6, 28, 28)),
        ("s2", (6, 14, 14)),
        ("c3", (16, 10, 10)),
        ("s4", (16, 5, 5)),
        ("c5", (120, 1, 1)),
        ("f6", (84,)),
        ("head", (10,)),
    ]
    assert [step.name for stage in stages for step in stage.after] == ["pad", *(f"tanh{n}" for n in range(1, 7))]


def test_a_unit_of_a_sparse_convolution_reads_the_maps_of_its_row_by_their_kernels() -> None:
    model, x = network("lenet5", 1, 28, 28), images(1, 28, 28)[:1]
    stages = stages_of(model, images(1, 28, 28))
    values = run_stages(stages, x)
    filter, row, column = 7, 3, 9
    unit = unit_of(stages[3], values[2], (filter * 10 + row) * 10 + column)
    assert unit.is_sum
    expected = [((m * 14) + row + r) * 14 + column + c for m in TABLE[filter] for r in range(5) for c in range(5)]
    assert unit.sources.tolist() == expected
    torch.testing.assert_close(unit.slopes, model.c3.weight[filter, list(TABLE[filter])].flatten())
    assert unit.offset == pytest.approx(model.c3.bias[filter].item(), abs=1e-5)
    total = float(unit.slopes @ values[2].flatten()[unit.sources]) + unit.offset
    assert unit.values[0] == pytest.approx(total, abs=1e-5)
    assert unit.values[1] == pytest.approx(values[3][0, filter, row, column].item(), abs=1e-6)


def test_the_largest_of_a_window_is_no_sum_but_its_slopes_say_which_it_is() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3)).eval()
    x = images(1, 8, 8)
    stages = stages_of(model, x)
    assert [stage.name for stage in stages] == ["input", "0", "2", "4"]
    values = run_stages(stages, x[:1])
    window = values[1][0, 0, :2, :2]
    unit = unit_of(stages[2], values[1], 0)
    assert not unit.is_sum
    assert unit.values == [window.max().item()]
    if window.max() > 0:
        assert values[1].flatten()[unit.sources].tolist() == [window.max().item()]


def test_what_happens_between_modules_makes_them_one_stage() -> None:
    class Doubled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(16, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head((x + self.conv(x)).flatten(1))

    stages = stages_of(Doubled().eval(), images(1, 4, 4))
    assert [stage.name for stage in stages] == ["input", ""]
    assert stages[1].steps[0].module.__class__ is Doubled


def test_norms_over_the_batch_belong_to_the_convolution_before() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    before = model[1].running_mean.clone()
    assert [[step.name for step in stage.steps] for stage in stages_of(model, images(1, 8, 8))] == [
        [],
        ["0", "1", "2"],
        ["4"],
    ]
    assert torch.equal(model[1].running_mean, before)
    assert model.training


def test_receptive_fields_are_those_of_the_windows_whatever_the_weights() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(16, 2))
    nn.init.zeros_(model[0].weight)
    fields = receptive_fields(stages_of(model.eval(), images(1, 14, 14)), (1, 14, 14))
    assert [len(field) for field in fields] == [196, 144, 36, 16, 2]
    assert fields[0][14 * 3 + 5].tolist() == [3, 3, 5, 5]
    assert fields[1][12 * 2 + 4].tolist() == [2, 4, 4, 6]
    assert fields[2][6 * 1 + 2].tolist() == [2, 5, 4, 7]
    assert fields[3][4 * 1 + 0].tolist() == [2, 9, 0, 7]
    assert fields[4][1].tolist() == [0, 13, 0, 13]


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of numbers for each image"):
        stages_of(nn.Conv2d(1, 1, 3), images(1, 8, 8))
    stages = stages_of(network("mlp", 1, 4, 4), images(1, 4, 4))
    with pytest.raises(ValueError, match=r"unit \(=999\) must be below 256"):
        unit_of(stages[1], run_stages(stages, images(1, 4, 4)[:1])[0], 999)
