"""Shares of a population by Ray's tasks: the same losses by the same call. Needs the extra `cluster`."""

import sys
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation import ways
from glassworks.optim.gradient_free.evaluation.cluster import connected


def test_ray_is_not_imported_by_who_does_not_use_it() -> None:
    assert connected() == 0 or "ray" in sys.modules


@pytest.fixture
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'glassworks[cluster]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_that_is_connected_gives_the_same_losses(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
    x, y = torch.randn(12, 6), torch.randint(3, (12,))
    weights = list(model.parameters())
    candidates = vector.read(weights) + 0.1 * torch.randn(8, sum(p.numel() for p in weights))

    def losses(found: dict[str, list[object]]) -> Tensor:
        return losses_of(lambda: F.cross_entropy(model(x), y), weights, candidates, seed=1, ways=found)

    expected = losses({})
    monkeypatch.setattr(ways, "LONG", 0.0)
    monkeypatch.setattr(ways, "SHORT", 0.0)
    monkeypatch.setattr("glassworks.optim.gradient_free.evaluate.CHOSEN", {})
    monkeypatch.setattr(
        "glassworks.optim.gradient_free.evaluate.best",
        lambda times: next(way for way in times if way.where == "tasks of a cluster"),
    )
    found: dict[str, list[object]] = {}
    torch.testing.assert_close(losses(found), expected)
    assert [way[2:] for way in found.values()] == [["tasks of a cluster", 2]]
