import pytest
import torch
from tests.models.initialisation.networks import batch_of, chain, loss_of, residual
from torch import nn

from glassworks.models.initialisation.names import SCHEMES
from glassworks.models.initialisation.scheme import draw


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_draws_the_same_from_the_same_seed_and_leaves_frozen_weights(scheme: str) -> None:
    models = [residual(16, 2) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        for p in model[0].parameters():
            p.requires_grad_(False).fill_(0.1)
        draw(model, scheme, run=loss_of(model, batch_of(16)), base=residual(8, 2), seed=seed)
        assert all(p.isfinite().all() for p in model.parameters())
        assert (model[0].weight == 0.1).all()
    first, again, other = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ("xavier", r"initialisation \(='xavier'\) must be one of default, glorot, he, orthogonal, lsuv, fixup, mup"),
        ("lsuv", r"initialisation \(='lsuv'\) needs a batch: give one"),
        ("fixup", r"initialisation \(='fixup'\) needs a batch"),
        ("mup", r"initialisation \(='mup'\) needs base, a network of the same architecture and another width"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_missing_is_said_in_a_line(scheme: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(chain(8, 2), scheme)


def test_double_precision_and_channels_last_are_kept() -> None:
    model = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).double()
    model = model.to(memory_format=torch.channels_last)
    x = torch.rand(4, 8, 3, 3).double()
    for scheme in ("glorot", "he", "orthogonal", "lsuv", "fixup"):
        draw(model, scheme, run=lambda: model(x).square().sum())
        assert model[0].weight.dtype == torch.float64
        assert model[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_as_they_were_where_a_batch_is_refused() -> None:
    model = chain(16, 2)
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match="have variance 0.0"):
        draw(model, "lsuv", run=loss_of(model, (torch.zeros(4, 16), torch.zeros(4, dtype=torch.long))))
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_what_no_scheme_draws_is_named() -> None:
    model = nn.Sequential(nn.Embedding(5, 8), nn.Linear(8, 2))
    assert draw(model, "he") == ["left as they were: 0.weight"]


@pytest.mark.parametrize("scheme", ["lsuv", "fixup"])
def test_a_layer_that_attention_reads_and_never_calls_is_named_as_not_scaled(scheme: str) -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Linear(16, 16), nn.Linear(16, 4)
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            return self.head(x + self.attention(x[:, None], x[:, None], x[:, None])[0][:, 0])

    model = Attending()
    notes = draw(model, scheme, run=loss_of(model, batch_of(16)))
    assert "not called as layers, and so not scaled: attention.out_proj" in notes
