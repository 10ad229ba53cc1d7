"""Any module as a chain of layers: the same function, cut in front of each weighted layer; what is none is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.rules.chain import read_chain


class Own(nn.Module):
    """Functions between layers, a size that is asked for, and one layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(1, 2, 3), nn.Linear(50, 8), nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv(x), 2).relu()
        x = x.view(x.size(0), -1)
        x = torch.tanh(self.drop(self.first(x)))
        return self.second(torch.tanh(self.second(x)) * 2 + 1)


def vision(architecture: str, **more: object) -> nn.Module:
    return make_model(VisionConfig(architecture, shape=(1, 16, 16), outputs=3, **more), mean=[0.3], std=[0.2])


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (vision("mlp", depth=3), ["linear1", "linear2", "linear3", "head"]),
        (vision("mlp", norm="layer"), ["linear1", "linear2", "head"]),
        (vision("lenet5"), ["c1", "c3", "c5", "f6", "head"]),
        (vision("small_vgg", width=4, depth=1), ["block1.conv1", "block1.conv2", "hidden", "head"]),
        (vision("tiny_vgg"), None),
        (Own(), ["conv", "first", "second", "second"]),
        (nn.Linear(256, 2), [""]),
        (
            nn.Sequential(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(256, 2))), nn.ReLU(inplace=True)),
            ["0.1.0"],
        ),
    ],
)
def test_a_chain_is_the_module(model: nn.Module, names: list[str] | None) -> None:
    x = torch.rand(4, 1, 12, 12) if isinstance(model, Own) else torch.rand(4, 1, 16, 16)
    x = x.flatten(1) if isinstance(model, nn.Linear) else x
    modes = {name: module.training for name, module in model.named_modules()}
    chain = read_chain(model)
    chain.check(x)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert names is None or [block.name for block in chain.blocks] == names
    model.eval()
    assert torch.equal(chain(x), model(x))
    states = chain.states(x)
    assert len(states) == len(chain.blocks) + 1
    assert torch.equal(states[0], chain.enter(x))
    assert torch.equal(states[-1], chain.blocks[-1](states[-2]))


def test_nothing_is_drawn_and_no_statistic_moves_where_a_chain_is_read_and_checked() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    before = {name: x.clone() for name, x in model.state_dict().items()}
    x, state = torch.rand(8, 4), torch.get_rng_state()
    read_chain(model).check(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())


def test_a_block_has_each_trained_parameter_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    model[0].bias.requires_grad_(False)
    first, last = read_chain(model).blocks
    assert first.parameters() == [model[0].weight, *model[1].parameters()]
    assert last.parameters() == list(model[3].parameters())


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Branching(Sum):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) if x.sum() > 0 else x


class Loose(Sum):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.inner.weight)


class Changing(Sum):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * (2 if self.training else 1)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Sum(), "inner gives is joined"),
        (nn.Sequential(nn.Linear(4, 4), Sum()), "1.inner gives is joined"),
        (Branching(), "depends on its input's values"),
        (Loose(), "uses inner.weight outside of a layer"),
        (nn.Sequential(nn.ReLU()), "no layer with weights"),
        (vision("resnet20", width=4), "joined|values"),
        (vision("vit", width=8, n_head=2), "no chain"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_chain_is_refused_by_name_in_a_line(model: nn.Module, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        read_chain(model)
    assert "\n" not in str(error.value)


def test_a_forward_that_changes_in_evaluation_is_refused_once_it_is_run() -> None:
    chain = read_chain(Changing())
    with pytest.raises(ValueError, match="something else than its layers"):
        chain.check(torch.rand(2, 4))
