"""A pass as steps: the value of each comes out again, by hand, of its inputs and its facts, and is torch's own."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.access.flow.steps import Flow, Step, names_of
from glassworks.interpret.access.flow.trace import trace
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig


def again(flow: Flow, step: Step) -> Tensor:
    """A step's value by its definition, number by number."""
    x, facts = [flow.steps[i].value.double() for i in step.inputs], step.facts
    shape = step.value.shape
    if step.kind == "conv":
        return by_windows(x[0], facts, shape)
    if step.kind == "linear":
        bias = 0 if facts["bias"] is None else facts["bias"].double()
        return (x[0][..., None, :] * facts["weight"].double()).sum(-1) + bias
    if step.kind == "norm":
        spread = lambda v: v.double() if v.numel() == x[0].numel() == 1 else wide(v, x[0])  # noqa: E731
        y = (x[0] - spread(facts["mean"])) / (spread(facts["variance"]) + facts["eps"]).sqrt()
        y = y if facts["weight"] is None else y * spread(facts["weight"])
        return y if facts["bias"] is None else y + spread(facts["bias"])
    if step.kind == "pointwise":
        y = x[0]
        for link in facts["chain"]:
            y = (
                ALONE[link["op"]](y, **link["numbers"])
                if link["by"] is None
                else PAIRS[link["op"]](y, wide(link["by"], y))
            )
        return y
    if step.kind == "pool":
        pooled = []
        for rows, columns in itertools.product(facts["rows"], facts["columns"]):
            inside = [(r, c) for r in rows for c in columns if 0 <= r < x[0].size(1) and 0 <= c < x[0].size(2)]
            cells = torch.stack([x[0][:, r, c] for r, c in inside])
            pooled.append(cells.amax(0) if facts["how"] == "max" else cells.sum(0) / (len(rows) * len(columns)))
        return torch.stack(pooled, -1).view(shape)
    if step.kind == "move":
        flat = torch.cat([v.flatten() for v in x])
        source = torch.arange(len(flat)) if facts["source"] is None else facts["source"].long()
        return torch.where(source < 0, step.value.double().flatten(), flat[source.clamp_min(0)]).view(shape)
    if step.kind == "combine":
        return PAIRS[facts["op"]](x[0], x[-1])
    if step.kind == "softmax":
        shares = x[0].exp() / x[0].exp().sum(-1, keepdim=True)
        return shares.log() if facts["log"] else shares
    raise AssertionError(step.kind)


def by_windows(x: Tensor, facts: dict, shape: torch.Size) -> Tensor:
    """A convolution as its definition has it: each weight times the numbers that it comes to lie on."""
    weight, y = facts["weight"].double(), torch.zeros(shape, dtype=torch.float64)
    O, I = weight.shape[:2]
    rows, columns = (torch.arange(n) * facts["stride"][i] - facts["padding"][i] for i, n in enumerate(shape[1:]))
    for o, i, u, v in itertools.product(*map(range, weight.shape)):
        row, column = rows + u * facts["dilation"][0], columns + v * facts["dilation"][1]
        inside = ((row >= 0) & (row < x.size(1)))[:, None] & ((column >= 0) & (column < x.size(2)))
        read = x[o // (O // facts["groups"]) * I + i][row.clamp(0, x.size(1) - 1)][:, column.clamp(0, x.size(2) - 1)]
        y[o] += weight[o, i, u, v] * read * inside
    return y if facts["bias"] is None else y + facts["bias"].double()[:, None, None]


def wide(by: float | Tensor, x: Tensor) -> float | Tensor:
    """One number, one a channel or one each."""
    if not isinstance(by, Tensor):
        return by
    return by.double().view(x.shape) if by.numel() == x.numel() else by.double().view(-1, *(1,) * (x.ndim - 1))


ALONE = {
    "relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu, "sigmoid": torch.sigmoid, "leaky_relu": F.leaky_relu,
    "clamp": torch.clamp, "silu": F.silu,
}  # fmt: skip
PAIRS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "rsub": torch.rsub,
    "rdiv": lambda a, b: b / a,
}  # fmt: skip


