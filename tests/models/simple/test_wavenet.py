"""The tree over characters."""

import pytest
import torch
from torch.nn import functional as F

from glassworks.models.simple.wavenet import FlattenConsecutive, WaveNet, WaveNetConfig

V, B = 27, 48


def tokens(n_ctx: int) -> torch.Tensor:
    return torch.randint(V, (B, n_ctx), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("config", "n_ctx", "params"),
    [
        (WaveNetConfig(V, (3,), n_hidden=200), 3, 12_097),
        (WaveNetConfig(V, (8,), n_hidden=200), 8, 22_097),
        (WaveNetConfig(V), 8, 22_397),
        (WaveNetConfig(V, pooled=False), 8, 22_397),
        (WaveNetConfig(V, n_embd=24, n_hidden=128), 8, 76_579),
    ],
)
def test_has_the_lectures_context_and_parameters(config: WaveNetConfig, n_ctx: int, params: int) -> None:
    model = WaveNet(config)
    assert config.n_ctx == n_ctx
    assert sum(p.numel() for p in model.parameters()) == params
    assert model(tokens(n_ctx)).shape == (B, V)


def test_equals_a_tree_walked_by_hand() -> None:
    model = WaveNet(WaveNetConfig(V, (2, 3), n_embd=4, n_hidden=5), seed=1).eval()
    context = tokens(6)
    nodes = [model.embed(context[:, t]) for t in range(6)]
    for level, n in zip(model.levels, (2, 3), strict=True):
        _, linear, norm, _ = level
        groups = [torch.cat(nodes[i : i + n], 1) for i in range(0, len(nodes), n)]
        nodes = [((linear(x) - norm.running_mean) / (norm.running_var + norm.eps).sqrt()).tanh() for x in groups]
    (top,) = nodes
    torch.testing.assert_close(model(context), model.head(top))


def test_join_keeps_neighbours_in_order() -> None:
    x = torch.arange(24.0).view(2, 4, 3)
    joined = FlattenConsecutive(2)(x)
    assert joined.shape == (2, 2, 6)
    assert joined[0, 1].tolist() == [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
    assert torch.equal(FlattenConsecutive(4)(x)[:, 0], x.flatten(1))


def test_pooling_changes_what_is_normalised_only_where_there_are_positions() -> None:
    tree, bug = (WaveNet(WaveNetConfig(V, pooled=pooled), seed=1) for pooled in (True, False))
    flat, same = (WaveNet(WaveNetConfig(V, (8,), pooled=pooled), seed=1) for pooled in (True, False))
    assert not torch.allclose(tree(tokens(8)), bug(tokens(8)))
    assert torch.equal(flat(tokens(8)), same(tokens(8)))


def test_a_seed_gives_the_same_tree() -> None:
    first, again, other = (WaveNet(WaveNetConfig(V), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("pooled", [True, False])
def test_learns_a_batch_by_heart(pooled: bool) -> None:
    model, targets = WaveNet(WaveNetConfig(V, pooled=pooled)), torch.arange(B) % V
    optimizer, seen = torch.optim.SGD(model.parameters(), 0.3), []
    for _ in range(80):
        loss = F.cross_entropy(model(tokens(8)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert seen[-1] < 0.1 * seen[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WaveNetConfig(V, ()), r"factors \(=\(\)\) must be one or more"),
        (lambda: WaveNetConfig(V, (2, 0)), r"factors \(=\(2, 0\)\)"),
        (lambda: WaveNetConfig(V, n_embd=0), r"n_embd \(=0\) must be at least 1"),
        (lambda: FlattenConsecutive(3)(torch.zeros(1, 4, 2)), "4 positions do not split into groups of 3"),
        (lambda: WaveNet(WaveNetConfig(V))(tokens(16)), r"tokens have 16 positions: give n_ctx \(=8\)"),
    ],
)
def test_refuses_what_is_no_tree(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()
