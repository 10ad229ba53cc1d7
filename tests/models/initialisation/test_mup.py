import pytest
import torch
from tests.models.initialisation.networks import batch_of, chain, class_loss
from torch import nn

from glassworks.models.initialisation.draws import draw_default
from glassworks.models.initialisation.mup import draw_mup, mup_groups, mup_rates


def mlp(width: int, inputs: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))


BASE = 64


def test_rates_and_stds_are_those_of_the_papers_table() -> None:
    model, base = mlp(8 * BASE), mlp(BASE)
    assert mup_rates(model, base, "adam") == {
        "0.weight": 1, "0.bias": 1, "2.weight": 1 / 8, "2.bias": 1, "4.weight": 1 / 8, "4.bias": 1
    }  # fmt: skip
    assert mup_rates(model, base, "sgd") == {
        "0.weight": 8, "0.bias": 8, "2.weight": 1, "2.bias": 8, "4.weight": 1 / 8, "4.bias": 1
    }  # fmt: skip
    draw_mup(model, base, 0)
    draw_mup(base, mlp(BASE), 0)
    ratios = [model[n].weight.std().item() / base[n].weight.std().item() for n in (0, 2, 4)]
    assert ratios == pytest.approx([1, 8**-0.5, 1 / 8], rel=0.1)


def test_at_the_bases_own_width_all_rates_are_the_same() -> None:
    for optimizer in ("adam", "sgd"):
        assert set(mup_rates(mlp(32), mlp(32), optimizer).values()) == {1.0}


def test_groups_keep_the_decay_of_weights_whatever_their_rate() -> None:
    model = mlp(4 * BASE)
    groups = mup_groups(model, mlp(BASE), 0.1, weight_decay=0.01)
    assert sorted(group["lr"] for group in groups) == pytest.approx([0.025, 0.1])
    assert all(group["lr"] * group["weight_decay"] == pytest.approx(0.001) for group in groups)
    assert sum(len(group["params"]) for group in groups) == 6
    torch.optim.AdamW(groups)


def sizes(width: int, scheme: str) -> list[float]:
    """Mean |x| of each layer's outputs after three steps of Adam."""
    model = mlp(width)
    if scheme == "mup":
        draw_mup(model, mlp(BASE), 0)
        optimizer = torch.optim.Adam(mup_groups(model, mlp(BASE), 0.01))
    else:
        draw_default(model, 0)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = batch_of(16, 64)
    for _ in range(3):
        optimizer.zero_grad()
        class_loss(model, batch).backward()
        optimizer.step()
    x, found = batch[0], []
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                found.append(x.abs().mean().item())
    return found


def test_numbers_in_layers_are_as_large_at_every_width_after_steps_and_not_so_by_default() -> None:
    widths = (64, 256, 1024)
    flat, loose = ([sizes(width, scheme) for width in widths] for scheme in ("mup", "default"))
    for layer in range(3):
        values = [found[layer] for found in flat]
        assert max(values) / min(values) < 1.6
    assert loose[-1][2] / loose[0][2] > 4  # the outputs grow with the width


def test_convolutions_embeddings_and_norms_have_their_places() -> None:
    def network(width: int) -> nn.ModuleDict:
        return nn.ModuleDict({
            "table": nn.Embedding(7, width), "conv": nn.Conv2d(3, width, 3), "back": nn.ConvTranspose2d(width, 3, 3),
            "inner": nn.ConvTranspose2d(width, 2 * width, 3), "norm": nn.LayerNorm(width),
            "attention": nn.MultiheadAttention(width, 4, bias=False),
        })  # fmt: skip

    rates = mup_rates(network(24), network(8), "sgd")
    assert mup_rates(network(8), network(24), "adam")["attention.in_proj_weight"] == 3
    third = pytest.approx(1 / 3)
    assert rates == {
        "table.weight": 3, "conv.weight": 3, "conv.bias": 3, "back.weight": third, "back.bias": 1,
        "inner.weight": 1, "inner.bias": 3, "norm.weight": 3, "norm.bias": 3,
        "attention.in_proj_weight": 1, "attention.out_proj.weight": 1,
    }  # fmt: skip


class Tied(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.table, self.inner = nn.Embedding(7, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 7, bias=False)
        self.head.weight = self.table.weight


@pytest.mark.parametrize(
    ("model", "base", "message"),
    [
        (mlp(8), nn.Linear(3, 3), "base has no parameter 0.weight of 2 axes: give a network of the same architecture"),
        (chain(8, 2), chain(8, 1), r"base has no parameter 4.weight"),
        (Tied(8), Tied(4), "the last layer has the embedding's weight"),
    ],
)
def test_bases_that_do_not_fit_are_refused(model: nn.Module, base: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mup_rates(model, base)


@pytest.mark.usefixtures("unchecked")
def test_other_optimizers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"optimizer \(='muon'\) must be adam .* or sgd"):
        mup_rates(mlp(8), mlp(4), "muon")