class Functional(nn.Module):
    """Layers as functions, a module used twice, a branch, a gate, and things nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding="same", groups=2)
        self.first = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(1, 2), padding_mode="reflect")
        self.norm = nn.BatchNorm2d(4)
        self.weights = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x), 0.2)
        y = self.conv(self.conv(x).clamp(min=-0.1, max=0.4))
        x = torch.cat([self.norm(x) + y, 1 - x], 1)
        x = x * F.silu(x.mean((2, 3), keepdim=True))
        x = F.avg_pool2d(F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), 2, 1, padding=1)
        x = F.adaptive_avg_pool2d(x, (2, 3))
        x = torch.flatten(x[:, ::2], 1)[:, :4]
        return F.log_softmax(F.linear(x.cumsum(1), self.weights), dim=1)


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """What steps are checked of: those of the house, and one of functions."""
    torch.manual_seed(0)
    sizes = {"lenet5": (1, 12, 12), "tiny_vgg": (3, 16, 16), "small_vgg": (3, 8, 8), "resnet20": (1, 8, 8)}
    made: dict[str, tuple[nn.Module, tuple[int, ...]]] = {}
    for name, shape in sizes.items():
        config = VisionConfig(name, shape, 4, width=None if name == "lenet5" else 4)
        made[name] = make_model(config, mean=[0.3] * shape[0], std=[0.4] * shape[0]), shape
    return made | {"functional": (Functional(), (2, 9, 8))}


@pytest.mark.parametrize("name", ["lenet5", "tiny_vgg", "small_vgg", "resnet20", "functional"])
def test_every_step_comes_out_again_by_hand_and_the_last_is_the_output(name: str) -> None:
    model, shape = networks()[name]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    x = torch.rand(1, *shape)
    flow = trace(model, x)
    assert torch.equal(flow.steps[flow.output].value, model.eval()(x)[0].detach())
    assert [step.function for step in flow.steps if step.kind == "opaque"] == (
        ["cumsum"] if name == "functional" else []
    )
    for step in flow.steps[1:]:
        if step.kind != "opaque":
            torch.testing.assert_close(again(flow, step).float(), step.value, rtol=1e-4, atol=1e-5)


def test_branches_and_calls_are_found_by_what_is_read() -> None:
    flow = trace(Functional(), torch.rand(1, 2, 9, 8))
    by_name = dict(zip(names_of(flow.steps), range(len(flow.steps)), strict=True))
    joined = flow.steps[by_name["cat"]]
    assert [flow.steps[i].function for i in joined.inputs] == ["add", "rsub"]
    assert {"conv", "conv#1"} <= set(by_name)
    assert flow.steps[by_name["conv#1"]].inputs != flow.steps[by_name["conv"]].inputs


def test_lenet_has_no_box_that_cannot_be_looked_into() -> None:
    flow = trace(networks()["lenet5"][0], torch.rand(1, 1, 12, 12))
    kinds = [(step.name, step.kind) for step in flow.steps if step.name.startswith(("tanh1", "s2", "c3", "pad"))]
    assert kinds == [("pad", "move"), ("tanh1", "pointwise"), ("s2", "pool"), ("s2", "pointwise"), ("c3", "conv")]


class Odd(nn.Module):
    """A part of calls that nobody knows."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x.relu(), -1).values.cumsum(-1) + x


def test_a_module_that_is_not_known_is_one_box_with_its_value_and_what_it_reads() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Odd(), nn.ReLU(inplace=True))
    x = torch.randn(1, 1, 6, 6)
    flow = trace(model, x)
    assert [(step.kind, step.inputs) for step in flow.steps] == [
        ("input", ()),
        ("conv", (0,)),
        ("opaque", (1,)),
        ("pointwise", (2,)),
    ]
    assert flow.steps[2].module == "Odd"
    torch.testing.assert_close(flow.steps[2].value, model[:2](x)[0])


def test_what_is_changed_in_place_through_a_view_is_seen() -> None:
    class Painted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x * 2
            x[:, 0] = 0
            return x + 1

    flow = trace(Painted(), torch.ones(1, 2, 2))
    assert [step.kind for step in flow.steps] == ["input", "pointwise", "opaque", "pointwise"]
    assert flow.steps[2].function == "changed in place"
    assert flow.steps[-1].value.tolist() == [[1, 1], [3, 3]]


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(0.5), nn.ReLU()).train()
    flow = trace(model, torch.rand(1, 1, 5, 5))
    assert [step.kind for step in flow.steps] == ["input", "conv", "pointwise"]
    assert model.training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("x", [torch.rand(2, 1, 5, 5), torch.rand(5), torch.zeros(1, 5, dtype=torch.int64)])
def test_what_is_no_single_example_is_refused(x: Tensor) -> None:
    with pytest.raises(ValueError, match="inputs must be one example"):
        trace(nn.Conv2d(1, 2, 3), x)


@pytest.mark.parametrize(("mode", "kind"), [("nearest", "move"), ("bilinear", "opaque")])
def test_a_resize_is_a_move_only_where_it_moves(mode: str, kind: str) -> None:
    class Larger(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.interpolate(x, scale_factor=2, mode=mode)

    assert trace(Larger(), torch.rand(1, 1, 3, 3)).steps[-1].kind == kind
